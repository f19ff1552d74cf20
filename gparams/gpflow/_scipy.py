"""SciPy's optimisers on stateful objects, with GPflow's keywords and SciPy's result."""

import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.optimize

from ._arrays import to_tensor
from ._captures import Untraceable
from ._parameter import Variable
from ._programs import Uncompiled, cells_of, program_for, trainable_cells


class Scipy:
    """`scipy.optimize.minimize`, which moves stateful Parameters in place.

    Parameters
    ----------
    compile_cache_size
        Taken for GPflow's sake: what is compiled is kept with the Parameters, whichever optimiser asks.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> p = gpflow.Parameter(1.0)
    >>> result = gpflow.optimizers.Scipy().minimize(lambda: (p - 3.0) ** 2, [p])
    >>> result.success, round(float(p), 6)
    (True, 3.0)
    """

    def __init__(self, compile_cache_size: int = 2):
        self.compile_cache_size = compile_cache_size

    def minimize(
        self,
        closure: Any,
        variables: Any = None,
        method: str | None = "L-BFGS-B",
        step_callback: Callable[..., Any] | None = None,
        compile: bool = True,
        allow_unused_variables: bool = False,
        tf_fun_args: Any = None,
        track_loss_history: bool = False,
        *,
        var_list: Any = None,
        **scipy_kwargs: Any,
    ) -> scipy.optimize.OptimizeResult:
        """Make a loss small.

        Parameters
        ----------
        closure
            A function without arguments that returns the loss, such as ``model.training_loss``.
        variables
            What to move, such as ``model.trainable_variables``; or a list of Parameters. Those of them that are frozen now
            are not moved.
        method
            SciPy's name of the method.
        step_callback
            Called as ``step_callback(step, variables, values)`` after each step; the variables hold the values then.
        compile
            False calls the closure's Python at each evaluation, for a look inside.
        allow_unused_variables
            Whether variables may be named that the loss does not read.
        tf_fun_args
            Taken and not used.
        track_loss_history
            Whether the result lists the losses of the steps, as ``loss_history``.
        var_list
            An older name of `variables`.
        **scipy_kwargs
            Further arguments of `scipy.optimize.minimize`, such as ``options={"maxiter": 100}``.

        Returns
        -------
        SciPy's result. The Parameters hold its point.

        Raises
        ------
        TypeError
            If the closure can't be called, or a variable is none.
        ValueError
            If there is nothing to move, a variable is not used, or the loss is not one number.
        numpy.linalg.LinAlgError
            If the loss is not finite at the start. Where a step leads to such a point, the search turns back.
        """
        if not callable(closure):
            raise TypeError(f"minimize: expected the closure to be a function without arguments, got {closure!r}")
        if (variables is None) == (var_list is None):
            raise TypeError("minimize: give the variables to move, such as model.trainable_variables")
        named = cells_of(var_list if variables is None else variables)
        run = _Run(closure, trainable_cells(named), compile, allow_unused_variables)
        if step_callback is not None and "callback" in scipy_kwargs:
            raise ValueError("minimize: give step_callback or callback, not both")
        history: list[Any] = []
        if step_callback is not None or track_loss_history:
            scipy_kwargs["callback"] = run.after_step(
                named, step_callback, scipy_kwargs.get("callback"), history if track_loss_history else None
            )
        result = scipy.optimize.minimize(run.evaluate, run.start, jac=True, method=method, **scipy_kwargs)
        if track_loss_history:
            result["loss_history"] = history
        run.write(result.x)
        return result


class _Run:
    """One run: the compiled loss, and what SciPy sees of it."""

    def __init__(self, closure: Any, cells: Any, compile: bool, allow_unused: bool):
        self.program: Any
        captured: Any = None
        if compile:
            try:
                self.program, captured = program_for(closure, cells)
            except Untraceable:
                self.program = Uncompiled(closure, cells)
        else:
            self.program = Uncompiled(closure, cells)
        if self.program.unused and not allow_unused:
            names = [c.name for c in self.program.unused]
            raise ValueError(
                f"minimize: the loss does not read {len(names)} of the variables {names}. Leave them out, or say "
                "allow_unused_variables=True"
            )
        self.inputs = self.program.inputs(captured)
        vector = self.program.moving.vector()
        self.dtype = vector.dtype
        self.start = np.asarray(vector, np.float64)
        self.best = np.inf

    def evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self.program.value_and_grad(jnp.asarray(x, self.dtype), self.inputs)
        loss, slope = float(value), np.asarray(gradient, np.float64)
        if np.isfinite(loss) and np.isfinite(slope).all():
            self.best = min(self.best, loss)
            return loss, slope
        if not np.isfinite(self.best):
            raise np.linalg.LinAlgError(
                "minimize: the loss or its gradient is not finite at the start. A covariance matrix may not be positive "
                "definite: look at print_summary(model), and give more noise or another lengthscale."
            )
        # A wall far above the best loss turns a line search back; infinity would break it.
        return self.best + 1e3 * (1.0 + abs(self.best)), np.zeros_like(slope)

    def write(self, x: np.ndarray) -> None:
        self.program.moving.write(jnp.asarray(x, self.dtype))

    def after_step(
        self, named: Any, step_callback: Any, callback: Any, history: list[Any] | None
    ) -> Callable[[Any], None]:
        variables = tuple(Variable(c) for c in named)
        by_step = step_callback is not None and not _takes_three(step_callback)
        step = 0

        def after(x: Any) -> None:
            nonlocal step
            if callback is not None:
                callback(x)
            if history is not None:
                history.append(self.evaluate(x)[0])
            if step_callback is not None:
                self.write(x)
                values = [to_tensor(v.value) for v in variables]
                step_callback(step) if by_step else step_callback(step, variables, values)
            step += 1

        return after


def _takes_three(callback: Callable[..., Any]) -> bool:
    """Whether a callback takes step, variables and values; a monitor takes the step alone."""
    try:
        inspect.signature(callback).bind(0, (), ())
    except TypeError:
        return False
    return True
