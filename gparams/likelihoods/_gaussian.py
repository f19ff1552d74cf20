"""Gaussian noise."""

import math
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..parameters import Parameter, as_parameter, positive
from ._base import ArrayOrNumpy, Likelihood

Noise = Parameter | Callable[[Array], Array]


def _read(value: Any, lower: float) -> Any:
    if callable(value) and not isinstance(value, Parameter):
        return value
    return as_parameter(value, transform=positive(lower=lower))


@final
class Gaussian(Likelihood):
    r"""Independent Gaussian noise, :math:`p(y \mid f) = N(y \mid f, \sigma^2)`.

    Parameters
    ----------
    variance
        Noise variance :math:`\sigma^2`, in squared units of the output; 1 by default. A number, or a Parameter, which is
        adopted whole, or a function from X [N, D] to variances [N, 1] (a Module with Parameters of its own).
    scale
        Noise standard deviation, in place of the variance, in the same forms.
    variance_lower_bound
        The variance stays above this; GPflow's 1e-6 by default.

    Raises
    ------
    ValueError
        If both variance and scale are given, or the value is not above the bound.

    References
    ----------
    Rasmussen & Williams (2006), section 2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.likelihoods.Gaussian(variance=0.1).variance
    Parameter(0.1, transform=Softplus + Shift)
    """

    variance: Noise | None
    scale: Noise | None
    variance_lower_bound: float = eqx.field(static=True)

    def __init__(self, variance: Any = None, *, scale: Any = None, variance_lower_bound: float = 1e-6):
        if variance is not None and scale is not None:
            raise ValueError("Gaussian: give the variance or the scale (its square root), not both")
        lower = float(variance_lower_bound)
        self.variance_lower_bound = lower
        self.variance = _read(1.0 if variance is None else variance, lower) if scale is None else None
        self.scale = None if scale is None else _read(scale, math.sqrt(lower))

    def variance_at(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N 1"]:
        """Noise variance at the rows of X."""
        return jnp.broadcast_to(self._variance(X), (*X.shape[:-1], 1))

    def _variance(self, X: Any) -> Array:
        lower = self.variance_lower_bound
        if self.scale is None:
            return _evaluate(self.variance, X, lower)
        return _evaluate(self.scale, X, math.sqrt(lower)) ** 2

    def log_prob(
        self, X: Float[ArrayOrNumpy, "*B N D"], F: Float[ArrayOrNumpy, "*B N L"], Y: Float[ArrayOrNumpy, "*B N L"]
    ) -> Float[Array, "*B N"]:
        """Log density log N(y | f, s2), summed over outputs."""
        return jnp.sum(_log_normal(Y, F, self._variance(X)), -1)

    def conditional_mean(
        self, X: Float[ArrayOrNumpy, "*B N D"], F: Float[ArrayOrNumpy, "*B N L"]
    ) -> Float[Array, "*B N L"]:
        """The latent function itself."""
        return jnp.asarray(F)

    def conditional_variance(
        self, X: Float[ArrayOrNumpy, "*B N D"], F: Float[ArrayOrNumpy, "*B N L"]
    ) -> Float[Array, "*B N L"]:
        """The noise variance."""
        return jnp.broadcast_to(self._variance(X), F.shape)

    def predict_mean_and_var(
        self, X: Float[ArrayOrNumpy, "*B N D"], Fmu: Float[ArrayOrNumpy, "*B N L"], Fvar: Float[ArrayOrNumpy, "*B N L"]
    ) -> tuple[Float[Array, "*B N L"], Float[Array, "*B N L"]]:
        """Mean Fmu and variance Fvar + s2."""
        return jnp.asarray(Fmu), jnp.asarray(Fvar) + self._variance(X)

    def predict_log_density(
        self,
        X: Float[ArrayOrNumpy, "*B N D"],
        Fmu: Float[ArrayOrNumpy, "*B N L"],
        Fvar: Float[ArrayOrNumpy, "*B N L"],
        Y: Float[ArrayOrNumpy, "*B N L"],
    ) -> Float[Array, "*B N"]:
        """Log density log N(y | Fmu, Fvar + s2), summed over outputs."""
        return jnp.sum(_log_normal(Y, Fmu, Fvar + self._variance(X)), -1)

    def variational_expectations(
        self,
        X: Float[ArrayOrNumpy, "*B N D"],
        Fmu: Float[ArrayOrNumpy, "*B N L"],
        Fvar: Float[ArrayOrNumpy, "*B N L"],
        Y: Float[ArrayOrNumpy, "*B N L"],
    ) -> Float[Array, "*B N"]:
        """Mean of log N(y | f, s2): log N(y | Fmu, s2) - Fvar / 2 s2, summed over outputs."""
        s2 = self._variance(X)
        return jnp.sum(_log_normal(Y, Fmu, s2) - 0.5 * Fvar / s2, -1)


def _evaluate(noise: Noise | None, X: Any, lower: float) -> Array:
    """Noise at X, [1, 1] for a constant, so that it meets [N, P] without a change of rank."""
    if isinstance(noise, Parameter):
        value = noise.value
        return value.reshape((1,) * (X.ndim - value.ndim) + value.shape)
    assert noise is not None  # the constructor sets one of the two
    return jnp.maximum(noise(X), lower)


def _log_normal(y: Any, mean: Any, variance: Any) -> Array:
    return -0.5 * (math.log(2.0 * math.pi) + jnp.log(variance) + (y - mean) ** 2 / variance)
