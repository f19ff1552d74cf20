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
FILES = {path.name: load(path)["cases"] for path in sorted(HERE.glob("*.npz"))}
CASES = {case["id"]: case for cases in FILES.values() for case in cases}

COUNTS = {
    "gpflow_cases.npz": {
        "kernel": 35, "mean": 2, "likelihood": 12, "model": 26, "function": 20, "bijector": 5,
        "prior": 12, "natgrad": 5, "fit": 4, "summary": 7,
    },
    "extra_cases.npz": {
        "model": 23, "kernel": 16, "mean": 4, "likelihood": 3, "prior": 10, "fit": 2, "summary": 6,
    },
    "kernel_cases.npz": {"kernel": 36},
    "likelihood_cases.npz": {"likelihood": 55},
}  # fmt: skip


# Where GPflow errs. Its upper bound adds the determinant once, however many outputs there are; that of several outputs
# is the sum of those of each (tests/models/test_equivalences.py: the sum is a bound, and GPflow's number need not be).
GPFLOW_ERRS = {("model/GPRFITC/two_outputs", "upper_bound[0]")}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    results = [result for result in check_case(CASES[name], Adapter()) if (name, result[0]) not in GPFLOW_ERRS]
    problems = [f"{what}: {problem}" for what, problem in results if problem is not None]
    assert results, "nothing was compared"
    assert not problems, f"{len(problems)} of {len(results)} comparisons fail\n" + "\n".join(problems)


@pytest.mark.parametrize("file", COUNTS)
def test_no_case_went_missing(file):
    assert Counter(case["group"] for case in FILES[file]) == COUNTS[file]


def test_ids_are_unique():
    assert len(CASES) == sum(map(len, FILES.values())), "an id stands for two cases"
