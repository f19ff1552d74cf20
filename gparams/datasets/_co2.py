"""The Mauna Loa record of atmospheric carbon dioxide, the field's favourite curve for a sum of kernels."""

from importlib import resources

import numpy as np
from numpy.typing import NDArray


def co2() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Monthly mean concentration of atmospheric CO2 at Mauna Loa, Hawaii, March 1958 to December 2001.

    A steady rise with a yearly wave on top. Each value is the mean of the month's weekly readings. Months
    without a reading (June and October 1958, February to April 1964) are left out, so not all steps in time
    are equal.

    Returns
    -------
    X : array of shape [521, 1]
        Time in decimal years at the middle of the month: January 1960 is 1960 + 0.5/12.
    Y : array of shape [521, 1]
        Concentration in parts per million by volume (ppm).

    Notes
    -----
    Taken from the weekly record that Statsmodels carries as ``statsmodels.datasets.co2`` and that it says is
    in the public domain. The arrays are new ones at each call, so changing them is safe.

    References
    ----------
    Keeling, C.D. and T.P. Whorf. 2004. Atmospheric CO2 concentrations derived from flask air samples at sites
    in the SIO network. In Trends: A Compendium of Data on Global Change. Carbon Dioxide Information Analysis
    Center, Oak Ridge National Laboratory, U.S. Department of Energy, Oak Ridge, Tennessee, U.S.A.
    http://cdiac.ornl.gov/trends/co2/sio-keel-flask/sio-keel-flaskmlo_c.html, obtained on 3/15/2014.
    (SIO is the Scripps Institution of Oceanography.)

    Examples
    --------
    >>> from gparams.datasets import co2
    >>> X, Y = co2()
    >>> X.shape, Y.shape
    ((521, 1), (521, 1))
    >>> print(f"{X[0, 0]:.3f}: {Y[0, 0]:.1f} ppm, {X[-1, 0]:.3f}: {Y[-1, 0]:.1f} ppm")
    1958.208: 316.1 ppm, 2001.958: 371.0 ppm
    """
    text = resources.files("gparams.datasets").joinpath("co2_monthly.csv").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    year, month, ppm, _ = np.loadtxt(rows, delimiter=",", skiprows=1, unpack=True)
    return (year + (month - 0.5) / 12.0)[:, None], ppm[:, None]
