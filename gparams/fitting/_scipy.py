"""SciPy's optimisers, from the host."""

import dataclasses
from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Key

from ._ends import bounds_reached
from ._problem import Problem
from ._solver import STOPPED_BY_CALLBACK, Outcome, Reporter, Solver, not_finite


@final
@dataclasses.dataclass(frozen=True)
class Scipy(Solver):
    """A method of `scipy.optimize.minimize` that takes gradients; the loss and its gradient are compiled.

    Parameters
    ----------
    method
        Name of the method, such as ``"L-BFGS-B"`` (GPflow's default), ``"BFGS"`` or ``"CG"``.
    max_steps
        Number of iterations at most.
    options
        Further options of the method, as SciPy names them (``{"ftol": 1e-12}``).

    Raises
    ------
    ValueError
        From `fit`: if SciPy has no such method.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), *A limited memory algorithm for bound constrained optimization*, for L-BFGS-B.

    Examples
    --------
    >>> import gparams as gp
    >>> result = gp.fit(gp.Parameter(1.0), lambda p: (p - 3.0) ** 2, solver=gp.fitting.Scipy("L-BFGS-B"))
    >>> print(result.model.value.round(6))
    3.0
    """

    method: str = "L-BFGS-B"
    max_steps: int = 1000
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def minimize(self, problem: Problem, reporter: Reporter, key: Key[Array, ""] | None) -> Outcome:
        """Run until SciPy is satisfied, or out of steps."""
        start = problem.vector()
        run = _Run(problem, start, reporter)
        value, _ = run.evaluate(np.asarray(start, np.float64))
        if not np.isfinite(run.best_loss):
            return Outcome(start, float(value), np.asarray([np.nan]), 0, False, not_finite(0))
        run.history.append(run.best_loss)
        message = None
        try:
            out = scipy.optimize.minimize(
                run.evaluate,
                np.asarray(start, np.float64),
                method=self.method,
                jac=True,
                callback=run.after_step,
                options={"maxiter": self.max_steps, **self.options},
            )
            message, converged = _words(out, run.slope), bool(out.success)
            message += bounds_reached(problem, jnp.asarray(run.best, start.dtype), run.best_loss)
        except _Stop:
            message, converged = STOPPED_BY_CALLBACK, False
        steps = len(run.history) - 1
        return Outcome(run.best.astype(start.dtype), run.best_loss, np.asarray(run.history), steps, converged, message)


def _words(out: Any, slope: float) -> str:
    text = str(out.message).strip().rstrip(".")
    head = "converged" if out.success else "stopped without converging"
    return f"{head}: SciPy says {text!r} (largest element of the gradient {slope:.2g})"


class _Stop(Exception):
    """The callback asked to stop."""


class _Run:
    """What one run has seen: SciPy keeps the last point, and the best finite one is wanted."""

    def __init__(self, problem: Problem, start: Array, reporter: Reporter):
        self.problem, self.start, self.reporter = problem, start, reporter
        self.best, self.best_loss, self.slope = np.asarray(start), np.inf, np.inf
        self.history: list[float] = []

    def evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, grad = _value_and_grad(self.problem, jnp.asarray(x, self.start.dtype))
        value, grad = float(value), np.asarray(grad, np.float64)
        if np.isfinite(value) and np.isfinite(grad).all():
            if value < self.best_loss:
                self.best, self.best_loss, self.slope = x, value, float(np.max(np.abs(grad)))
            return value, grad
        # The line search divides by what it is given: a wall far above the best loss turns it back, infinity breaks it.
        return self.best_loss + 1e3 * (1.0 + abs(self.best_loss)), np.zeros_like(grad)

    def after_step(self, intermediate_result: Any) -> None:
        self.history.append(float(intermediate_result.fun))
        x = np.asarray(intermediate_result.x, self.start.dtype)
        if self.reporter.report(len(self.history) - 1, self.history[-1], lambda: self.problem.model(jnp.asarray(x))):
            raise _Stop


@eqx.filter_jit
def _value_and_grad(problem: Problem, x: Array) -> tuple[Array, Array]:
    return jax.value_and_grad(problem)(x)
