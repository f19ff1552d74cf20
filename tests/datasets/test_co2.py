"""The bundled CO2 record: what it holds, and that it is the record it says it is."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from gparams.datasets import co2

ABSENT = [(1958, 6), (1958, 10), (1964, 2), (1964, 3), (1964, 4)]


def decimal_year(year, month):
    return year + (month - 0.5) / 12.0


def test_shapes_and_types():
    X, Y = co2()
    assert X.shape == Y.shape == (521, 1)
    assert X.dtype == Y.dtype == np.float64
    assert np.isfinite(X).all() and np.isfinite(Y).all()


def test_every_month_once_but_for_those_without_a_reading():
    X, _ = co2()
    months = [(year, month) for year in range(1958, 2002) for month in range(1, 13)][2:]
    expected = [decimal_year(*month) for month in months if month not in ABSENT]
    np.testing.assert_allclose(X[:, 0], expected, rtol=0.0, atol=1e-9)
    assert (np.diff(X[:, 0]) > 0.0).all()


def test_range_and_rise():
    X, Y = co2()
    assert 313.0 < Y.min() < 314.0
    assert 373.0 < Y.max() < 374.0
    slope = np.polyfit(X[:, 0], Y[:, 0], 1)[0]
    assert 1.2 < slope < 1.4  # ppm a year


def test_each_call_gives_arrays_of_its_own():
    X, Y = co2()
    X[:], Y[:] = 0.0, 0.0
    assert co2()[0].min() > 1958.0 and co2()[1].min() > 313.0


def test_reads_from_a_zip(tmp_path, monkeypatch):
    """A wheel may be imported zipped, so the file is read as a resource and not by its path."""
    source = Path(__file__).parents[2] / "gparams" / "datasets"
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        archive.writestr("zipped_gparams/__init__.py", "")
        for name in ("_co2.py", "co2_monthly.csv"):
            text = (source / name).read_text(encoding="utf-8").replace("gparams.datasets", "zipped_gparams")
            archive.writestr(f"zipped_gparams/{name}", text)
    monkeypatch.syspath_prepend(str(tmp_path / "zipped.zip"))
    from zipped_gparams._co2 import co2 as zipped

    assert np.array_equal(zipped(), co2())


@pytest.mark.parametrize(
    ("year", "month", "ppm"),
    [(1958, 3, 316.1), (1958, 4, 317.2), (1965, 1, 319.4), (1980, 5, 341.34), (2001, 12, 371.02)],
)
def test_values(year, month, ppm):
    X, Y = co2()
    row = np.flatnonzero(np.isclose(X[:, 0], decimal_year(year, month), rtol=0.0, atol=1e-9))
    assert row.size == 1
    assert Y[row[0], 0] == pytest.approx(ppm, abs=1e-4)


def test_equals_the_means_of_the_weekly_record():
    datasets = pytest.importorskip("statsmodels.datasets")
    weekly = datasets.co2.load_pandas().data["co2"].dropna()
    means = weekly.groupby([weekly.index.year, weekly.index.month]).mean()
    X, Y = co2()
    np.testing.assert_allclose(X[:, 0], [decimal_year(*month) for month in means.index], rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(Y[:, 0], means.to_numpy(), rtol=0.0, atol=5.001e-5)
