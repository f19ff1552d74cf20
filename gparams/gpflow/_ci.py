"""GPflow's helpers for notebooks under test."""

import os
from collections.abc import Iterator
from typing import Any


def is_continuous_integration() -> bool:
    """Whether the environment says CI, and is not building documentation (DOCS).

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> isinstance(gpflow.ci_utils.is_continuous_integration(), bool)
    True
    """
    return "CI" in os.environ and "DOCS" not in os.environ


def reduce_in_tests(n: int, test_n: int = 2) -> int:
    """Return a number of iterations: `n`, or `test_n` under CI. ``ci_niter`` is its older name.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.ci_utils.reduce_in_tests(5, 5)
    5
    """
    return test_n if is_continuous_integration() else n


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    """Go through all subclasses of a class.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> list(gpflow.ci_utils.subclasses(bool))
    []
    """
    for subclass in cls.__subclasses__():
        yield from subclasses(subclass)
        yield subclass
