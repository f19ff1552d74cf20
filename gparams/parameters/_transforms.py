"""Transforms between the unconstrained numbers that an optimiser moves and the values that a model reads."""

import contextlib
import functools
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._closed_forms import closed_form
from ._held import Held, working_dtype
from ._tfp import tfb


def positive(lower: float = 0.0, base: Literal["softplus", "exp"] = "softplus") -> tfb.Bijector:
    r"""Return the transform of a positive parameter, :math:`y = \text{lower} + \log(1 + e^x)`.

    Parameters
    ----------
    lower
        Greatest lower bound of the value, in the parameter's own unit.
    base
        ``"softplus"`` as in GPflow, or ``"exp"`` for :math:`y = \text{lower} + e^x`, which searches over logarithms.

    Returns
    -------
    A TFP bijector; the same object for the same arguments.

    Raises
    ------
    ValueError
        If `base` is neither, or `lower` is not finite.

    References
    ----------
    GPflow 2.11, ``gpflow.utilities.positive``.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.Parameter(0.5, transform=gp.positive(lower=1e-6))
    Parameter(0.5, transform=Softplus + Shift)
    """
    return _positive(float(lower), base)


@functools.cache
def _positive(lower: float, base: str) -> tfb.Bijector:
    makers = {"softplus": tfb.Softplus, "exp": tfb.Exp}
    if base not in makers:
        raise ValueError(f"positive(base={base!r}): expected 'softplus' or 'exp'")
    if not np.isfinite(lower):
        raise ValueError(f"positive(lower={lower}): expected a finite number")
    with jax.ensure_compile_time_eval(), doubles_in_any_mode():
        return tfb.Chain([tfb.Shift(np.float64(lower)), makers[base]()]) if lower else makers[base]()


def bounded(low: Any, high: Any) -> tfb.Bijector:
    r"""Return the transform of a parameter between two bounds, :math:`y = low + (high - low) / (1 + e^{-x})`.

    Parameters
    ----------
    low, high
        Bounds in the parameter's own unit: numbers, or arrays that broadcast to the parameter's shape.

    Returns
    -------
    The TFP bijector ``Sigmoid(low, high)``.

    Raises
    ------
    ValueError
        If a bound is not finite, or `low` is not below `high`.

    References
    ----------
    TensorFlow Probability, ``tfp.bijectors.Sigmoid``.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.Parameter(0.3, transform=gp.bounded(0.0, 1.0))
    Parameter(0.3, transform=Sigmoid)
    """
    lower, upper = np.asarray(low, float), np.asarray(high, float)
    if not (np.all(np.isfinite(lower)) and np.all(np.isfinite(upper)) and np.all(lower < upper)):
        raise ValueError(f"bounded(low={low}, high={high}): expected finite bounds with low < high")
    with jax.ensure_compile_time_eval(), doubles_in_any_mode():
        return tfb.Sigmoid(lower, upper)


@functools.cache
def triangular() -> tfb.Bijector:
    r"""Return the transform of a lower-triangular matrix, filled from a vector of its entries.

    The last axis, of length :math:`M(M+1)/2`, becomes two axes [M, M]. The order of the entries is TFP's
    (``FillTriangular``, a clockwise spiral), which is GPflow's too. The diagonal is not made positive.

    Returns
    -------
    A TFP bijector; the same object at each call.

    References
    ----------
    TensorFlow Probability, ``tfp.bijectors.FillTriangular``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> gp.Parameter(np.eye(3), transform=gp.triangular()).unconstrained.shape
    (6,)
    """
    with jax.ensure_compile_time_eval():
        return tfb.FillTriangular()


# ---- what a Parameter does with its transform. `None` is the identity.

_FEW = 64
_SOME = 2**16  # numbers for which NumPy is faster than a compiler


@contextlib.contextmanager
def doubles_in_any_mode() -> Iterator[None]:
    """Let TFP take doubles where JAX has only float32, without JAX's warning: a transform is the same in both modes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Explicitly requested dtype float64", UserWarning)
        yield


@contextlib.contextmanager
def lenient_promotion() -> Iterator[None]:
    """Run TFP's code under JAX's default promotion rules, also where the user has set stricter ones."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@functools.partial(jax.jit, static_argnums=(0, 1))
def _compiled(transform: Held, method: str, x: Array) -> Array:
    return getattr(transform.obj, method)(x)


def _apply(transform: Held | None, method: str, x: Any) -> Any:
    if transform is None:
        return x
    with lenient_promotion():
        if not isinstance(x, jax.core.Tracer):
            return _apply_now(transform, method, x)
        working = x.astype(working_dtype(x.dtype))
        out = getattr(transform.obj, method)(working)
        return out if working is x else out.astype(x.dtype)


