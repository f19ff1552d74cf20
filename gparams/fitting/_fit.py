"""The one function that fits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..parameters import read_key
from ._ends import explained, without_finite_loss
from ._lbfgs import LBFGS
from ._mesh import gather, over_devices, read_mesh
from ._problem import make_problem, refuse_idle_loss
from ._result import FitResult
from ._solver import Callback, Reporter, Solver
from ._stream import Stream, is_stream


def fit(
    model: Any,
    loss: Callable[..., Any] | None = None,
    data: Any = None,
    *,
    solver: Solver | None = None,
    key: Key[Array, ""] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    mesh: jax.sharding.Mesh | None = None,
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
        Anything the loss takes beside the model; for batches, arrays with one number of rows. Or, for data larger than
        memory, an iterator of batches, or a collection of them that is no list or tuple (a PyTorch DataLoader), which is
        gone through again and again: the next ones are fetched and sent to the device while a step runs.
    solver
        A value from `gparams.fitting`: ``LBFGS()`` (the default), ``Scipy("L-BFGS-B")``, ``Optax(optax.adam(1e-2))``.
    key
        JAX random key, for solvers that draw batches.
    callback
        Called as ``callback(step, loss, model)`` between compiled stretches of the run; a true result stops it.
    progress
        Whether to show a bar; by default where a person watches (standard error is a terminal, and CI is not set).
    mesh
        Devices to spread the rows of the data over, such as ``jax.make_mesh((8,), ("data",))``. Each has a copy of the
        model and finds its share of the loss and gradient; the result is that of one device, to rounding.

    Returns
    -------
    FitResult
        With the fitted model, its loss, the history, and whether and why it stopped.

    Raises
    ------
    ValueError
        If nothing is trainable, the loss is not one number or does not depend on the model, batches are to be drawn without
        a `key`, a batch is larger than the data or not like the first one, an iterator gave no batch or came with a
        `batch_size`, or rows can't be split evenly over the devices.
    TypeError
        If there is no loss, or it can't be called with the model (and data); the solver is not one; a solver that needs
        all data is given an iterator; or the model is traced, by `jit` or `vmap`.

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
    if key is not None:
        read_key(key, "fit")
    home = problem = make_problem(model, loss, _read_data(solver, data), getattr(solver, "batch_size", None))
    if mesh is not None:
        problem = over_devices(problem, read_mesh(mesh), getattr(solver, "batch_size", None))
    reporter = Reporter(solver.max_steps, callback, progress)
    try:
        out = solver.minimize(problem, reporter, key)
    finally:
        reporter.close()
        if isinstance(problem.data, Stream):
            problem.data.close()
    params = jax.tree.map(jnp.asarray, out.params) if mesh is None else gather(out.params)
    fitted = out.build(home, params)
    refuse_idle_loss(home, fitted)
    value, message = out.loss, out.message
    if np.isfinite(value):
        message += explained(fitted, value)
    else:
        value, message = without_finite_loss(home, fitted)
    return FitResult(fitted, value, out.history, out.steps, out.converged, message)


def _read_data(solver: Solver, data: Any) -> Any:
    if not is_stream(data):
        return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data)
    if not solver.takes_batches:
        raise TypeError(
            f"fit: {type(solver).__name__} looks at all data in each step, and was given an iterator of batches "
            f"({type(data).__name__}). Take gp.fitting.Optax(optimizer), or give arrays"
        )
    if getattr(solver, "batch_size", None) is not None:
        raise ValueError("fit: an iterator of batches decides on their size itself; leave batch_size out")
    return Stream(data)
