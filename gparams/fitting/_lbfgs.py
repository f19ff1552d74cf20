"""L-BFGS with the whole loop on the device."""

import dataclasses
import enum
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ._ends import bounds_reached
from ._line_search import search
from ._problem import Problem
from ._solver import STOPPED_BY_CALLBACK, Outcome, Reporter, Solver, not_finite, out_of_steps

_PATIENCE = 5
_OUTGROWN = 100.0  # how many times its unit a number may be


class _Status(enum.IntEnum):
    RUNNING = 0
    SMALL_GRADIENT = 1
    SMALL_DECREASE = 2
    STUCK = 3
    NOT_FINITE = 4


@final
@dataclasses.dataclass(frozen=True)
class LBFGS(Solver):
    r"""L-BFGS with a line search (strong Wolfe conditions), compiled as one loop with the loss in one place.

    It stops when the largest element of the gradient is at most `gtol`, or when five steps in a row have not brought the
    best loss :math:`f` down by `ftol` times :math:`\max(|f|, 1)` each. A step may raise the loss by its rounding noise:
    the covariance matrix of a smooth kernel loses six digits or more, and the gradient still points the way where
    the loss itself can't tell.

    Where a search finds nothing, it starts afresh with each number in units of its own size: with data of size 1e6 the
    numbers have to travel as far as 1e12, and the gradient there is as small. For the same reason a gradient is small
    only if moving any number by its own size would change the loss by no more than a thousandth.

    Parameters
    ----------
    max_steps
        Number of steps at most.
    gtol
        Largest element of the gradient at which it has converged.
    ftol
        Relative fall of the loss at which it has converged; by default 1e-10 in float64, and ten rounding units in
        float32. SciPy's own 2.2e-9, at the first step that meets it, stops short where a parameter's scale is far from
        one.
    memory
        Number of past steps that the curvature is estimated from.
    max_line_search_steps
        Evaluations of the loss in one line search at most.
    every
        Steps between two reports to a callback or a progress bar.

    Raises
    ------
    ValueError
        If `max_steps` is negative, or `memory`, `max_line_search_steps` or `every` less than 1.

    References
    ----------
    Liu & Nocedal (1989), *On the limited memory BFGS method for large scale optimization*; Nocedal & Wright (2006),
    *Numerical Optimization*, algorithms 3.5, 3.6 and 7.5. Hager & Zhang (2005), *A new conjugate gradient method with
    guaranteed descent and an efficient line search*, equation 4.1.

    Examples
    --------
    >>> import gparams as gp
    >>> result = gp.fit(gp.Parameter([1.0, -1.0]), lambda p: ((p - 3.0) ** 2).sum(), solver=gp.fitting.LBFGS())
    >>> print(result.model.value.round(6))
    [3. 3.]
    """

    max_steps: int = 1000
    gtol: float = 1e-5
    ftol: float | None = None
    memory: int = 10
    max_line_search_steps: int = 25
    every: int = 10

    def __post_init__(self) -> None:
        if self.max_steps < 0 or min(self.memory, self.max_line_search_steps, self.every) < 1:
            raise ValueError(
                "LBFGS: expected max_steps of at least 0, and memory, max_line_search_steps and every of at least 1, got "
                f"{self.max_steps}, {self.memory}, {self.max_line_search_steps} and {self.every}"
            )

    def minimize(self, problem: Problem, reporter: Reporter, key: Key[Array, ""] | None) -> Outcome:
        """Run until converged, stuck, or out of steps."""
        carry, message = _start(self, problem), None
        stretch = reporter.stretch(self.every, self.max_steps)
        while message is None:
            limit = min(max(int(carry.step), 0) + stretch, self.max_steps)
            carry = _run(self, problem, carry, np.asarray(limit))
            step, (loss, x, grad) = int(carry.step), carry.best
            if reporter.report(step, float(loss), lambda x=x: problem.model(x)):
                message = STOPPED_BY_CALLBACK
            status = _Status(int(carry.status))
            if status != _Status.RUNNING or step >= self.max_steps:
                message = self._message(status, step, float(np.max(np.abs(np.asarray(grad)))))
        history = np.asarray(carry.history)[: step + 1]
        if status in (_Status.SMALL_GRADIENT, _Status.SMALL_DECREASE, _Status.STUCK):
            message += bounds_reached(problem, x, float(loss))
        return Outcome(x, float(loss), history, step, message.startswith("converged"), message)

    def _message(self, status: _Status, step: int, slope: float) -> str:
        if status == _Status.SMALL_GRADIENT:
            return f"converged: the largest element of the gradient, {slope:.2g}, is at most {self.gtol:g}"
        if status == _Status.SMALL_DECREASE:
            return f"converged: the loss has stopped falling (largest element of the gradient {slope:.2g})"
        if status == _Status.STUCK:
            return f"stopped at step {step}: the line search found no lower loss (gradient {slope:.2g})"
        return not_finite(step) if status == _Status.NOT_FINITE else out_of_steps(step)


