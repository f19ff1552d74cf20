"""The free numbers of a model as one vector: what a solver or a sampler moves."""

from typing import Any, final

import equinox as eqx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ._partition import combine, partition


@final
class Flat(eqx.Module):
    """The two halves of `partition`, and the way between vector, dictionary and model.

    A thousand separate leaves cost an optimiser fifty times more a step than one vector of a thousand numbers.
    """

    params: dict[str, Array]
    static: Any

    def __init__(self, model: Any):
        self.params, self.static = partition(model)

    def vector(self) -> Float[Array, " n"]:
        """The numbers that the model was cut with, as one vector."""
        return ravel_pytree(self.params)[0]

    def unravel(self, x: Float[Array, " n"]) -> dict[str, Array]:
        """The vector as the dictionary that `partition` gives."""
        return ravel_pytree(self.params)[1](x)

    def model(self, params: Any) -> Any:
        """The model with these free numbers: a vector or a dictionary."""
        return combine(params if isinstance(params, dict) else self.unravel(params), self.static)
