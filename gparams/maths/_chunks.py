"""Work on many rows a chunk at a time, so that memory stays bounded."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._inputs import read_count

# Numbers of the largest array that one chunk may make: 128 MiB in float64.
_MAX_ELEMENTS = 2**24


def rows_in_chunk(row_size: int, batch_size: int | None = None) -> int:
    """Give the number of rows to treat together, so that what is made of them stays below 2**24 numbers.

    Parameters
    ----------
    row_size : int
        Numbers that are made for each row: for a prediction its covariances with what it is conditioned on.
    batch_size : int, optional
        The number of rows, where a user has asked for one.

    Returns
    -------
    int
        The number, at least 1.

    Raises
    ------
    TypeError
        If `batch_size` is not a whole number.
    ValueError
        If it is below 1.

    Examples
    --------
    >>> rows_in_chunk(2**20)
    16
    """
    if batch_size is None:
        return max(1, _MAX_ELEMENTS // max(1, row_size))
    return read_count(batch_size, "batch_size")


def in_chunks(f: Callable[[Array], Any], X: Float[Array, "N D"], rows: int) -> Any:
    """Apply `f` to so many rows of X at a time, in one loop of the compiled program.

    The last chunk is filled up with copies of the last row. In reverse mode each chunk is computed again. Outside `jit` the
    loop is compiled at each call.

    Parameters
    ----------
    f : callable
        Gives an array, or a PyTree of arrays, with the rows of its argument on the first axis.
    X : array
        The rows.
    rows : int
        How many to take together.

    Returns
    -------
    What `f` returns, for all rows.

    Examples
    --------
    >>> in_chunks(lambda X: X.sum(1), jnp.ones((5, 2)), rows=2).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0]
    """
    N, D = X.shape
    if not surely_more(N, rows):
        return f(X)
    num = -(-N // rows)
    filled = jnp.concatenate([X, jnp.broadcast_to(X[-1:], (num * rows - N, D))])
    out = jax.lax.map(jax.checkpoint(f), filled.reshape(num, rows, D))
    return jax.tree.map(lambda a: a.reshape(num * rows, *a.shape[2:])[:N], out)


def surely_more(size: Any, other: Any) -> bool:
    """Whether one size of an array is more than another, as far as can be told: not where a program is exported for any.

    Parameters
    ----------
    size, other : int
        The sizes; symbols, where a program is exported for arrays of any size.

    Returns
    -------
    bool
        False where symbols leave it open.

    Examples
    --------
    >>> surely_more(3, 2)
    True
    """
    try:
        return bool(size > other)
    except jax.errors.InconclusiveDimensionOperation:
        return False
