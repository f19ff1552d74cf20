"""Likelihoods whose expectations under a Gaussian latent function are taken by quadrature."""

import abc
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from ..maths import gaussian_expectation, gaussian_log_expectation
from ._base import Likelihood
from ._links import square


class PointwiseLikelihood(Likelihood):
    r"""A likelihood under which each observation has one latent function of its own: :math:`\sum_p \log p(y_p \mid f_p)`.

    It has the sum over outputs, and leaves the expectations to its subclasses: `ScalarLikelihood` takes them by
    quadrature, others know a closed form.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.likelihoods.Poisson(), gp.likelihoods.PointwiseLikelihood)
    True
    """

    @abc.abstractmethod
    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        """Log density of each observation given its latent function, [*B, P]."""

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return jnp.sum(self._scalar_log_prob(X, F, matched(self, F, Y)), axis=-1)


class ScalarLikelihood(PointwiseLikelihood):
    """A likelihood of one latent function for each observation, with expectations by Gauss-Hermite quadrature.

    Subclass it, give it fields, `_scalar_log_prob`, `_conditional_mean` and `_conditional_variance`, and it has the rest.
    These get X [*B, D], F [*B, P] and Y [*B, P], as arrays of one shape but for the last axis of X. The class attribute
    (or static field) `num_gauss_hermite_points` is 20, as in GPflow.

    References
    ----------
    Abramowitz & Stegun (1964), *Handbook of Mathematical Functions*, eq. 25.4.46.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> class Cauchy(gp.likelihoods.ScalarLikelihood):
    ...     scale: gp.Parameter
    ...
    ...     def __init__(self, scale=1.0):
    ...         self.scale = gp.as_parameter(scale, transform=gp.positive())
    ...
    ...     def _scalar_log_prob(self, X, F, Y):
    ...         s = self.scale.value
    ...         return -jnp.log(jnp.pi * s) - jnp.log1p(((Y - F) / s) ** 2)
    ...
    ...     def _conditional_mean(self, X, F):
    ...         return jnp.full_like(F, jnp.nan)
    ...
    ...     def _conditional_variance(self, X, F):
    ...         return jnp.full_like(F, jnp.nan)
    >>> one, zero = jnp.ones((1, 1)), jnp.zeros((1, 1))
    >>> print(Cauchy().variational_expectations(one, zero, one, zero).round(3))
    [-1.678]
    """

    num_gauss_hermite_points = 20

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        return moments_by_quadrature(self, X, Fmu, Fvar)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return log_density_by_quadrature(self, X, Fmu, Fvar, Y)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return expectation_by_quadrature(self, X, Fmu, Fvar, Y)


class QuadratureLikelihood(Likelihood):
    """A likelihood of several latent functions together, with expectations by a product of Gauss-Hermite rules.

    Subclass it, give it fields, `_log_prob`, `_conditional_mean` and `_conditional_variance`, and it has the rest. With L
    latent functions the rule has ``num_gauss_hermite_points ** L`` points (20 each unless the subclass says otherwise): for
    more than two or three, derive from `MonteCarloLikelihood`.

    References
    ----------
    Abramowitz & Stegun (1964), *Handbook of Mathematical Functions*, eq. 25.4.46.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> class Difference(gp.likelihoods.QuadratureLikelihood):
    ...     latent_dim = 2
    ...
    ...     def _log_prob(self, X, F, Y):
    ...         return -0.5 * (jnp.log(2.0 * jnp.pi) + (Y[..., 0] - F[..., 0] + F[..., 1]) ** 2)
    ...
    ...     def _conditional_mean(self, X, F):
    ...         return F[..., :1] - F[..., 1:]
    ...
    ...     def _conditional_variance(self, X, F):
    ...         return jnp.ones_like(F[..., :1])
    >>> one, two = jnp.ones((1, 1)), jnp.ones((1, 2))
    >>> mean, variance = Difference().predict_mean_and_var(one, two, two)
    >>> print(abs(mean.round(3)), variance.round(3))
    [[0.]] [[3.]]
    """

    num_gauss_hermite_points = 20

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        return moments_by_quadrature(self, X, Fmu, Fvar, joint=True)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        n = self.num_gauss_hermite_points
        return gaussian_log_expectation(lambda F: self._log_prob(X, F, Y), Fmu, Fvar, num_points=n, joint=True)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        n = self.num_gauss_hermite_points
        return gaussian_expectation(lambda F: self._log_prob(X, F, Y), Fmu, Fvar, num_points=n, joint=True)


def moments_by_quadrature(
    likelihood: Any, X: Array, Fmu: Array, Fvar: Array, *, joint: bool = False
) -> tuple[Array, Array]:
    """Mean and variance of y from those given f."""
    n = likelihood.num_gauss_hermite_points

    def moments(F):
        return likelihood._conditional_mean(X, F), likelihood._conditional_variance(X, F)

    return total_moments(lambda fn: gaussian_expectation(fn, Fmu, Fvar, num_points=n, joint=joint), moments)


def total_moments(expectation: Any, moments: Any) -> tuple[Array, Array]:
    """The laws of total expectation and total variance. The second is a sum of what can't be negative."""
    mean, within = expectation(moments)
    between = expectation(lambda F: square(moments(F)[0] - mean))
    return mean, within + between


def log_density_by_quadrature(likelihood: Any, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
    """Log of the mean of the density of a pointwise likelihood, [*B]."""
    Y, n = matched(likelihood, Fmu, Y), likelihood.num_gauss_hermite_points
    return jnp.sum(
        gaussian_log_expectation(lambda F: likelihood._scalar_log_prob(X, F, Y), Fmu, Fvar, num_points=n), axis=-1
    )


def expectation_by_quadrature(likelihood: Any, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
    """Mean of the log density of a pointwise likelihood, [*B]."""
    Y, n = matched(likelihood, Fmu, Y), likelihood.num_gauss_hermite_points
    return jnp.sum(
        gaussian_expectation(lambda F: likelihood._scalar_log_prob(X, F, Y), Fmu, Fvar, num_points=n), axis=-1
    )


def matched(likelihood: Any, F: Array, Y: Array) -> Array:
    """Y, if it has as many columns as the latent function has."""
    if Y.shape[-1] != F.shape[-1]:
        raise ValueError(
            f"{type(likelihood).__name__}: each observation has one latent function, and Y has {Y.shape[-1]} columns, "
            f"where the latent function has {F.shape[-1]}"
        )
    return Y
