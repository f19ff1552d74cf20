"""The problem that a solver is given: a scalar loss of one vector."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..parameters import Flat


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
        value = jnp.asarray(self.loss(model) if data is None else self.loss(model, data))
        if value.ndim:
            raise ValueError(f"fit: the loss must be one number, and has shape {value.shape}; take its sum or mean")
        return value

    def __call__(self, params: Any, batch: Any = None) -> Float[Array, ""]:
        """The loss at these free numbers."""
        return self.evaluate(self.model(params), batch)


def make_problem(model: Any, loss: Callable[..., Any] | None, data: Any) -> Problem:
    """Check what `fit` was given, and put the problem together."""
    if loss is None:
        if not callable(getattr(type(model), "training_loss", None)):
            raise TypeError(
                f"fit: {type(model).__name__} has no training_loss; give one: fit(model, loss), where loss(model) or "
                "loss(model, data) is a number to make small"
            )
        if callable(getattr(type(model), "check_data", None)):
            model.check_data(data)
        loss = training_loss
    if not callable(loss):
        raise TypeError(f"fit: expected loss to be a function of the model, got {loss!r}")
    return Problem(Flat(model), loss, data)


def training_loss(model: Any, *data: Any) -> Any:
    """The model's own loss; one function for all models, so that equal models share a compilation."""
    return model.training_loss(*data)
