"""Likelihoods whose expectations under a Gaussian latent function are averages over draws."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..maths import log_gaussian, monte_carlo_expectation, spread_normal_points
from ..parameters import read_key
from ._base import Likelihood
from ._gaussian import noise_variance, read_noise
from ._noise import Value
from ._quadrature import matched, total_moments


class MonteCarloLikelihood(Likelihood):
    """A likelihood of many latent functions together, with expectations as averages over draws of them.

    Subclass it, give it fields, `_log_prob`, `_conditional_mean` and `_conditional_variance`, and it has the rest. The
    class attribute (or static field) `num_monte_carlo_points` is 100, as in GPflow.

    The three expectations take the draws in one of three ways:

    - By default they are spread evenly over the Gaussian and are the same at every call and for every row
      (`gparams.maths.spread_normal_points`). The objective is then a plain function, which L-BFGS and line searches can
      work with, and its error is smaller than that of as many random draws.
    - ``key=``, a JAX random key, draws them afresh for each row. Over many steps of a stochastic optimiser, with a new key
      for each, errors average out.
    - ``epsilon=`` gives the standard normal draws themselves, [S, *B, L], as in GPflow.

    References
    ----------
    Robert & Casella (2004), *Monte Carlo Statistical Methods*, 2nd edition, section 3.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import jax.numpy as jnp
    >>> class Loudest(gp.likelihoods.MonteCarloLikelihood):
    ...     def _log_prob(self, X, F, Y):
    ...         return -0.5 * (jnp.log(2.0 * jnp.pi) + (Y[..., 0] - jnp.max(F, -1)) ** 2)
    ...
    ...     def _conditional_mean(self, X, F):
    ...         return jnp.max(F, -1, keepdims=True)
    ...
    ...     def _conditional_variance(self, X, F):
    ...         return jnp.ones_like(F[..., :1])
    >>> X, F = jnp.ones((1, 1)), jnp.zeros((1, 4))
    >>> mean, _ = Loudest().predict_mean_and_var(X, F, 1.0 + F)
    >>> again, _ = Loudest().predict_mean_and_var(X, F, 1.0 + F, key=jax.random.key(0))
    >>> mean.shape == again.shape == (1, 1)
    True
    """

    num_monte_carlo_points = 100

    def _predict_mean_and_var(
        self, X: Array, Fmu: Array, Fvar: Array, epsilon: Any = None, *, key: Any = None
    ) -> tuple[Array, Array]:
        epsilon = self._draws(Fmu, epsilon, key)

        def moments(F):
            return self._conditional_mean(X, F), self._conditional_variance(X, F)

        return total_moments(lambda fn: monte_carlo_expectation(fn, Fmu, Fvar, epsilon), moments)

    def _predict_log_density(
        self, X: Array, Fmu: Array, Fvar: Array, Y: Array, epsilon: Any = None, *, key: Any = None
    ) -> Array:
        epsilon = self._draws(Fmu, epsilon, key)
        return monte_carlo_expectation(lambda F: self._log_prob(X, F, Y), Fmu, Fvar, epsilon, log=True)

    def _variational_expectations(
        self, X: Array, Fmu: Array, Fvar: Array, Y: Array, epsilon: Any = None, *, key: Any = None
    ) -> Array:
        epsilon = self._draws(Fmu, epsilon, key)
        return monte_carlo_expectation(lambda F: self._log_prob(X, F, Y), Fmu, Fvar, epsilon)

    def _draws(self, Fmu: Array, epsilon: Any, key: Any) -> Array:
        """Standard normal draws [S, *B, L], or [S, L] where all rows share them."""
        if epsilon is not None and key is not None:
            raise ValueError(f"{type(self).__name__}: give the draws (epsilon) or the key to draw them with, not both")
        if epsilon is not None:
            epsilon = jnp.asarray(epsilon, Fmu.dtype)
            if epsilon.shape[1:] != Fmu.shape:
                raise ValueError(
                    f"{type(self).__name__}: expected draws epsilon of shape [S, {', '.join(map(str, Fmu.shape))}], "
                    f"got {epsilon.shape}"
                )
            return epsilon
        if key is not None:
            read_key(key, type(self).__name__)
            return jax.random.normal(key, (self.num_monte_carlo_points, *Fmu.shape), Fmu.dtype)
        return spread_normal_points(self.num_monte_carlo_points, Fmu.shape[-1], Fmu.dtype)


@final
class GaussianMC(MonteCarloLikelihood):
    r"""The Gaussian likelihood with its expectations by Monte Carlo: to try, or to test, what depends on draws.

    Parameters
    ----------
    variance, scale, variance_lower_bound
        As for `Gaussian`.
    num_monte_carlo_points
        Number of draws.

    Raises
    ------
    ValueError
        If both variance and scale are given, or the value is not above the bound, or there are fewer than two draws.

    References
    ----------
    GPflow 2.11, ``likelihoods.GaussianMC``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> mean, variance = gp.likelihoods.GaussianMC(0.5).predict_mean_and_var(one, zero, one)
    >>> print(variance.round(4))
    [[1.5]]
    """

    variance: Value | None
    scale: Value | None
    variance_lower_bound: float = eqx.field(static=True)
    num_monte_carlo_points: int = eqx.field(static=True)

    def __init__(
        self,
        variance: Any = None,
        *,
        scale: Any = None,
        variance_lower_bound: float = 1e-6,
        num_monte_carlo_points: int = 100,
    ):
        self.variance, self.scale = read_noise("GaussianMC", variance, scale, variance_lower_bound)
        self.variance_lower_bound = float(variance_lower_bound)
        self.num_monte_carlo_points = read_draws(num_monte_carlo_points)

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return jnp.sum(log_gaussian(matched(self, F, Y), F, noise_variance(self, X)), axis=-1)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return F

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return jnp.broadcast_to(noise_variance(self, X), F.shape)


def read_draws(num_monte_carlo_points: int) -> int:
    """Check a number of draws."""
    n = int(num_monte_carlo_points)
    if n != num_monte_carlo_points or n < 2:
        raise ValueError(f"num_monte_carlo_points: expected a whole number from 2 on, got {num_monte_carlo_points}")
    return n