class _Memory(NamedTuple):
    """The last steps, the changes of the gradient over them, and one over the products of the two; zero where unused."""

    steps: Array
    changes: Array
    weights: Array


class _Carry(NamedTuple):
    x: Array
    value: Array
    grad: Array
    unit: Array  # the optimiser sees x in these units
    memory: _Memory
    step: Array
    status: Array
    stalls: Array  # steps in a row that found no lower loss
    best: tuple[Array, Array, Array]  # lowest loss so far, its point and its gradient
    short: Array  # steps in a row that did not bring the lowest loss down by ftol
    history: Array


def _no_memory(solver: LBFGS, x: Array) -> _Memory:
    rows: Any = np.zeros((solver.memory, x.size), x.dtype)
    return _Memory(rows, rows, rows[:, 0])


def _remember(memory: _Memory, step: Array, change: Array) -> _Memory:
    along = jnp.sum(step * change)
    # Rounding may leave a step without curvature, and the estimate would no longer be positive definite.
    curved = along > jnp.finfo(step.dtype).eps * jnp.sum(change * change)
    new = _Memory(step, change, 1.0 / along)
    return jax.tree.map(lambda old, row: jnp.where(curved, jnp.concatenate([old[1:], row[None]]), old), memory, new)


def _direction(memory: _Memory, grad: Array) -> Array:
    """Minus the gradient times the estimate of the inverse Hessian: Nocedal & Wright's algorithm 7.4."""

    def back(q: Array, pair: _Memory) -> tuple[Array, Array]:
        a = pair.weights * jnp.sum(pair.steps * q)
        return q - a * pair.changes, a

    def forth(r: Array, pair: tuple[_Memory, Array]) -> tuple[Array, None]:
        (step, change, weight), a = pair
        return r + step * (a - weight * jnp.sum(change * r)), None

    q, along = jax.lax.scan(back, grad, memory, reverse=True)
    change, weight = memory.changes[-1], memory.weights[-1]
    first = jnp.minimum(1.0, 1.0 / jnp.sqrt(jnp.sum(grad * grad)))
    scale = jnp.where(weight > 0, 1.0 / (weight * jnp.sum(change * change)), first)
    return -jax.lax.scan(forth, scale * q, (memory, along))[0]


def _start(solver: LBFGS, problem: Problem) -> _Carry:
    """Stand before the round that evaluates the start, as any later point: so the loss is compiled once."""
    x = problem.vector()
    # Constants of NumPy's, which need no compiling.
    value: Any = np.full((), np.inf, x.dtype)
    grad: Any = np.zeros(x.shape, x.dtype)
    zero: Any = np.zeros((), int)
    history: Any = np.zeros(solver.max_steps + 1, x.dtype)
    memory, best = _no_memory(solver, x), (value, x, grad)
    carry = _Carry(x, value, grad, grad + 1, memory, zero - 1, zero + _Status.RUNNING, zero, best, zero, history)
    return jax.device_put(carry)


def _size(x: Array) -> Array:
    return jnp.maximum(jnp.abs(x), 1.0)


def _small_for_its_size(x: Array, value: Array, grad: Array) -> Array:
    return jnp.max(jnp.abs(grad) * _size(x)) <= 1e-3 * _size(value)


