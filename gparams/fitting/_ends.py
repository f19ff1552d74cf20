"""What is said of the point that a solver ends at: Parameters at a bound, and why no loss was finite."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import log_prior, parameter_dict, read_values
from ._problem import Problem
from ._solver import not_finite
from ._stream import Stream

_FAR = 100.0  # an unconstrained number at which softplus and the logistic function are flat to rounding
_AWAY = 3.0  # unconstrained units
_MAX_TRIED = 8


def bounds_reached(problem: Problem, x: Float[Array, " n"], loss: float) -> str:
    """Name the Parameters at a bound, as a clause for the message; empty if there are none.

    An optimiser that moves unconstrained numbers never meets a bound: near one the transform is flat, the gradient fades,
    and it calls that converged. A number is taken to be at its bound if its value is within a millionth of the way back to
    the start (or 5 % of the bound, or 0.1 % of the range), and going further still doesn't raise the loss.
    """
    ends = (np.full(x.shape, far, x.dtype) for far in (-_FAR, 1.0 - _FAR, _FAR - 1.0, _FAR))
    points = [x, problem.vector(), *map(jax.device_put, ends)]
    values = [read_values(problem.model(point)) for point in points]
    found, offset = [], 0
    for path, u in problem.flat.unravel(x).items():
        here, offset = offset, offset + u.size
        seen = [np.asarray(value[path], np.float64) for value in values]
        if seen[0].shape != u.shape:  # partly frozen, or not one number to one
            continue
        for i, (v, v0, low, high) in enumerate(_bounded(*(a.ravel() for a in seen))):
            for bound, other, side, sign in ((low, high, "lower", -1.0), (high, low, "upper", 1.0)):
                if np.isfinite(bound) and _close(v, bound, other, v0):
                    found.append((here + i, sign, path + _index(i, u.shape), v, side, bound))
    return _say([f for f in found[:_MAX_TRIED] if _no_reason_to_return(problem, x, loss, f[0], f[1])])


def without_finite_loss(problem: Problem, model: Any) -> tuple[float, str]:
    """Loss and message of a run that has met no finite loss with a finite gradient: its model is the one it began with."""
    value = np.inf if isinstance(problem.data, Stream) else float(problem.evaluate(model))
    if np.isfinite(value):
        return value, not_finite(0, "the gradient of the loss")
    return np.inf, not_finite(0) + _priors_without_density(model) + explained(model, np.inf)


def explained(model: Any, loss: float) -> str:
    """What the model itself has to say of its loss, as a clause for the message."""
    explain = getattr(type(model), "explain_loss", None)
    said = explain(model, loss) if callable(explain) else ""
    return f"; {said}" if said else ""


def _priors_without_density(model: Any) -> str:
    """Name the Parameters whose priors have no density at their values, as a clause for the message."""
    with_prior = {path: p for path, p in parameter_dict(model).items() if getattr(p, "prior", None) is not None}
    said = [path or "the Parameter" for path, p in with_prior.items() if not np.isfinite(log_prior(p))]
    return f"; the prior of {', '.join(said)} excludes the value there" if said else ""


def _bounded(v: Any, start: Any, lowest: Any, low: Any, high: Any, highest: Any) -> Any:
    """Value, start, lower and upper bound of each element; infinite where there is no bound."""
    flat = 1e-6 * np.maximum(np.abs(v), np.finfo(float).tiny)
    with np.errstate(invalid="ignore"):
        below = np.where(np.abs(low - lowest) <= flat, lowest, -np.inf)
        above = np.where(np.abs(highest - high) <= flat, highest, np.inf)
    return zip(v, start, below, above, strict=True)


def _close(v: float, bound: float, other: float, start: float) -> bool:
    margin = max(1e-6 * abs(start - bound), 0.05 * abs(bound) if not np.isfinite(other) else 1e-3 * abs(other - bound))
    return bool(abs(v - bound) <= margin)


def _no_reason_to_return(problem: Problem, x: Array, loss: float, element: int, sign: float) -> bool:
    further = float(_loss(problem, x.at[element].add(sign * _AWAY)))
    return further <= loss + 1e-4 * max(1.0, abs(loss))


def _index(i: int, shape: tuple[int, ...]) -> str:
    return f"[{', '.join(str(int(k)) for k in np.unravel_index(i, shape))}]" if shape else ""


def _say(found: list[Any]) -> str:
    if not found:
        return ""
    said = [f"{name} = {v:.4g} is at its {side} bound, {_zero(bound):.4g}" for _, _, name, v, side, bound in found]
    return "; at a bound: " + ", ".join(said)


def _zero(bound: float) -> float:
    return 0.0 if abs(bound) < 1e-20 else bound


@eqx.filter_jit
def _loss(problem: Problem, x: Array) -> Array:
    return jnp.nan_to_num(problem(x), nan=jnp.inf)
