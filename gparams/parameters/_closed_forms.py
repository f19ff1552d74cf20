"""The commonest transforms in NumPy: for a few numbers at hand, compiling TFP's code takes a thousand times as long."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ._held import Held
from ._tfp import tfb

Form = Callable[[np.ndarray], np.ndarray]


@functools.lru_cache(maxsize=4096)
def closed_form(transform: Held, method: str) -> Form | None:
    """Return the transform's method, ``"forward"`` or ``"inverse"``, as a function of NumPy arrays; None for most.

    It is known of softplus and of exp, and of either with a number added. TFP's own code is what they are held to, to
    rounding.
    """
    obj = transform.obj
    if type(obj) is not tfb.Chain:
        return _plain(obj, method)
    outer, *inner = obj.bijectors
    if type(outer) is not tfb.Shift or len(inner) != 1 or np.ndim(outer.parameters["shift"]):
        return None
    form, shift = _plain(inner[0], method), np.asarray(outer.parameters["shift"])
    if form is None:
        return None
    if method == "forward":
        return lambda x: form(x) + shift.astype(x.dtype)
    return lambda y: form(y - shift.astype(y.dtype))


def _plain(obj: Any, method: str) -> Form | None:
    if type(obj) is tfb.Exp:
        return {"forward": np.exp, "inverse": np.log}[method]
    if type(obj) is tfb.Softplus and obj.parameters["hinge_softness"] is None and obj.parameters["low"] is None:
        return {"forward": _softplus, "inverse": _inverse_softplus}[method]
    return None


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _inverse_softplus(y: np.ndarray) -> np.ndarray:
    # log(e^y - 1), which overflows for large y: the first form has lost nothing where the second takes over.
    return np.where(y > 1.0, y + np.log1p(-np.exp(-y)), np.log(np.expm1(np.minimum(y, 1.0))))
