"""The gate: values are checked here where they enter a model, so that no NaN and no wrong shape passes in silence."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._held import Held
from ._tfp import tfb
from ._transforms import bounds, domain, elementwise, forward, inverse

_X64 = 'jax.config.update("jax_enable_x64", True)'


def default_float() -> np.dtype:
    """JAX's default float: float64 if 64-bit mode is on, float32 otherwise."""
    return np.dtype(jax.dtypes.canonicalize_dtype(np.float64))


def read_array(value: Any, dtype: Any, what: str) -> Array:
    """Make a floating array of what a user gave."""
    dtype = None if dtype is None else _read_dtype(dtype, what)
    if not isinstance(value, jax.Array):
        try:
            value = np.asarray(value.value if hasattr(value, "__jax_array__") else value)
        except ValueError as error:
            raise TypeError(f"{what}: expected a number or a rectangular array, got {value!r}") from error
    if value.dtype.kind not in "fiu" and not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"{what}: expected real numbers, got {value!r} of dtype {value.dtype}")
    if dtype is None:
        floating = jnp.issubdtype(value.dtype, jnp.floating)
        dtype = jax.dtypes.canonicalize_dtype(value.dtype) if floating else default_float()
    return jnp.asarray(value, dtype=dtype)


def _read_dtype(dtype: Any, what: str) -> np.dtype:
    dtype = np.dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"{what}: expected a floating dtype, got {dtype}")
    if jax.dtypes.canonicalize_dtype(dtype) != dtype:
        raise ValueError(f"{what}: dtype {dtype} needs JAX's 64-bit mode. Turn it on at the top of the script: {_X64}")
    return dtype


def to_unconstrained(transform: Held | None, value: Array, what: str) -> Array:
    """Map a value through the transform's inverse; refuse it if it is not finite or outside the domain.

    A traced value (under jit, grad or vmap) can't be looked at, and passes unchecked.
    """
    _check_shape(transform, value, what)
    u = inverse(transform, value)
    if isinstance(value, jax.core.Tracer):
        return u
    y = np.asarray(value)
    if not np.isfinite(y).all():
        raise ValueError(f"{what}: expected finite values, got {_first(y, np.asarray(~np.isfinite(y)))}")
    bad = outside(transform, y, u)
    if bad is not None:
        raise ValueError(f"{what}: {_first(y, bad)} is outside {domain(transform)}, the domain of {transform}")
    return u


def _check_shape(transform: Held | None, value: Array, what: str) -> None:
    if transform is None:
        return
    rank = transform.obj.inverse_min_event_ndims
    if value.ndim < rank:
        raise ValueError(f"{what}: {transform} takes values of at least {rank} axes, got shape {value.shape}")
    if elementwise(transform):
        limits = bounds(transform)
        if limits is not None and np.broadcast_shapes(limits[0].shape, value.shape) != value.shape:
            raise ValueError(f"{what}: {transform} has bounds of shape {limits[0].shape}, got values of {value.shape}")
    elif rank == 2 and value.shape[-1] != value.shape[-2]:
        raise ValueError(f"{what}: {transform} takes square matrices, got shape {value.shape}")


def outside(transform: Held | None, y: np.ndarray, u: Array) -> np.ndarray | None:
    """Mark the elements outside the domain; None if there are none."""
    if transform is None:
        return None
    if elementwise(transform):
        bad = np.asarray(~np.isfinite(np.asarray(u)))
        limits = bounds(transform)
        if limits is not None:
            bad = np.asarray(bad | (y <= limits[0]) | (y >= limits[1]))
    else:
        bad = np.zeros(y.shape, bool)
    if elementwise(transform) and bounds(transform) is not None:
        return bad if bad.any() else None
    # No bounds to compare with: a value in the domain comes back from a round trip.
    triangle = transform.obj
    if isinstance(triangle, tfb.FillTriangular):  # told from the entries that must be zero
        empty = np.tril(y, -1) if triangle.parameters["upper"] else np.triu(y, 1)
        return empty != 0 if empty.any() else None
    back = np.asarray(forward(transform, u))
    tolerance = np.sqrt(float(jnp.finfo(y.dtype).eps)) * np.max(np.abs(y), initial=0.0)
    bad = np.asarray(bad | ~(np.abs(back - y) <= tolerance))
    return bad if bad.any() else None


def _first(y: np.ndarray, bad: np.ndarray) -> str:
    """Name the first bad element and its index."""
    if y.ndim == 0:
        return f"{y}"
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{y[index]} at index {list(index)}"


def read_same_shape(value: Any, shape: tuple[int, ...], dtype: Any, what: str) -> Array:
    """Make an array of exactly this shape; nothing is broadcast in silence."""
    array = read_array(value, None, what)
    if array.shape != shape:
        mend = f"jnp.full({shape}, {array})" if array.ndim == 0 and not isinstance(array, jax.core.Tracer) else ""
        mend = f". To give every element the same value: {mend}" if mend else ""
        raise ValueError(f"{what}: expected shape {shape}, got shape {array.shape}{mend}")
    return array.astype(dtype)