def _apply_now(transform: Held, method: str, x: Any) -> Array:
    """Apply by a closed form, or in one compiled call in place of TFP's many small ones.

    A few numbers are padded to one of a few lengths: compiling takes longer than all else here, and a model has
    Parameters of many shapes.
    """
    x = x if isinstance(x, jax.Array) else np.asarray(x, jax.dtypes.canonicalize_dtype(np.result_type(x)))
    dtype = working_dtype(x.dtype)
    form = closed_form(transform, method) if x.size <= _SOME and lies_here(x) else None
    if form is not None:
        with np.errstate(all="ignore"):  # NaN and infinity are answers
            out = form(np.asarray(x, np.float64).ravel()).reshape(x.shape).astype(x.dtype)
        return jax.device_put(out)
    if not (0 < x.size <= _FEW and transform.scalar and elementwise(transform) and lies_here(x)):
        return _compiled(transform, method, jnp.asarray(x).astype(dtype)).astype(x.dtype)
    padded = np.full(8 if x.size <= 8 else _FEW, np.asarray(x).flat[0], dtype)
    padded[: x.size] = np.ravel(x)
    out = _compiled(transform, method, padded)
    if isinstance(out, jax.core.Tracer):  # a constant in a function that is being traced
        return _compiled(transform, method, jnp.asarray(x).astype(dtype)).astype(x.dtype)
    out = np.asarray(out)[: x.size]
    return jax.device_put(out.reshape(x.shape).astype(x.dtype))


def lies_here(array: Any) -> bool:
    """Whether NumPy can take the array as it lies: a few numbers of it are then no matter for a compiler."""
    if isinstance(array, np.ndarray):
        return True
    if not isinstance(array, jax.Array) or isinstance(array, jax.core.Tracer):
        return False
    devices = array.devices()
    return len(devices) == 1 and next(iter(devices)).platform == "cpu"


def forward(transform: Held | None, u: Any) -> Any:
    """Unconstrained numbers to values."""
    return _apply(transform, "forward", u)


def inverse(transform: Held | None, value: Any) -> Any:
    """Values to unconstrained numbers; NaN or infinite outside the domain."""
    return _apply(transform, "inverse", value)


def log_det_jacobian(transform: Held | None, u: Any) -> Any:
    """Return the log of |det d forward(u) / du|, summed over all elements; a scalar."""
    u = jnp.asarray(u)
    u = u.astype(working_dtype(u.dtype))
    if transform is None:
        return jnp.zeros((), u.dtype)
    with lenient_promotion():
        return jnp.sum(transform.obj.forward_log_det_jacobian(u, event_ndims=u.ndim))


@functools.lru_cache(maxsize=4096)
def forward_shape(transform: Held | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the value for unconstrained numbers of this shape."""
    if transform is None:
        return shape
    return tuple(int(n) for n in transform.obj.forward_event_shape(shape))


def elementwise(transform: Held | None) -> bool:
    """Whether each value depends on one unconstrained number, its own."""
    return transform is None or bool(transform.obj.forward_min_event_ndims == 0)


@functools.lru_cache(maxsize=4096)
def bounds(transform: Held | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Lower and upper bound of the values of an elementwise transform; None where they can't be told."""
    if transform is None:
        return np.asarray(-np.inf), np.asarray(np.inf)
    if not elementwise(transform):
        return None
    infinite = [np.asarray(x, transform.dtype) for x in (-np.inf, np.inf)]
    ends = [forward(transform, x) for x in infinite]
    if any(isinstance(end, jax.core.Tracer) for end in ends):
        with jax.ensure_compile_time_eval():
            ends = [forward(transform, x) for x in infinite]
    ends = [np.asarray(end) for end in ends]
    low, high = np.asarray(np.minimum(*ends)), np.asarray(np.maximum(*ends))
    return (low, high) if np.all(low < high) else None  # NaN compares false


def domain(transform: Held | None) -> str:
    """Say in words which values the transform can take."""
    if transform is None:
        return "any finite number"
    if isinstance(transform.obj, tfb.FillTriangular):
        return "upper-triangular matrices" if transform.obj.parameters["upper"] else "lower-triangular matrices"
    limits = bounds(transform)
    if limits is None:
        return f"the image of {transform.name}"
    low, high = (f"{x:g}" if x.ndim == 0 else np.array2string(x, threshold=4) for x in limits)
    return f"({low}, {high})"
