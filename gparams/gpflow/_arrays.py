"""The arrays that the shell hands out: NumPy's own, with the `.numpy()` that GPflow scripts call."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np


class Tensor(np.ndarray):
    """A NumPy array (of rank 0, too) that also answers to ``.numpy()``, as TensorFlow's eager tensors do.

    Indexing and NumPy's functions keep it one; JAX takes it as it takes any array.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> K = gpflow.kernels.SquaredExponential()(np.zeros((2, 1)))
    >>> K[0, 1].numpy()
    array(1.)
    """

    def numpy(self) -> np.ndarray:
        """Return the same numbers as a plain NumPy array."""
        return np.asarray(self)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> "Tensor":
        return np.asarray(array).view(Tensor)

    def __getitem__(self, index: Any) -> Any:
        out = np.ndarray.__getitem__(self, index)
        return out if isinstance(out, np.ndarray) else np.asarray(out).view(Tensor)

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.item(), ndigits)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def is_concrete(x: Any) -> bool:
    """Whether `x` is a JAX array with numbers in it."""
    return isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer)


def to_tensor(x: Any) -> Any:
    """Make a `Tensor` of a JAX array with numbers in it; leave all else as it is."""
    if is_concrete(x) and not jnp.issubdtype(x.dtype, jax.dtypes.extended):
        return np.asarray(x).view(Tensor)
    return x


def map_containers(fn: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to whatever lists, tuples and dictionaries hold, and return containers of the same kinds."""
    if isinstance(value, tuple):
        parts = [map_containers(fn, v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [map_containers(fn, v) for v in value]
    if isinstance(value, dict):
        return {k: map_containers(fn, v) for k, v in value.items()}
    return fn(value)


def arrays_in(value: Any) -> list[Any]:
    """Return the JAX arrays in a value: itself, or what containers hold."""
    if isinstance(value, jax.Array):
        return [value]
    if isinstance(value, list | tuple):
        return [a for v in value for a in arrays_in(v)]
    if isinstance(value, dict):
        return [a for v in value.values() for a in arrays_in(v)]
    return []
