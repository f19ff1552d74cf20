"""Likelihoods of real, of positive and of bounded observations, other than the Gaussian."""

import math
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import erf, gammaln, log_ndtr
from jaxtyping import Array

from ..maths import log_beta, log_laplace, log_student_t
from . import _links as links
from ._links import Link, inv_probit
from ._noise import Value, evaluate, read_points, read_value
from ._quadrature import (
    PointwiseLikelihood,
    ScalarLikelihood,
    expectation_by_quadrature,
    log_density_by_quadrature,
    moments_by_quadrature,
)
from ._support import NOT_NEGATIVE, POSITIVE, PROPORTIONS

_LOWER = 1e-6


@final
class StudentT(PointwiseLikelihood):
    r"""Noise with heavy tails, :math:`y = f + s \, t_\nu`: outliers weigh little.

    Parameters
    ----------
    scale
        Scale s of the noise, in the output's unit; 1 by default, and above its bound. A number, or a Parameter, which is
        adopted whole, or a function from X [N, D] to scales [N, 1].
    df
        Degrees of freedom :math:`\nu`, a pure number; the smaller, the heavier the tails. The variance is finite above 2
        only.
    scale_lower_bound
        The scale stays above this; GPflow's 1e-6 by default.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    ValueError
        If the scale is not above its bound, or the degrees of freedom are not positive, or there are no points of the
        quadrature.

    References
    ----------
    Jylänki, Vanhatalo & Vehtari (2011), *Robust Gaussian Process Regression with a Student-t Likelihood*, eq. 1.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.likelihoods.StudentT(0.5).scale
    Parameter(0.5, transform=Softplus + Shift)
    """

    scale: Value
    df: float = eqx.field(static=True)
    scale_lower_bound: float = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    def __init__(
        self,
        scale: Any = 1.0,
        df: float = 3.0,
        scale_lower_bound: float = _LOWER,
        *,
        num_gauss_hermite_points: int = 20,
    ):
        self.scale_lower_bound = float(scale_lower_bound)
        self.scale = read_value(scale, self.scale_lower_bound, "StudentT.scale")
        self.df = float(df)
        if not self.df > 0.0:
            raise ValueError(f"StudentT: expected degrees of freedom above 0, got df={df}")
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return log_student_t(Y, F, evaluate(self.scale, X, self.scale_lower_bound), self.df)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return F

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        s = evaluate(self.scale, X, self.scale_lower_bound)
        factor = self.df / (self.df - 2.0) if self.df > 2.0 else math.inf
        return jnp.broadcast_to(s**2 * factor, F.shape)

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        return Fmu, Fvar + self._conditional_variance(X, Fmu)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return log_density_by_quadrature(self, X, Fmu, Fvar, Y)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return expectation_by_quadrature(self, X, Fmu, Fvar, Y)


@final
class Laplace(PointwiseLikelihood):
    r"""Noise with a sharp peak, :math:`p(y \mid f) = e^{-|y - f| / s} / 2 s`: absolute errors count, not squared ones.

    All expectations have a closed form: the density has a corner, which quadrature would miss.

    Parameters
    ----------
    scale
        Scale s of the noise, in the output's unit; 1 by default, and above its bound. A number, or a Parameter, which is
        adopted whole, or a function from X [N, D] to scales [N, 1].
    scale_lower_bound
        The scale stays above this; 1e-6 by default.

    Raises
    ------
    ValueError
        If the scale is not above its bound.

    Notes
    -----
    GPflow doesn't have this likelihood.

    References
    ----------
    Kuss (2006), *Gaussian Process Models for Robust Regression, Classification, and Reinforcement Learning*, section 5.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> mean, variance = gp.likelihoods.Laplace(2.0).predict_mean_and_var(one, zero, one)
    >>> print(mean, variance.round(6))
    [[0.]] [[9.]]
    """

    scale: Value
    scale_lower_bound: float = eqx.field(static=True)

    def __init__(self, scale: Any = 1.0, scale_lower_bound: float = _LOWER):
        self.scale_lower_bound = float(scale_lower_bound)
        self.scale = read_value(scale, self.scale_lower_bound, "Laplace.scale")

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return log_laplace(Y, F, evaluate(self.scale, X, self.scale_lower_bound))

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return F

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return jnp.broadcast_to(2.0 * evaluate(self.scale, X, self.scale_lower_bound) ** 2, F.shape)

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        return Fmu, Fvar + self._conditional_variance(X, Fmu)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        # The convolution of the two densities: one term for each side of the corner.
        s, d, sd = evaluate(self.scale, X, self.scale_lower_bound), Y - Fmu, _root(Fvar)
        right = -d / s + log_ndtr(d / sd - sd / s)
        left = d / s + log_ndtr(-d / sd - sd / s)
        return jnp.sum(jnp.logaddexp(right, left) + 0.5 * (sd / s) ** 2 - jnp.log(2.0 * s), axis=-1)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        # E|y - f| is the mean of a folded normal distribution.
        s, d, sd = evaluate(self.scale, X, self.scale_lower_bound), Y - Fmu, _root(Fvar)
        t = d / (math.sqrt(2.0) * sd)
        distance = math.sqrt(2.0 / math.pi) * sd * jnp.exp(-t * t) + d * erf(t)
        return jnp.sum(-distance / s - jnp.log(2.0 * s), axis=-1)


