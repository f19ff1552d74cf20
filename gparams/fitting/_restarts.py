"""Fits from many starts, as one compiled program."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..parameters import Flat, combine, randomize, read_key
from ._ends import bounds_reached, explained, without_finite_loss
from ._lbfgs import LBFGS, _run, _start, _Status
from ._problem import Problem, make_problem
from ._side_by_side import side_by_side, workers_for
from ._solver import Reporter, Solver


@dataclasses.dataclass(frozen=True)
class RestartsResult:
    """The outcome of fits from many starts; item 0 of each array is the fit from the model itself.

    Parameters
    ----------
    model
        The best of the fitted models.
    loss
        Its loss.
    best
        Which of the fits it is from.
    losses
        Final loss of each fit; NaN where the loss was not finite at the start, or never became so.
    start_losses
        Loss at each start.
    steps
        Number of steps of each fit.
    converged
        Whether each fit met the solver's own test.
    messages
        Why each fit stopped, in words; of the best one also which Parameters are at a bound.
    models
        All fitted models, in the order of the starts.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import jax.numpy as jnp
    >>> result = gp.fit_restarts(gp.Parameter(2.0), lambda p: jnp.cos(3.0 * p) + 0.1 * p**2, key=jax.random.key(0), num=8)
    >>> len(result.losses), bool(result.loss == result.losses.min())
    (8, True)
    """

    model: Any
    loss: float
    best: int
    losses: np.ndarray
    start_losses: np.ndarray
    steps: np.ndarray
    converged: np.ndarray
    messages: tuple[str, ...]
    models: tuple[Any, ...]

    def __repr__(self) -> str:
        finite = np.isfinite(self.losses)
        spread = f"{np.median(self.losses[finite]):.6g}" if finite.any() else "none"
        return (
            f"RestartsResult({type(self.model).__name__}, loss={self.loss:.6g} from start {self.best} of "
            f"{len(self.losses)}, median loss {spread}, {int(self.converged.sum())} converged: {self.messages[self.best]})"
        )


def fit_restarts(
    model: Any,
    loss: Callable[..., Any] | None = None,
    data: Any = None,
    *,
    key: Key[Array, ""],
    num: int = 32,
    solver: Solver | None = None,
    spread: float = 1.0,
    batched: bool | None = None,
    workers: int | None = None,
) -> RestartsResult:
    """Fit from several starts, and keep the best.

    The first start is the model itself. The others are draws of `randomize`: a trainable Parameter with a prior is drawn
    from it, and any other moves by a normal step of standard deviation `spread` around its own value, in the
    unconstrained space. A start whose loss is not finite is reported and passed over.

    All fits are runs of one compiled program. On a CPU as many go side by side as there are cores, each stopping at its
    own time; on an accelerator all are done at once, in one batch, and every step lasts as long as the slowest.

    Parameters
    ----------
    model, loss, data
        As for `fit`.
    key
        JAX random key for the starts.
    num
        Number of starts.
    solver
        ``LBFGS(...)``, which is the default; any other is run once for each start, from Python.
    spread
        Standard deviation of the starts, in unconstrained units.
    batched
        Whether to do all fits at once; by default not on a CPU, and on anything else.
    workers
        How many fits go side by side where they are not batched, each with its own memory. By default one to a core, and
        fewer with several thousand rows of data, where each may take gigabytes.

    Returns
    -------
    RestartsResult
        With the best model, and the loss and message of every start.

    Raises
    ------
    ValueError
        If there is no start or no worker, nothing is trainable, or the loss is not one number.
    TypeError
        If there is no loss, or the solver is not one.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> model = gp.models.GPR((X, np.sin(4.0 * X)), kernel=gp.kernels.SquaredExponential(), noise_variance=0.1)
    >>> result = gp.fit_restarts(model, key=jax.random.key(0), num=4)
    >>> result.loss <= gp.fit(model).loss + 1e-6, result.losses.shape
    (True, (4,))
    """
    for name, number in (("num", num), ("workers", workers)):
        if number is not None and number < 1:
            raise ValueError(f"fit_restarts: expected {name} of at least 1, got {number}")
    solver = LBFGS() if solver is None else solver
    if not isinstance(solver, Solver):
        raise TypeError(f"fit_restarts: expected a solver such as gp.fitting.LBFGS(), got {solver!r}")
    data = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data)
    problem = make_problem(model, loss, data)
    start_key, run_key = jax.random.split(read_key(key, "fit_restarts"))
    starts = _starts(problem, start_key, num, spread)
    if isinstance(solver, LBFGS):
        batched = _on_accelerator(starts) if batched is None else batched
        runs = _fit_together(solver, problem, starts, None if batched else workers or workers_for(problem))
    else:
        runs = _fit_in_turn(solver, problem, starts, run_key)
    losses = np.where(np.isfinite(runs.losses), runs.losses, np.nan)
    best = _lowest(losses)
    messages = list(runs.messages)
    if np.isfinite(losses[best]):
        messages[best] += explained(runs.models[best], float(losses[best]))
    else:
        messages[best] = without_finite_loss(problem, runs.models[best])[1]
    facts = (losses, runs.start_losses, runs.steps, runs.converged, tuple(messages), runs.models)
    return RestartsResult(runs.models[best], float(losses[best]), best, *facts)


def _lowest(losses: np.ndarray) -> int:
    return 0 if np.isnan(losses).all() else int(np.nanargmin(losses))


class _Runs(NamedTuple):
    models: tuple[Any, ...]
    losses: np.ndarray
    start_losses: np.ndarray
    steps: np.ndarray
    converged: np.ndarray
    messages: tuple[str, ...]


def _starts(problem: Problem, key: Key[Array, ""], num: int, spread: float) -> Array:
    first = problem.vector()[None]
    if num == 1:
        return first
    model = combine(problem.flat.params, problem.flat.static)
    return jnp.concatenate([first, _draw(model, jax.random.split(key, num - 1), spread)])


@eqx.filter_jit
def _draw(model: Any, keys: Key[Array, " S"], spread: float) -> Array:
    return jax.vmap(lambda key: Flat(randomize(model, key, spread=spread)).vector())(keys)


def _on_accelerator(x: Array) -> bool:
    return any(device.platform != "cpu" for device in x.devices())


def _fit_together(solver: LBFGS, problem: Problem, starts: Array, workers: int | None) -> _Runs:
    """Fit from all starts at once where there is no number of workers."""
    if workers is None:
        ends = _fit_all(solver, problem, starts)
    else:
        each = side_by_side(
            lambda x: _fit_one(solver, problem, x), list(map(jax.device_put, np.asarray(starts))), workers
        )
        ends = map(np.stack, zip(*each, strict=True))
    points, losses, start_losses, status, steps, slopes = map(np.asarray, ends)
    messages = [
        solver._message(_Status(int(k)), int(step), float(slope))
        for k, step, slope in zip(status, steps, slopes, strict=True)
    ]
    converged = np.asarray([message.startswith("converged") for message in messages])
    best = _lowest(losses)
    if status[best] in (_Status.SMALL_GRADIENT, _Status.SMALL_DECREASE, _Status.STUCK):
        messages[best] += bounds_reached(problem, jnp.asarray(points[best]), float(losses[best]))
    models = tuple(problem.model(problem.flat.unravel(jnp.asarray(point))) for point in points)
    return _Runs(models, losses, start_losses, steps, converged, tuple(messages))


@eqx.filter_jit
def _fit_one(solver: LBFGS, problem: Problem, x: Array) -> tuple[Array, ...]:
    own = problem.at(problem.flat.unravel(x))
    last = _run(solver, own, _start(solver, own), jnp.asarray(solver.max_steps))
    loss, point, grad = last.best
    start = jnp.where(jnp.isfinite(last.history[0]), last.history[0], jnp.nan)
    return point, loss, start, last.status, last.step, jnp.max(jnp.abs(grad))


@eqx.filter_jit
def _fit_all(solver: LBFGS, problem: Problem, starts: Array) -> tuple[Array, ...]:
    return jax.vmap(lambda x: _fit_one(solver, problem, x))(starts)


def _fit_in_turn(solver: Solver, problem: Problem, starts: Array, key: Key[Array, ""]) -> _Runs:
    own = [problem.at(problem.flat.unravel(x)) for x in starts]
    keys = jax.random.split(key, len(own))
    outs = [
        solver.minimize(start, Reporter(solver.max_steps, None, False), k) for start, k in zip(own, keys, strict=True)
    ]
    return _Runs(
        tuple(out.build(start, jax.tree.map(jnp.asarray, out.params)) for start, out in zip(own, outs, strict=True)),
        np.asarray([out.loss for out in outs]),
        np.asarray([out.history[0] for out in outs]),
        np.asarray([out.steps for out in outs]),
        np.asarray([out.converged for out in outs]),
        tuple(out.message for out in outs),
    )
