"""What kernels do with their inputs: the columns they read, the labels in them, and rows against rows."""

from typing import Any, NamedTuple

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..maths import first_odd_label


class Slice(NamedTuple):
    """A Python slice that can be hashed (before Python 3.12 they can't)."""

    start: int | None
    stop: int | None
    step: int | None


ActiveDims = tuple[int, ...] | Slice | None


def read_active_dims(active_dims: Any) -> ActiveDims:
    """Check the columns of X that a kernel reads: a list of indices, a slice, or None for all."""
    if active_dims is None or isinstance(active_dims, Slice):
        return active_dims
    if isinstance(active_dims, slice):
        return Slice(active_dims.start, active_dims.stop, active_dims.step)
    dims = np.asarray(active_dims)
    if dims.ndim != 1 or dims.dtype.kind not in "iu" or dims.size == 0:
        raise ValueError(f"active_dims: expected a slice or a list of column numbers, got {active_dims!r}")
    return tuple(int(d) for d in dims)


def pair(u: Float[Array, "*B N"], v: Float[Array, "*C N2"] | None = None) -> tuple[Array, Array]:
    """Give two vectors of numbers the shapes in which each number of one meets each of the other.

    [*B, N, 1] and [*B, 1, N] without `v`; otherwise shapes that broadcast to [*B, N, *C, N2].
    """
    if v is None:
        return u[..., :, None], u[..., None, :]
    return u.reshape(u.shape + (1,) * v.ndim), v.reshape((1,) * u.ndim + v.shape)


def one_hot(labels: Float[Array, "*B N"], num_labels: int, who: str, dtype: Any) -> Float[Array, "*B N L"]:
    """Give each label, a whole number stored as a float, the row of the identity matrix that it stands for.

    A label that is none is refused; where it can't be looked at, under jit, its row is NaN.
    """
    if not isinstance(labels, jax.core.Tracer):
        y = np.asarray(labels)
        index = first_odd_label(y, num_labels)
        if index is not None:
            raise ValueError(
                f"{who}: expected labels 0 to {num_labels - 1}, got {y[index]} in row {index[-1]}. Is it the right column? "
                "Choose that of the labels by active_dims"
            )
    known = jnp.arange(num_labels, dtype=labels.dtype).reshape((1,) * labels.ndim + (num_labels,))
    rows = (labels[..., None] == known).astype(dtype)
    return jnp.where(jnp.any(rows > 0, -1, keepdims=True), rows, jnp.full_like(rows, jnp.nan))
