"""The problem that a solver is given: a scalar loss of one vector."""

import inspect
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.core
import jax.extend.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Flat
from ._stream import Stream


@final
class Problem(eqx.Module):
    """A loss of the free numbers of a model, seen as one vector."""

    flat: Flat
    loss: Callable[..., Any]
    data: Any
    mesh: jax.sharding.Mesh | None = eqx.field(static=True, default=None)  # the devices that the rows go to

    @property
    def params(self) -> dict[str, Array]:
        """The start, as the dictionary that `partition` gives."""
        if not self.flat.params:
            raise ValueError(
                f"fit: nothing in this {type(self.flat.static).__name__} is trainable. gp.set_trainable(place, True) lets "
                "a Parameter train; gp.parametrize(tree) makes Parameters of a foreign module's arrays."
            )
        return self.flat.params

    def vector(self) -> Float[Array, " n"]:
        """The start, as one vector."""
        return self.flat.vector() if self.params else jnp.zeros(0)

    def at(self, params: dict[str, Array]) -> "Problem":
        """The same problem with another start."""
        return eqx.tree_at(lambda problem: problem.flat.params, self, params)

    def with_data(self, data: Any) -> "Problem":
        """The same problem with other data."""
        return Problem(self.flat, self.loss, data, self.mesh)

    def model(self, params: Any) -> Any:
        """The model with these free numbers: a vector or a dictionary."""
        return self.flat.model(params)

    def evaluate(self, model: Any, batch: Any = None) -> Float[Array, ""]:
        """The loss of a model, of all data or of one batch of it."""
        data = self.data if batch is None else batch
        value = self.loss(model) if data is None else self.loss(model, data)
        if value is None:
            raise TypeError("fit: the loss returned None; has it a return statement?")
        value = jnp.asarray(value)
        if value.ndim:
            raise ValueError(f"fit: the loss must be one number, and has shape {value.shape}; take its sum or mean")
        return value

    def __call__(self, params: Any, batch: Any = None) -> Float[Array, ""]:
        """The loss at these free numbers."""
        return self.evaluate(self.model(params), batch)


def make_problem(model: Any, loss: Callable[..., Any] | None, data: Any, batch_size: int | None = None) -> Problem:
    """Check what `fit` was given, and put the problem together."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((model, data))):
        raise TypeError(
            "fit: the model or the data is traced, by jit, vmap or grad, and fit decides by numbers when to stop. Call it "
            "outside; fit_restarts fits one model from many starts"
        )
    flat = Flat(model)
    if loss is None:
        if not callable(getattr(type(model), "training_loss", None)):
            raise TypeError(
                f"fit: {type(model).__name__} has no training_loss; give one: fit(model, loss), where loss(model) or "
                "loss(model, data) is a number to make small"
            )
        if callable(getattr(type(model), "check_data", None)):
            model.check_data(data, batch_size)
        loss = training_loss
    if not callable(loss):
        raise TypeError(f"fit: expected loss to be a function of the model, got a {type(loss).__name__}")
    _check_call(loss, (model,) if data is None else (model, data))
    return Problem(flat, loss, data)


def _check_call(loss: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # some of C's have none
        return
    try:
        if getattr(loss, "__self__", None) is arguments[0]:
            raise TypeError("a method of the model itself")
        signature.bind(*arguments)
    except TypeError as error:
        called = "loss(model)" if len(arguments) == 1 else "loss(model, data)"
        raise TypeError(
            f"fit: the loss is called as {called}, and this one takes {signature}. Of a model's own method make a function "
            "of the model: lambda m: m.training_loss()"
        ) from error


def refuse_idle_loss(problem: Problem, fitted: Any) -> None:
    """Raise if nothing has moved because the loss takes no notice of the model that it is given."""
    start, end = problem.flat.vector(), Flat(fitted).vector()
    if not start.size or not np.array_equal(start, end) or isinstance(problem.data, Stream):
        return
    jaxpr = jax.make_jaxpr(problem)(start).jaxpr
    seen = {jaxpr.invars[0]}

    def depends(v: Any) -> bool:
        return not isinstance(v, jax.extend.core.Literal) and v in seen

    for equation in jaxpr.eqns:
        if any(map(depends, equation.invars)):
            seen.update(equation.outvars)
    if not depends(jaxpr.outvars[0]):
        raise ValueError(
            "fit: the loss does not depend on any trainable Parameter of the model that it is given. A loss(model) has to "
            "read its argument, and not a model from outside"
        )


def training_loss(model: Any, *data: Any) -> Any:
    """The model's own loss; one function for all models, so that equal models share a compilation."""
    return model.training_loss(*data)
