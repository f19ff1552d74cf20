"""Mean functions: what is expected before any data."""

import abc
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Module, Parameter, as_parameter

ArrayOrNumpy = Array | np.ndarray


class MeanFunction(Module):
    """A mean function: subclasses are called with X [N, D] and return [N, P] (or [N, 1], for all outputs alike).

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> class Slope(gp.mean_functions.MeanFunction):
    ...     slope: gp.Parameter
    ...
    ...     def __init__(self, slope=1.0):
    ...         self.slope = gp.as_parameter(slope)
    ...
    ...     def __call__(self, X):
    ...         return self.slope.value * X[:, :1]
    >>> print(Slope(3.0)(jnp.array([[2.0]])))
    [[6.]]
    """

    @abc.abstractmethod
    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """Mean at the rows of X."""


@final
class Zero(MeanFunction):
    """The mean function :math:`m(x) = 0`.

    Parameters
    ----------
    output_dim
        Number of outputs P.

    References
    ----------
    Rasmussen & Williams (2006), section 2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Zero()(np.ones((2, 3))))
    [[0.]
     [0.]]
    """

    output_dim: int = eqx.field(static=True)

    def __init__(self, output_dim: int = 1):
        self.output_dim = output_dim

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """Zeros [*B, N, P]."""
        return jnp.zeros((*X.shape[:-1], self.output_dim), X.dtype)


@final
class Constant(MeanFunction):
    """The mean function :math:`m(x) = c`.

    Parameters
    ----------
    c
        One number for all outputs, or a vector of one for each, in the output's unit; 0 by default. A Parameter is
        adopted whole.

    References
    ----------
    Rasmussen & Williams (2006), section 2.7.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Constant([1.0, 2.0])(np.ones((2, 3))))
    [[1. 2.]
     [1. 2.]]
    """

    c: Parameter

    def __init__(self, c: Any = None):
        self.c = as_parameter(np.zeros(1) if c is None else c)

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The constant, [*B, N, P]."""
        c = self.c.value
        return jnp.broadcast_to(c.reshape(-1), (*X.shape[:-1], c.size))
