"""InducingVariables: the few values u that a sparse process is conditioned on, and their covariances.

`Kuu(kernel)` is the covariance of the inducing variables, `Kuf(kernel, X)` that between them and the function at X. A new
kind of inducing variable is a class with these two methods.
"""

import abc
from typing import Any

from jaxtyping import Array, Float

from ..kernels import Kernel
from ..parameters import Module


class InducingVariables(Module):
    """The values that a sparse process is conditioned on; subclasses say how they covary.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.inducing_variables.InducingPoints([[0.0]]), gp.inducing_variables.InducingVariables)
    True
    """

    @property
    @abc.abstractmethod
    def num_inducing(self) -> int:
        """Number M of inducing variables (for each latent function)."""

    @abc.abstractmethod
    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "..."]:
        """Covariance [M, M] of the inducing variables, with jitter on its diagonal."""

    @abc.abstractmethod
    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "..."]:
        """Covariances [M, N] between the inducing variables and the function at the rows of X."""
