"""Kernels of several outputs: independent functions, and mixtures of them."""

import abc
from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
from jaxtyping import Array, Float

from ..maths import read_count
from ..parameters import Parameter, as_parameter
from ._base import Kernel, MultioutputKernel, read_kernel, read_kernels


@final
class SharedIndependent(MultioutputKernel):
    r"""Independent outputs that share one kernel: :math:`\mathrm{cov}(f_p(x), f_q(x')) = \delta_{pq} k(x, x')`.

    Parameters
    ----------
    kernel
        :math:`k`, a kernel of one output. Its `active_dims` are its own.
    output_dim
        The number of outputs.

    Raises
    ------
    TypeError
        If the kernel is none or has several outputs, or the number of outputs is not whole.
    ValueError
        If the number of outputs is below 1.

    References
    ----------
    Álvarez, Rosasco & Lawrence (2012), section 4.1, with the identity as coregionalization matrix.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.SharedIndependent(gp.kernels.SquaredExponential(3.0), output_dim=2)
    >>> print(k(np.zeros((1, 1)), full_cov=False))
    [[[3. 0.]
      [0. 3.]]]
    """

    kernel: Kernel
    output_dim: int = eqx.field(static=True)

    def __init__(self, kernel: Kernel, output_dim: int):
        self.kernel = read_kernel(kernel, "SharedIndependent")
        self.output_dim = read_count(output_dim, "SharedIndependent.output_dim")

    @property
    def latent_kernels(self) -> tuple[Kernel, ...]:
        """The one kernel, once for each output."""
        return (self.kernel,) * self.output_dim

    @property
    def mixing(self) -> None:
        """None: the outputs are the latent functions."""
        return None


@final
class SeparateIndependent(MultioutputKernel):
    r"""Independent outputs, each with a kernel of its own: :math:`\mathrm{cov}(f_p(x), f_q(x')) = \delta_{pq} k_p(x, x')`.

    Parameters
    ----------
    kernels
        :math:`k_1, \dots, k_P`, kernels of one output. Their `active_dims` are their own.

    Raises
    ------
    TypeError
        If one of them is not a kernel, or has several outputs.
    ValueError
        If there is none.

    References
    ----------
    van der Wilk et al. (2020), *A Framework for Interdomain and Multioutput Gaussian Processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.SeparateIndependent([gp.kernels.SquaredExponential(3.0), gp.kernels.Linear()])
    >>> print(k(np.array([[2.0]]), full_cov=False, full_output_cov=False))
    [[3. 4.]]
    """

    kernels: tuple[Kernel, ...]

    def __init__(self, kernels: Sequence[Kernel]):
        self.kernels = read_kernels(kernels, "SeparateIndependent")

    @property
    def latent_kernels(self) -> tuple[Kernel, ...]:
        """The kernels, one an output."""
        return self.kernels

    @property
    def mixing(self) -> None:
        """None: the outputs are the latent functions."""
        return None


class IndependentLatent(MultioutputKernel):
    """A kernel of several outputs that are made of independent latent functions.

    References
    ----------
    Álvarez, Rosasco & Lawrence (2012), *Kernels for Vector-Valued Functions: A Review*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.LinearCoregionalization([gp.kernels.Matern32()], W=[[1.0], [0.5]])
    >>> isinstance(k, gp.kernels.IndependentLatent)
    True
    """

    @abc.abstractmethod
    def Kgg(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C M D"] | None = None) -> Float[Array, "L ..."]:
        """Covariances of the latent functions, [L, *B, N, *C, M], or [L, *B, N, N] without X2."""


@final
class LinearCoregionalization(IndependentLatent):
    r"""The linear model of coregionalization: outputs that are linear mixtures of independent functions.

    .. math:: f_p(x) = \sum_l W_{pl} g_l(x), \quad g_l \sim GP(0, k_l), \qquad
              \mathrm{cov}(f_p(x), f_q(x')) = \sum_l W_{pl} W_{ql} k_l(x, x')

    Parameters
    ----------
    kernels
        :math:`k_1, \dots, k_L`, kernels of one output. Their `active_dims` are their own.
    W
        [P, L]: how much of each latent function is in each output. Any numbers; it trains without a transform. A Parameter
        is adopted whole.

    Raises
    ------
    TypeError
        If one of the kernels is none, or has several outputs.
    ValueError
        If there is none, or W is not a matrix of a column for each.

    References
    ----------
    Álvarez, Rosasco & Lawrence (2012), eq. 17. Journel & Huijbregts (1978), *Mining Geostatistics*.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.LinearCoregionalization([gp.kernels.SquaredExponential(2.0)], W=[[1.0], [0.5]])
    >>> k.num_outputs, k.num_latent_gps
    (2, 1)
    >>> print(k(np.zeros((1, 1)), full_cov=False))
    [[[2.  1. ]
      [1.  0.5]]]
    """

    kernels: tuple[Kernel, ...]
    W: Parameter

    def __init__(self, kernels: Sequence[Kernel], W: Any):
        self.kernels = read_kernels(kernels, "LinearCoregionalization")
        self.W = as_parameter(W)
        if self.W.ndim != 2 or self.W.shape[1] != len(self.kernels) or self.W.shape[0] < 1:
            raise ValueError(
                f"LinearCoregionalization: expected W of shape [P, {len(self.kernels)}], a row for each output and a "
                f"column for each kernel, got {self.W.shape}"
            )

    @property
    def latent_kernels(self) -> tuple[Kernel, ...]:
        """The kernels, one a latent function."""
        return self.kernels

    @property
    def mixing(self) -> Float[Array, "P L"]:
        """The value of W."""
        return self.W.value

    def Kgg(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C M D"] | None = None) -> Float[Array, "L ..."]:
        """Covariances of the latent functions, [L, *B, N, *C, M], or [L, *B, N, N] without X2."""
        return self._latent_covariances(X, X2)
