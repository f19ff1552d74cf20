"""gparams computes what GPflow 2.11.2 computes: parameters, outputs, gradients, summaries and fits.

The reference values and their layout are described in ``oracle_format``, the rules of comparison in
``compare``.
"""

from collections import Counter
from pathlib import Path

import pytest

from .adapter import Adapter
from .compare import check_case
from .oracle_format import load

HERE = Path(__file__).parent
FILES = {name: load(HERE / name)["cases"] for name in ("gpflow_cases.npz", "extra_cases.npz")}
CASES = {case["id"]: case for cases in FILES.values() for case in cases}

NEEDS_FUNCTIONS = "the variance or scale is a function of X, and mean_functions has no {} yet"
LEFT_OUT = {
    "likelihood/Gaussian/function": NEEDS_FUNCTIONS.format("Polynomial"),
    "likelihood/Gaussian/scale_function": NEEDS_FUNCTIONS.format("Linear"),
}
RUN = [name for name in CASES if name not in LEFT_OUT]

COUNTS = {
    "gpflow_cases.npz": {
        "kernel": 16, "mean": 1, "likelihood": 3, "model": 4, "bijector": 5, "prior": 12, "fit": 1,
        "summary": 2,
    },
    "extra_cases.npz": {
        "model": 23, "kernel": 16, "mean": 4, "likelihood": 3, "prior": 10, "fit": 2, "summary": 6,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_case(name):
    results = check_case(CASES[name], Adapter())
    problems = [f"{what}: {problem}" for what, problem in results if problem is not None]
    assert results, "nothing was compared"
    assert not problems, f"{len(problems)} of {len(results)} comparisons fail\n" + "\n".join(problems)


@pytest.mark.parametrize("file", COUNTS)
def test_no_case_went_missing(file):
    assert Counter(case["group"] for case in FILES[file]) == COUNTS[file]


def test_every_case_is_run_or_left_out_for_a_reason():
    assert len(CASES) == sum(map(len, FILES.values())), "an id stands for two cases"
    assert set(RUN) | set(LEFT_OUT) == set(CASES)
    assert not set(RUN) & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("name", LEFT_OUT)
def test_left_out_case_cannot_run_yet(name):
    """A case whose missing part has been built belongs among those that run."""
    with pytest.raises(AttributeError, match="mean_functions"):
        Adapter().build(CASES[name])
