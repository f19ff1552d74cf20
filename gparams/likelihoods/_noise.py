"""A likelihood's positive number: a Parameter, or a function of the inputs."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..parameters import Parameter, as_parameter, positive


@final
class Function(eqx.Module):
    """A plain function, kept where a Module may stand: it is static, so that jit takes it."""

    fn: Callable[..., Any] = eqx.field(static=True)

    def __call__(self, *args: Any) -> Any:
        """Call the function."""
        return self.fn(*args)


Value = Parameter | Callable[[Array], Array]


def as_module(fn: Callable[..., Any]) -> Any:
    """Keep a Module as it is, with its Parameters; wrap a plain function."""
    return fn if isinstance(fn, eqx.Module) else Function(fn)


def read_value(value: Any, lower: float, name: str) -> Any:
    """Take a number or a Parameter, which stays above `lower`, or a function from X [*B, D] to such numbers [*B, 1]."""
    if callable(value) and not isinstance(value, Parameter):
        return as_module(value)
    return as_parameter(value, transform=positive(lower=lower), name=name)


def evaluate(value: Any, X: Any, lower: float) -> Array:
    """The number at X: of the rank of X, so that it meets [*B, P] without a change of rank."""
    if isinstance(value, Parameter):
        v = value.value
        return v.reshape((1,) * (X.ndim - v.ndim) + v.shape)
    return jnp.maximum(value(X), lower)


def read_points(num_gauss_hermite_points: int) -> int:
    """Check a number of quadrature points."""
    n = int(num_gauss_hermite_points)
    if n != num_gauss_hermite_points or n < 1:
        raise ValueError(f"num_gauss_hermite_points: expected a whole number from 1 on, got {num_gauss_hermite_points}")
    return n