@final
class Exponential(PointwiseLikelihood):
    r"""Positive observations of density :math:`e^{-y / m} / m`, with mean :math:`m = g(f)`: waiting times.

    With the default link everything but the predictive density has a closed form; with another, quadrature serves.

    Parameters
    ----------
    invlink
        Inverse link g, from the latent function to a positive mean: ``jnp.exp`` by default.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    TypeError
        If the inverse link is not a function.
    ValueError
        If there are no points of the quadrature.

    Notes
    -----
    Observations are not below 0.

    References
    ----------
    Nelder & Wedderburn (1972), *Generalized Linear Models*, section 2.1 (the Gamma family, of shape 1).

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> print(gp.likelihoods.Exponential().log_prob(one, zero, 2.0 * one))
    [-2.]
    """

    invlink: Link = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    support = NOT_NEGATIVE

    def __init__(self, invlink: Link = jnp.exp, *, num_gauss_hermite_points: int = 20):
        self.invlink = links.read_link(invlink, "Exponential")
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return -Y * links.inverse_rate(self.invlink, F) - links.log_rate(self.invlink, F)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return links.rate(self.invlink, F)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return links.square(links.rate(self.invlink, F))

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        if links.is_exp(self.invlink):
            mean = links.exp(Fmu + 0.5 * Fvar)
            return mean, links.square(mean) * (2.0 * jnp.expm1(Fvar) + 1.0)
        return moments_by_quadrature(self, X, Fmu, Fvar)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return log_density_by_quadrature(self, X, Fmu, Fvar, Y)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        if links.is_exp(self.invlink):
            return jnp.sum(-Y * links.exp(0.5 * Fvar - Fmu) - Fmu, axis=-1)
        return expectation_by_quadrature(self, X, Fmu, Fvar, Y)


