"""Labels: whole numbers that are stored among floating ones, in a column of the data."""

import numpy as np


def first_odd_label(labels: np.ndarray, count: int) -> tuple[int, ...] | None:
    """Find the first label that is none of 0 to count - 1: a fraction, not finite, or out of range.

    Parameters
    ----------
    labels
        Labels, of any shape. They must be known numbers: under `jit` they can't be looked at.
    count
        How many labels there are.

    Returns
    -------
    Its index, or None if all are labels.

    Examples
    --------
    >>> import numpy as np
    >>> first_odd_label(np.array([0.0, 1.0, 0.5]), 2)
    (2,)
    >>> first_odd_label(np.array([[0.0], [1.0]]), 2)
    """
    odd = ~((labels >= 0) & (labels < count) & (labels == np.round(labels)))
    return tuple(int(i) for i in np.argwhere(odd)[0]) if odd.any() else None
