"""Make ``gparams/datasets/co2_monthly.csv`` from the weekly record that Statsmodels carries.

Run by hand, from the root of the repository, in an environment that has ``statsmodels``:

    python tests/datasets/make_co2.py

The weekly readings of a calendar month are averaged, and a month without one is left out, since a made-up
value has no place in a data set. Means are rounded to four decimals; a reading has one.
"""

import pathlib

import statsmodels.api as sm

TARGET = pathlib.Path(__file__).parents[2] / "gparams" / "datasets" / "co2_monthly.csv"

HEADER = """\
# Atmospheric CO2 at Mauna Loa Observatory, Hawaii, 1958-2001: monthly means of weekly means.
# co2: mean in ppm (parts per million by volume); weeks: how many weekly readings the mean is of.
# Source: Keeling, C.D. and T.P. Whorf. 2004. Atmospheric CO2 concentrations derived from flask air samples at
# sites in the SIO network. In Trends: A Compendium of Data on Global Change. Carbon Dioxide Information
# Analysis Center, Oak Ridge National Laboratory, U.S. Department of Energy, Oak Ridge, Tennessee, U.S.A.
# (SIO is the Scripps Institution of Oceanography.)
# http://cdiac.ornl.gov/trends/co2/sio-keel-flask/sio-keel-flaskmlo_c.html, obtained on 3/15/2014 by
# Statsmodels, which carries the weekly record as statsmodels.datasets.co2 and says: "This is public domain."
# Made by tests/datasets/make_co2.py. Months without a reading are left out.
year,month,co2,weeks
"""


def monthly_means():
    """The mean and the number of the weekly readings of each month that has any."""
    weekly = sm.datasets.co2.load_pandas().data["co2"].dropna()
    return weekly.groupby([weekly.index.year, weekly.index.month]).agg(["mean", "count"])


def main():
    rows = [f"{y},{m},{mean:.4f},{count}" for (y, m), mean, count in monthly_means().itertuples()]
    TARGET.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows)} months written to {TARGET}")


if __name__ == "__main__":
    main()