@final
class Gamma(PointwiseLikelihood):
    r"""Positive observations of a Gamma distribution with shape a and scale :math:`s = g(f)`; their mean is :math:`a s`.

    With the default link everything but the predictive density has a closed form; with another, quadrature serves.

    Parameters
    ----------
    invlink
        Inverse link g, from the latent function to a positive scale (the inverse rate): ``jnp.exp`` by default.
    shape
        Shape a, a pure number; 1 by default, and above its bound. A number, or a Parameter, which is adopted whole, or a
        function from X [N, D] to shapes [N, 1].
    shape_lower_bound
        The shape stays above this; GPflow's 1e-6 by default.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    TypeError
        If the inverse link is not a function.
    ValueError
        If the shape is not above its bound, or there are no points of the quadrature.

    Notes
    -----
    Observations are above 0.

    References
    ----------
    Nelder & Wedderburn (1972), *Generalized Linear Models*, section 2.1.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> print(gp.likelihoods.Gamma(shape=3.0).conditional_mean(one, zero).round(6))
    [[3.]]
    """

    shape: Value
    invlink: Link = eqx.field(static=True)
    shape_lower_bound: float = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    support = POSITIVE

    def __init__(
        self,
        invlink: Link = jnp.exp,
        shape: Any = 1.0,
        shape_lower_bound: float = _LOWER,
        *,
        num_gauss_hermite_points: int = 20,
    ):
        self.invlink = links.read_link(invlink, "Gamma")
        self.shape_lower_bound = float(shape_lower_bound)
        self.shape = read_value(shape, self.shape_lower_bound, "Gamma.shape")
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        log_scale, inverse_scale = links.log_rate(self.invlink, F), links.inverse_rate(self.invlink, F)
        return self._log_density(X, Y, log_scale, inverse_scale)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return evaluate(self.shape, X, self.shape_lower_bound) * links.rate(self.invlink, F)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return evaluate(self.shape, X, self.shape_lower_bound) * links.square(links.rate(self.invlink, F))

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        if links.is_exp(self.invlink):
            a, scale = evaluate(self.shape, X, self.shape_lower_bound), links.exp(Fmu + 0.5 * Fvar)
            return a * scale, links.square(scale) * a * ((a + 1.0) * jnp.expm1(Fvar) + 1.0)
        return moments_by_quadrature(self, X, Fmu, Fvar)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return log_density_by_quadrature(self, X, Fmu, Fvar, Y)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        if links.is_exp(self.invlink):
            return jnp.sum(self._log_density(X, Y, Fmu, links.exp(0.5 * Fvar - Fmu)), axis=-1)
        return expectation_by_quadrature(self, X, Fmu, Fvar, Y)

    def _log_density(self, X: Array, Y: Array, log_scale: Array, inverse_scale: Array) -> Array:
        """Log density, which is linear in these two functions of f."""
        a = evaluate(self.shape, X, self.shape_lower_bound)
        return -a * log_scale - gammaln(a) + (a - 1.0) * jnp.log(Y) - Y * inverse_scale


@final
class Beta(ScalarLikelihood):
    r"""Proportions with mean :math:`m = g(f)` and spread set by s: a Beta distribution of shapes :math:`s m, \; s (1 - m)`.

    Parameters
    ----------
    invlink
        Inverse link g, from the latent function to a mean in (0, 1): `inv_probit` by default, or ``jax.nn.sigmoid``.
    scale
        The sum s of the two shapes, a pure number; 1 by default, and above its bound. The larger, the narrower:
        :math:`\mathrm{Var}[y] = m (1 - m) / (s + 1)`. A number, or a Parameter, which is adopted whole, or a function from
        X [N, D] to scales [N, 1].
    scale_lower_bound
        The scale stays above this; GPflow's 1e-6 by default.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    TypeError
        If the inverse link is not a function.
    ValueError
        If the scale is not above its bound, or there are no points of the quadrature.

    Notes
    -----
    Observations lie between 0 and 1. Those nearer than 1e-6 to an end are moved there, as in GPflow: at the ends
    themselves the density may be infinite.

    References
    ----------
    Ferrari & Cribari-Neto (2004), *Beta Regression for Modelling Rates and Proportions*, eq. 4.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> print(gp.likelihoods.Beta(scale=4.0).conditional_variance(one, zero).round(6))
    [[0.05]]
    """

    scale: Value
    invlink: Link = eqx.field(static=True)
    scale_lower_bound: float = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    support = PROPORTIONS

    def __init__(
        self,
        invlink: Link = inv_probit,
        scale: Any = 1.0,
        scale_lower_bound: float = _LOWER,
        *,
        num_gauss_hermite_points: int = 20,
    ):
        self.invlink = links.read_link(invlink, "Beta")
        self.scale_lower_bound = float(scale_lower_bound)
        self.scale = read_value(scale, self.scale_lower_bound, "Beta.scale")
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        s, least = evaluate(self.scale, X, self.scale_lower_bound), float(jnp.finfo(F.dtype).tiny)
        alpha = jnp.maximum(s * self.invlink(F), least)
        beta = jnp.maximum(s * links.complement(self.invlink, F), least)
        return log_beta(Y, alpha, beta)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return self.invlink(F)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        m, one_less = self.invlink(F), links.complement(self.invlink, F)
        return m * one_less / (evaluate(self.scale, X, self.scale_lower_bound) + 1.0)


def _root(variance: Array) -> Array:
    """Standard deviation, kept so far above zero that it can be divided by."""
    return jnp.sqrt(jnp.maximum(variance, float(jnp.finfo(variance.dtype).eps) ** 2))
