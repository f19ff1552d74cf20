"""The gate for data: what a model is given is checked here, once, and made into floating arrays."""

import sys
import warnings
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..maths import as_floating, refuse_nonfinite_rows


class Float32Warning(UserWarning):
    """A Gaussian process is about to be computed in single precision, or from data in it.

    For float64, call ``jax.config.update("jax_enable_x64", True)`` before any array is made, and pass data in it. To keep
    float32 quietly: ``warnings.simplefilter("ignore", gp.models.Float32Warning)``.

    Examples
    --------
    >>> import gparams as gp
    >>> issubclass(gp.models.Float32Warning, UserWarning)
    True
    """


_ADVICE = (
    "this Gaussian process is computed in float32, which is often too coarse for the Cholesky factor of a kernel matrix. "
    'For float64, put this line at the top of the script, before any array is made: jax.config.update("jax_enable_x64", '
    "True). "
)
_ADVICE_64 = (
    "these data are float32, and 64-bit mode is on: pass X.astype(float) and Y.astype(float) to have all digits. "
)
_QUIET = "To keep float32 quietly: warnings.simplefilter('ignore', gparams.models.Float32Warning)."
_INTERNAL = tuple(str(Path(module.__file__).parent) for module in (eqx, jax) if module.__file__)


def read_data(data: Any, *, missing: bool | None = None) -> tuple[Array, Array]:
    """Check (X, Y), and return them as floating arrays [N, D] and [N, P] of one dtype.

    With `missing` NaN in Y stands for an observation that was not made; None where the model can't do with such.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"data: expected a pair (X, Y), got {type(data).__name__} of {_size(data)}")
    X, Y = (as_floating(array, name) for array, name in zip(data, ("X", "Y"), strict=True))
    if Y.ndim == 1:
        Y = Y[:, None]
    for array, name in ((X, "X"), (Y, "Y")):
        if array.ndim != 2:
            mend = "; inputs are rows: pass X[:, None] for one input column" if array.ndim == 1 else ""
            raise ValueError(f"data: expected {name} of two axes, got shape {array.shape}{mend}")
    if X.shape[0] != Y.shape[0]:
        raise ValueError(f"data: X has {X.shape[0]} rows and Y has {Y.shape[0]}; expected one row of each a data point")
    if X.shape[0] == 0 or X.shape[1] == 0 or Y.shape[1] == 0:
        raise ValueError(f"data: X has shape {X.shape} and Y {Y.shape}; expected at least one row and one column")
    _refuse_nonfinite(X, "X")
    if missing:
        _refuse_nonfinite(jnp.where(jnp.isnan(Y), 0.0, Y), "Y")
    else:
        _refuse_nonfinite(Y, "Y", "" if missing is None else " To leave out such elements alone: allow_missing=True.")
    dtype = jnp.promote_types(X.dtype, Y.dtype)
    if dtype == jnp.float32:
        doubles = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
        advice = _ADVICE_64 if doubles else _ADVICE
        warnings.warn(advice + _QUIET, Float32Warning, stacklevel=caller_level())
    return X.astype(dtype), Y.astype(dtype)


def _refuse_nonfinite(array: Array, name: str, mend: str = "") -> None:
    keep = f"To leave such rows out: keep = np.isfinite({name}).all(1), for X and Y alike.{mend}"
    refuse_nonfinite_rows(array, name, keep)


def _size(data: Any) -> str:
    return f"length {len(data)}" if hasattr(data, "__len__") else "no length"


def caller_level() -> int:
    """Frames up to the user's own line, past this library, Equinox and JAX."""
    internal = (str(Path(__file__).parent.parent), *_INTERNAL)
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(internal):
        level, frame = level + 1, frame.f_back
    return level
