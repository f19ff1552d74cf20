"""Inducing patches, for convolutional kernels."""

from typing import Any, final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kernels import Convolutional, Kernel
from ..maths import add_diagonal
from ..parameters import Parameter
from ._base import InducingVariables
from ._points import read_points


@final
class InducingPatches(InducingVariables):
    """Values of a convolutional kernel's patch function at patches Z.

    Parameters
    ----------
    Z
        The patches [M, patch length], as `Convolutional.get_patches` gives them.

    Raises
    ------
    ValueError
        If Z has not two axes; and, in `Kuf`, if the kernel has patches of another length.
    TypeError
        In `Kuu` and `Kuf`, if the kernel is not `Convolutional`.

    References
    ----------
    van der Wilk, Rasmussen & Hensman (2017), *Convolutional Gaussian processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> kernel = gp.kernels.Convolutional(gp.kernels.SquaredExponential(), [3, 3], [2, 2])
    >>> patches = gp.inducing_variables.InducingPatches(np.zeros((2, 4)))
    >>> patches.Kuf(kernel, np.zeros((5, 9))).shape
    (2, 5)
    """

    Z: Parameter

    def __init__(self, Z: Any):
        self.Z = read_points(Z, "Z")

    @property
    def num_inducing(self) -> int:
        """Number M of patches."""
        return self.Z.shape[0]

    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "M M"]:
        """Covariance [M, M] of the patch function."""
        return add_diagonal(_convolutional(kernel).base_kernel.K(self.Z.value), jitter)

    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "M N"]:
        """Covariances [M, N] with the mean over the patches of each image."""
        return _convolutional(kernel).K_patches(self.Z.value, jnp.asarray(X))


def _convolutional(kernel: Kernel) -> Convolutional:
    if not isinstance(kernel, Convolutional):
        raise TypeError(f"InducingPatches: expected a Convolutional kernel, got {type(kernel).__name__}")
    return kernel
