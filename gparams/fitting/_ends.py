"""What is said of the point that a solver ends at: which Parameters have run to a bound."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import read_values
from ._problem import Problem

_FAR = 60.0  # unconstrained units, at which softplus and the logistic function are flat to rounding
_AWAY = 3.0  # unconstrained units
_MAX_TRIED = 8


def bounds_reached(problem: Problem, x: Float[Array, " n"], loss: float) -> str:
    """Name the Parameters at a bound, as a clause for the message; empty if there are none.

    An optimiser that moves unconstrained numbers never meets a bound: near one the transform is flat, the gradient fades,
    and it calls that converged. A number is taken to be at its bound if its value is within a millionth of the way back to
    the start (or 5 % of the bound, or 0.1 % of the range), and going further still doesn't raise the loss.
    """
    values = {shift: read_values(problem.model(x + shift)) for shift in (-_FAR, -_FAR + 1.0, 0.0, _FAR - 1.0, _FAR)}
    start = read_values(problem.model(problem.vector()))
    found, offset = [], 0
    for path, u in problem.flat.unravel(x).items():
        here, offset = offset, offset + u.size
        ends = [np.asarray(values[shift][path], np.float64) for shift in values]
        if ends[2].shape != u.shape:  # partly frozen, or not one number to one
            continue
        for i, (low, v, high, v0) in enumerate(_bounded(ends, np.asarray(start[path], np.float64))):
            for bound, other, side, sign in ((low, high, "lower", -1.0), (high, low, "upper", 1.0)):
                if np.isfinite(bound) and _close(v, bound, other, v0):
                    found.append((here + i, sign, path + _index(i, u.shape), v, side, bound))
    return _say([f for f in found[:_MAX_TRIED] if _no_reason_to_return(problem, x, loss, f[0], f[1])])


def _bounded(ends: list[np.ndarray], start: np.ndarray) -> Any:
    """Lower bound, value, upper bound and start of each element; infinite where there is no bound."""
    lowest, low, v, high, highest = (end.ravel() for end in ends)
    for i in range(v.size):
        step = 1e-3 * max(abs(v[i]), np.finfo(float).tiny)
        below = lowest[i] if low[i] - lowest[i] < step else -np.inf
        above = highest[i] if highest[i] - high[i] < step else np.inf
        yield below, v[i], above, start.ravel()[i]


def _close(v: float, bound: float, other: float, start: float) -> bool:
    margin = max(1e-6 * abs(start - bound), 0.05 * abs(bound) if not np.isfinite(other) else 1e-3 * abs(other - bound))
    return abs(v - bound) <= margin


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
