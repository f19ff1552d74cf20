r"""Missing observations, with shapes that don't depend on which are missing.

In the covariance of the data, the row and column of a missing observation are replaced by those of an independent
variable of unit variance, and its residual by zero. That changes nothing for the rest: its log density is a constant,
and the inverse has a block of its own for it. Outputs that miss the same rows share a factor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

# Columns of Y that miss the same rows, together; None where nothing may be missing.
Patterns = tuple[tuple[int, ...], ...] | None


def read_patterns(Y: Float[Array, "N P"]) -> Patterns:
    """Sort the columns by the rows that they miss; inside jit, where these can't be seen, each column is by itself."""
    P = Y.shape[1]
    if isinstance(Y, jax.core.Tracer):
        return tuple((p,) for p in range(P))
    groups: dict[bytes, list[int]] = {}
    for p, missing in enumerate(np.isnan(np.asarray(Y)).T):
        groups.setdefault(missing.tobytes(), []).append(p)
    return tuple(tuple(columns) for columns in groups.values())


class Part(NamedTuple):
    """Outputs that share a covariance: their residuals, the covariance, and which rows are observed (None for all)."""

    R: Float[Array, "N p"]
    Ky: Float[Array, "N N"]
    seen: Bool[Array, " N"] | None


def split_by_pattern(
    Y: Float[Array, "N P"], R: Float[Array, "N P"], Ky: Float[Array, "N N"], patterns: Patterns
) -> list[Part]:
    """Put independent variables of unit variance in the place of missing observations."""
    if patterns is None:
        return [Part(R, Ky, None)]
    parts = []
    eye = jnp.eye(Ky.shape[0], dtype=Ky.dtype)
    for columns in patterns:
        seen = ~jnp.isnan(Y[:, columns[0]])
        residuals = jnp.where(seen[:, None], R[:, np.asarray(columns)], 0.0)
        parts.append(Part(residuals, jnp.where(seen[:, None] & seen[None, :], Ky, eye), seen))
    return parts


def shut_out(L: Float[Array, "N N"], seen: Bool[Array, " N"] | None) -> Float[Array, "N N"]:
    """Give missing observations a noise so large that new points see nothing of them: the factor's pivots become huge."""
    if seen is None:
        return L
    huge = float(np.sqrt(np.sqrt(np.finfo(L.dtype).max)))
    eye = jnp.eye(L.shape[0], dtype=bool)
    return jnp.where(eye & ~seen[:, None], huge, L)


def restore(arrays: Sequence[Array], patterns: Patterns, axis: int = 1) -> Array:
    """Join what was computed for each pattern, with the outputs in their own order."""
    if patterns is None:
        return arrays[0]
    order = np.argsort([p for columns in patterns for p in columns])
    return jnp.take(jnp.concatenate(list(arrays), axis), order, axis)
