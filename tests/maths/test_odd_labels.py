"""Labels: whole numbers from zero, and nothing else."""

import numpy as np
import pytest

from gparams.maths import first_odd_label


@pytest.mark.parametrize("odd", [3.0, -1.0, 0.5, 2.5, np.nan, np.inf, -np.inf])
def test_the_first_that_is_none(odd):
    labels = np.array([[0.0, 1.0], [2.0, 0.0]])
    assert first_odd_label(labels, 3) is None
    labels[1] = odd
    assert first_odd_label(labels, 3) == (1, 0)


def test_whole_numbers_may_be_stored_as_such():
    assert first_odd_label(np.array([0, 2]), 3) is None
    assert first_odd_label(np.array([0, 2]), 2) == (1,)
