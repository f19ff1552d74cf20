"""The one function that fits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ._lbfgs import LBFGS
from ._problem import make_problem
from ._result import FitResult
from ._solver import Callback, Reporter, Solver


def fit(
    model: Any,
    loss: Callable[..., Any] | None = None,
    data: Any = None,
    *,
    solver: Solver | None = None,
    key: Key[Array, ""] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> FitResult:
    """Make a loss small over the trainable Parameters of a model.

    Parameters
    ----------
    model
        Any PyTree with Parameters.
    loss
        A function ``loss(model)``, or ``loss(model, data)``, that returns one number. By default the model's own
        `training_loss`, which holds the priors too: the fit is then maximum a posteriori.
    data
        Anything the loss takes beside the model; for batches, arrays with one number of rows.
    solver
        A value from `gparams.fitting`: ``LBFGS()`` (the default), ``Scipy("L-BFGS-B")``, ``Optax(optax.adam(1e-2))``.
    key
        JAX random key, for solvers that draw batches.
    callback
        Called as ``callback(step, loss, model)`` between compiled stretches of the run; a true result stops it.
    progress
        Whether to show a bar; by default where a person watches (standard error is a terminal, and CI is not set).

    Returns
    -------
    FitResult
        With the fitted model, its loss, the history, and whether and why it stopped.

    Raises
    ------
    ValueError
        If nothing is trainable, or the loss is not one number.
    TypeError
        If there is no loss, or the solver is not one.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(), noise_variance=0.01)
    >>> result = gp.fit(model)
    >>> result.converged, result.loss < float(model.training_loss())
    (True, True)
    """
    solver = LBFGS() if solver is None else solver
    if not isinstance(solver, Solver):
        raise TypeError(
            f"fit: expected a solver such as gp.fitting.LBFGS(), got {solver!r}. An optax optimiser goes in as "
            "gp.fitting.Optax(optimizer)."
        )
    data = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data)
    problem = make_problem(model, loss, data)
    reporter = Reporter(solver.max_steps, callback, progress)
    try:
        out = solver.minimize(problem, reporter, key)
    finally:
        reporter.close()
    params = jax.tree.map(jnp.asarray, out.params)
    return FitResult(problem.model(params), out.loss, out.history, out.steps, out.converged, out.message)
