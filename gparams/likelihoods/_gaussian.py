"""Gaussian noise."""

import math
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..maths import log_gaussian
from ._base import ArrayOrNumpy
from ._noise import Value, evaluate, read_value
from ._quadrature import PointwiseLikelihood


@final
class Gaussian(PointwiseLikelihood):
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

    variance: Value | None
    scale: Value | None
    variance_lower_bound: float = eqx.field(static=True)

    def __init__(self, variance: Any = None, *, scale: Any = None, variance_lower_bound: float = 1e-6):
        self.variance, self.scale = read_noise("Gaussian", variance, scale, variance_lower_bound)
        self.variance_lower_bound = float(variance_lower_bound)

    def variance_at(self, X: Float[ArrayOrNumpy, "*B D"]) -> Float[Array, "*B 1"]:
        """Noise variance at the rows of X."""
        return jnp.broadcast_to(noise_variance(self, X), (*X.shape[:-1], 1))

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return log_gaussian(Y, F, noise_variance(self, X))

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return F

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return jnp.broadcast_to(noise_variance(self, X), F.shape)

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        return Fmu, Fvar + noise_variance(self, X)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return jnp.sum(log_gaussian(Y, Fmu, Fvar + noise_variance(self, X)), axis=-1)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        s2 = noise_variance(self, X)
        return jnp.sum(log_gaussian(Y, Fmu, s2) - 0.5 * Fvar / s2, axis=-1)


def read_noise(who: str, variance: Any, scale: Any, lower: float) -> tuple[Any, Any]:
    """Take the variance or the scale of Gaussian noise; of the two returned, one is None."""
    if variance is not None and scale is not None:
        raise ValueError(f"{who}: give the variance or the scale (its square root), not both")
    if scale is not None:
        return None, read_value(scale, math.sqrt(lower), f"{who}.scale")
    return read_value(1.0 if variance is None else variance, float(lower), f"{who}.variance"), None


def noise_variance(likelihood: Any, X: Any) -> Array:
    """Variance of Gaussian noise at X."""
    lower = likelihood.variance_lower_bound
    if likelihood.scale is None:
        return evaluate(likelihood.variance, X, lower)
    return evaluate(likelihood.scale, X, math.sqrt(lower)) ** 2