def _test_gradient(solver: LBFGS, x: Array, value: Array, grad: Array) -> Array:
    small = (jnp.max(jnp.abs(grad)) <= solver.gtol) & _small_for_its_size(x, value, grad)
    status = jnp.where(small, _Status.SMALL_GRADIENT, _Status.RUNNING)
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(grad))
    return jnp.where(finite, status, _Status.NOT_FINITE).astype(int)


@eqx.filter_jit
def _run(solver: LBFGS, problem: Problem, carry: _Carry, limit: Any) -> _Carry:
    value_and_grad = jax.value_and_grad(lambda x: problem(x).astype(x.dtype))
    ftol, eps = solver.ftol, float(jnp.finfo(carry.x.dtype).eps)
    if ftol is None:
        ftol = max(1e-10, 10.0 * eps)
    noise = min(1e6 * eps, 1e-5)

    def step(carry: _Carry) -> _Carry:
        # The first round knows no gradient yet: its search goes nowhere, and evaluates the start.
        first, unit = carry.step < 0, carry.unit
        slope, size = carry.grad * unit, _size(carry.best[0])
        direction = jnp.where(first, 0.0, _direction(carry.memory, slope))

        def evaluate(t: Array) -> tuple[Array, Array]:
            value, grad = value_and_grad(carry.x + t * direction * unit)
            return value, grad * unit

        point, new_slope, finite = search(
            evaluate,
            direction,
            carry.value,
            slope,
            noise=noise * size,
            most=solver.max_line_search_steps,
            here=first,
        )
        travelled = point.step * direction
        x, value, grad = carry.x + travelled * unit, point.value, new_slope / unit
        moved = first | (jnp.any(x != carry.x) & (value <= carry.best[0] + noise * size))
        x, value, grad = (jnp.where(moved, new, old) for new, old in zip((x, value, grad), carry[:3], strict=True))
        short = jnp.where((carry.best[0] - value <= ftol * size) & ~first, carry.short + 1, 0)
        stalls = jnp.where(moved, 0, carry.stalls + 1)
        # Where a search finds nothing, or the loss no longer falls though numbers have outgrown their units, the memory is
        # cleared: the next search goes down the gradient, in new units.
        outgrown = (short >= _PATIENCE) & (jnp.max(_size(x) / unit) > _OUTGROWN) & ~_small_for_its_size(x, value, grad)
        short, afresh = jnp.where(outgrown, 0, short), outgrown | ~moved
        new_unit = jnp.where(afresh, _size(x), unit)
        memory = jax.tree.map(
            lambda new, cleared: jnp.where(afresh | first, cleared, new),
            _remember(carry.memory, travelled, new_slope - slope),
            _no_memory(solver, x),
        )
        status = _test_gradient(solver, x, value, grad)
        # A point with no gradient left is the best of those that rounding can't tell apart.
        level = (status == _Status.SMALL_GRADIENT) & (value <= carry.history[0])
        lower = moved & ((value < carry.best[0]) | level)
        best: Any = tuple(jnp.where(lower, new, old) for new, old in zip((value, x, grad), carry.best, strict=True))
        status = jnp.where((status == _Status.RUNNING) & (short >= _PATIENCE), _Status.SMALL_DECREASE, status)
        # Twice stuck: at a minimum to rounding if hardly any gradient is left, else in trouble.
        promise = jnp.sum((carry.best[2] * _size(carry.best[1])) ** 2) <= max(1e-6, noise) * size
        trouble = jnp.where(finite, _Status.STUCK, _Status.NOT_FINITE)
        stuck = jnp.where(promise, _Status.SMALL_DECREASE, trouble)
        status = jnp.where((status == _Status.RUNNING) & (stalls > 1), stuck, status)
        k = carry.step + 1
        return _Carry(x, value, grad, new_unit, memory, k, status, stalls, best, short, carry.history.at[k].set(value))

    def going(carry: _Carry) -> Array:
        return (carry.status == _Status.RUNNING) & (carry.step < limit)

    return jax.lax.while_loop(going, step, carry)
