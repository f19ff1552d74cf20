"""Inducing variables of the latent functions of a multi-output kernel."""

import abc
from collections.abc import Sequence
from typing import Any, final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kernels import Kernel, MultioutputKernel, SharedIndependent
from ._base import InducingVariables


class MultioutputInducingVariables(InducingVariables):
    """Inducing variables of each latent function of a multi-output kernel.

    Their covariances are [L, M, M] and [L, M, N], or [M, M] and [M, N] where all latent functions have the same.

    References
    ----------
    van der Wilk et al. (2020), *A framework for interdomain and multioutput Gaussian processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> Z = gp.inducing_variables.InducingPoints([[0.0]])
    >>> shared = gp.inducing_variables.SharedIndependentInducingVariables(Z)
    >>> isinstance(shared, gp.inducing_variables.MultioutputInducingVariables)
    True
    """

    @property
    @abc.abstractmethod
    def inducing_variables(self) -> tuple[InducingVariables, ...]:
        """The inducing variables of the latent functions: one for all, or one for each."""


@final
class SharedIndependentInducingVariables(MultioutputInducingVariables):
    """The same inducing variables for each latent function of a multi-output kernel.

    Parameters
    ----------
    inducing_variable
        The inducing variables of one function.

    Raises
    ------
    TypeError
        If it is not a single-output inducing variable.

    References
    ----------
    van der Wilk et al. (2020), *A framework for interdomain and multioutput Gaussian processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SharedIndependent(gp.kernels.SquaredExponential(), output_dim=2)
    >>> Z = gp.inducing_variables.InducingPoints([[0.0], [1.0]])
    >>> gp.inducing_variables.SharedIndependentInducingVariables(Z).Kuu(kernel).shape
    (2, 2)
    """

    inducing_variable: InducingVariables

    def __init__(self, inducing_variable: InducingVariables):
        self.inducing_variable = _single(inducing_variable)

    @property
    def num_inducing(self) -> int:
        """Number M for each latent function."""
        return self.inducing_variable.num_inducing

    @property
    def inducing_variables(self) -> tuple[InducingVariables, ...]:
        """The one for all."""
        return (self.inducing_variable,)

    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "..."]:
        """Covariances [L, M, M], or [M, M] where the latent functions share a kernel too."""
        kernels = _latent_kernels(kernel)
        return _stack([self.inducing_variable.Kuu(k, jitter=jitter) for k in kernels], kernel)

    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "..."]:
        """Covariances [L, M, N], or [M, N] where the latent functions share a kernel too."""
        return _stack([self.inducing_variable.Kuf(k, X) for k in _latent_kernels(kernel)], kernel)


@final
class SeparateIndependentInducingVariables(MultioutputInducingVariables):
    """Inducing variables for each latent function of a multi-output kernel, as many for each.

    Parameters
    ----------
    inducing_variable_list
        The inducing variables of each latent function.

    Raises
    ------
    TypeError
        If one is not a single-output inducing variable.
    ValueError
        If they differ in number, or there are none.

    References
    ----------
    van der Wilk et al. (2020), *A framework for interdomain and multioutput Gaussian processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SharedIndependent(gp.kernels.SquaredExponential(), output_dim=2)
    >>> Zs = [gp.inducing_variables.InducingPoints([[z], [z + 1.0]]) for z in (0.0, 0.5)]
    >>> gp.inducing_variables.SeparateIndependentInducingVariables(Zs).Kuu(kernel).shape
    (2, 2, 2)
    """

    inducing_variable_list: tuple[InducingVariables, ...]

    def __init__(self, inducing_variable_list: Sequence[InducingVariables]):
        self.inducing_variable_list = tuple(_single(iv) for iv in inducing_variable_list)
        numbers = [iv.num_inducing for iv in self.inducing_variable_list]
        if len(set(numbers)) != 1:
            raise ValueError(f"SeparateIndependentInducingVariables: expected one number of each, got {numbers}")

    @property
    def num_inducing(self) -> int:
        """Number M for each latent function."""
        return self.inducing_variable_list[0].num_inducing

    @property
    def inducing_variables(self) -> tuple[InducingVariables, ...]:
        """One for each latent function."""
        return self.inducing_variable_list

    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "L M M"]:
        """Covariances [L, M, M]."""
        return jnp.stack([iv.Kuu(k, jitter=jitter) for iv, k in self._pairs(kernel)])

    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "L M N"]:
        """Covariances [L, M, N]."""
        return jnp.stack([iv.Kuf(k, X) for iv, k in self._pairs(kernel)])

    def _pairs(self, kernel: Kernel) -> list[tuple[InducingVariables, Kernel]]:
        kernels, number = _latent_kernels(kernel), len(self.inducing_variable_list)
        kernels = kernels * number if isinstance(kernel, SharedIndependent) else kernels
        if len(kernels) != number or _multioutput(kernel).num_latent_gps != number:
            raise ValueError(
                f"SeparateIndependentInducingVariables: {number} sets of inducing variables, and {type(kernel).__name__} "
                f"has {_multioutput(kernel).num_latent_gps} latent functions; give one set for each"
            )
        return list(zip(self.inducing_variable_list, kernels, strict=True))


# GPflow's `Fallback` classes differ in how a conditional is computed, not in what it is; here one way serves all.
FallbackSharedIndependentInducingVariables = SharedIndependentInducingVariables
FallbackSeparateIndependentInducingVariables = SeparateIndependentInducingVariables


def _single(value: Any) -> InducingVariables:
    if not isinstance(value, InducingVariables) or isinstance(value, MultioutputInducingVariables):
        raise TypeError(f"expected inducing variables of one function, such as InducingPoints(Z), got {value!r}")
    return value


def _multioutput(kernel: Kernel) -> MultioutputKernel:
    if not isinstance(kernel, MultioutputKernel):
        raise TypeError(
            f"multi-output inducing variables go with a multi-output kernel, not with {type(kernel).__name__}. For a "
            "kernel that all outputs share: gp.kernels.SharedIndependent(kernel, output_dim=P)"
        )
    return kernel


def _latent_kernels(kernel: Kernel) -> tuple[Kernel, ...]:
    """The kernels of the latent functions; one where they share it."""
    if isinstance(kernel, SharedIndependent):
        return (kernel.kernel,)
    return tuple(_multioutput(kernel).latent_kernels)


def _stack(parts: list[Array], kernel: Kernel) -> Array:
    return parts[0] if isinstance(kernel, SharedIndependent) else jnp.stack(parts)
