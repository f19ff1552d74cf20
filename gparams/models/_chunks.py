"""Work on many rows a chunk at a time, so that memory stays bounded."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Elements of the cross-covariance that one chunk may have: 128 MiB in float64.
_MAX_ELEMENTS = 2**24


def rows_in_chunk(num_conditioning: int, batch_size: int | None) -> int:
    """Number of new inputs to treat together: as asked, else as many as keep the cross-covariance to 2**24 elements."""
    if batch_size is None:
        return max(1, _MAX_ELEMENTS // max(1, num_conditioning))
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
    return int(batch_size)


def in_chunks(f: Callable[[Array], Any], X: Float[Array, "N D"], rows: int) -> Any:
    """Apply `f` to so many rows of X at a time; all it returns has the rows on its first axis.

    The last chunk is filled up with copies of the last row. In reverse mode each chunk is computed again.
    """
    N, D = X.shape
    if N <= rows:
        return f(X)
    num = -(-N // rows)
    filled = jnp.concatenate([X, jnp.broadcast_to(X[-1:], (num * rows - N, D))])
    out = jax.lax.map(jax.checkpoint(f), filled.reshape(num, rows, D))
    return jax.tree.map(lambda a: a.reshape(num * rows, *a.shape[2:])[:N], out)
