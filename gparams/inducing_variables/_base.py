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

    References
    ----------
    Titsias (2009), *Variational learning of inducing variables in sparse Gaussian processes*.

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
        """Covariance of the inducing variables.

        Parameters
        ----------
        kernel
            The prior's covariance function.
        jitter
            Added to the diagonal, in its units.

        Returns
        -------
        [M, M]; [M, P, M, P] or [L, M, M] where the kernel has several outputs.
        """

    @abc.abstractmethod
    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "..."]:
        """Covariances between the inducing variables and the function.

        Parameters
        ----------
        kernel
            The prior's covariance function.
        X
            Inputs [N, D].

        Returns
        -------
        [M, N]; [M, P, N, P] or [L, M, N] where the kernel has several outputs.
        """
