"""Likelihoods of classes without an order."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, Int

from ..maths import gauss_hermite
from ..parameters import Module, Parameter, as_parameter, tfb, tfd
from ._base import Likelihood
from ._monte_carlo import MonteCarloLikelihood, read_draws
from ._noise import read_points
from ._support import Interval, classes

_SQUASH = 1e-6  # of the normal distribution functions
_LEAST_VARIANCE = 1e-10


@final
class Softmax(MonteCarloLikelihood):
    r"""Classes, :math:`p(y = k \mid f) = e^{f_k} / \sum_j e^{f_j}`: one latent function for each class.

    Its expectations are averages over draws, see `MonteCarloLikelihood`: by default over points that are the same at every
    call, so that any optimiser can be used.

    Parameters
    ----------
    num_classes
        Number of classes.
    num_monte_carlo_points
        Number of draws; GPflow's 100 by default.

    Raises
    ------
    ValueError
        If there are fewer than two classes or draws.

    Notes
    -----
    Observations are one column of classes 0, 1, …, K - 1.

    References
    ----------
    Rasmussen & Williams (2006), eq. 3.34.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> lik = gp.likelihoods.Softmax(4)
    >>> print(lik.conditional_mean(np.ones((1, 1)), np.zeros((1, 4))))
    [[0.25 0.25 0.25 0.25]]
    >>> lik.num_latent_gps(1)
    4
    """

    num_classes: int = eqx.field(static=True)
    num_monte_carlo_points: int = eqx.field(static=True)

    def __init__(self, num_classes: Any, *, num_monte_carlo_points: int = 100):
        self.num_classes = _read_classes(num_classes, "Softmax")
        self.num_monte_carlo_points = read_draws(num_monte_carlo_points)

    @property
    def latent_dim(self) -> int:
        """Number of latent functions: one for each class."""
        return self.num_classes

    @property
    def support(self) -> Interval:
        """The classes."""
        return classes(self.num_classes, columns=1)

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        own = jax.nn.one_hot(Y[..., 0].astype(int), self.num_classes, dtype=bool)
        return jnp.sum(jnp.where(own, F, 0.0), axis=-1) - jax.nn.logsumexp(F, axis=-1)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return jax.nn.softmax(F)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        p = jax.nn.softmax(F)
        return p - p * p


@final
class RobustMax(Module):
    r"""From the latent functions of K classes to their probabilities: the largest wins, but for a share of errors.

    .. math:: p_k = 1 - \epsilon \ \text{ if } k = \arg\max_j f_j, \qquad p_k = \epsilon / (K - 1) \ \text{ otherwise}

    Parameters
    ----------
    num_classes
        Number of classes K.
    epsilon
        Share of errors, between 0 and 1. It has a Beta(0.2, 5) prior and is frozen, as in GPflow; a Parameter is adopted
        whole.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or the share is not between 0 and 1.

    References
    ----------
    Hernández-Lobato, Hernández-Lobato & Dupont (2011), *Robust Multi-Class Gaussian Process Classification*, eq. 2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.likelihoods.RobustMax(3, epsilon=0.1)(np.array([[0.5, 2.0, 1.0]])).round(3))
    [[0.05 0.9  0.05]]
    """

    epsilon: Parameter
    num_classes: int = eqx.field(static=True)

    def __init__(self, num_classes: Any, epsilon: Any = 1e-3):
        self.num_classes = _read_classes(num_classes, "RobustMax")
        if not isinstance(epsilon, Parameter):
            epsilon = Parameter(epsilon, transform=tfb.Sigmoid(), prior=tfd.Beta(0.2, 5.0), trainable=False)
        self.epsilon = as_parameter(epsilon)

    @property
    def eps_k1(self) -> Float[Array, ""]:
        """Probability of each class that is not the largest."""
        return self.epsilon.value / (self.num_classes - 1.0)

    def __call__(self, F: Float[Any, "*B K"]) -> Float[Array, "*B K"]:
        """Probabilities of the classes."""
        largest = jax.nn.one_hot(jnp.argmax(F, axis=-1), self.num_classes, dtype=bool)
        return jnp.where(largest, 1.0 - self.epsilon.value, self.eps_k1)

    def prob_is_largest(
        self,
        label: Int[Array, "*B"],
        mu: Float[Array, "*B K"],
        var: Float[Array, "*B K"],
        num_gauss_hermite_points: int = 20,
    ) -> Float[Array, "*B"]:
        r"""Probability that the latent function of the label is the largest of them, where they are N(mu, var).

        By quadrature over that function of the probability that it exceeds all others,
        :math:`E[\prod_{j \neq k} \Phi((f_k - \mu_j) / \sigma_j)]`; each factor is squashed to [1e-6, 1 - 1e-6].

        Parameters
        ----------
        label
            Classes.
        mu, var
            Means and variances of the latent functions.
        num_gauss_hermite_points
            Points of the quadrature.

        Returns
        -------
        Probabilities, [*B].

        Raises
        ------
        ValueError
            If there are no points of the quadrature.
        """
        z, w = gauss_hermite(num_gauss_hermite_points, mu.dtype)
        own = jax.nn.one_hot(label, self.num_classes, dtype=bool)  # [*B, K]
        m = jnp.sum(jnp.where(own, mu, 0.0), axis=-1)
        v = jnp.sum(jnp.where(own, var, 0.0), axis=-1)
        sd = jnp.sqrt(jnp.maximum(v, 0.5 * _LEAST_VARIANCE))
        f = m[..., None] + sd[..., None] * z.reshape((1,) * m.ndim + z.shape)  # [*B, Q]
        distance = (f[..., None, :] - mu[..., None]) / jnp.sqrt(jnp.maximum(var, _LEAST_VARIANCE))[..., None]
        below = ndtr(distance) * (1.0 - 2.0 * _SQUASH) + _SQUASH  # [*B, K, Q]
        all_below = jnp.exp(jnp.sum(jnp.where(own[..., None], 0.0, jnp.log(below)), axis=-2))
        return all_below @ w


@final
class MultiClass(Likelihood):
    r"""Classes by the largest latent function, with a share of errors; see `RobustMax`.

    Parameters
    ----------
    num_classes
        Number of classes K: one latent function each.
    invlink
        A `RobustMax` of as many classes; one with errors in a thousand by default.
    num_gauss_hermite_points
        Points of the quadrature, in one dimension whatever the number of classes.

    Raises
    ------
    TypeError
        If `invlink` is not a `RobustMax`: for a softmax, there is `Softmax`.
    ValueError
        If there are fewer than two classes, or `invlink` has another number of them, or there are no points of the
        quadrature.

    Notes
    -----
    Observations are one column of classes 0, 1, …, K - 1.

    References
    ----------
    Hernández-Lobato, Hernández-Lobato & Dupont (2011), *Robust Multi-Class Gaussian Process Classification*, eq. 2;
    Girolami & Rogers (2006), *Variational Bayesian Multinomial Probit Regression*, section 2 (the integral).

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> lik = gp.likelihoods.MultiClass(3)
    >>> mean, _ = lik.predict_mean_and_var(np.ones((1, 1)), np.array([[0.0, 9.0, 0.0]]), np.ones((1, 3)))
    >>> print(mean.round(2))
    [[0. 1. 0.]]
    """

    invlink: RobustMax
    num_classes: int = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    def __init__(self, num_classes: Any, invlink: Any = None, *, num_gauss_hermite_points: int = 20):
        self.num_classes = _read_classes(num_classes, "MultiClass")
        invlink = RobustMax(self.num_classes) if invlink is None else invlink
        if not isinstance(invlink, RobustMax):
            raise TypeError(
                f"MultiClass: expected a RobustMax as invlink, got {invlink!r}; for softmax probabilities use Softmax"
            )
        if invlink.num_classes != self.num_classes:
            raise ValueError(f"MultiClass: {num_classes} classes, but an invlink of {invlink.num_classes}")
        self.invlink = invlink
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    @property
    def latent_dim(self) -> int:
        """Number of latent functions: one for each class."""
        return self.num_classes

    @property
    def support(self) -> Interval:
        """The classes."""
        return classes(self.num_classes, columns=1)

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        hit = jnp.argmax(F, axis=-1) == Y[..., 0].astype(int)
        return jnp.where(hit, jnp.log1p(-self.invlink.epsilon.value), jnp.log(self.invlink.eps_k1))

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return self.invlink(F)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        p = self.invlink(F)
        return p - p * p

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        def of_class(k):
            return self._predict_density(Fmu, Fvar, jnp.full(Fmu.shape[:-1], k))

        p = jax.vmap(of_class, out_axes=-1)(jnp.arange(self.num_classes))  # [*B, K]
        return p, p - p * p

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return jnp.log(self._predict_density(Fmu, Fvar, Y[..., 0].astype(int)))

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        p = self._prob_is_largest(Fmu, Fvar, Y[..., 0].astype(int))
        return p * jnp.log1p(-self.invlink.epsilon.value) + (1.0 - p) * jnp.log(self.invlink.eps_k1)

    def _predict_density(self, Fmu: Array, Fvar: Array, label: Array) -> Array:
        p = self._prob_is_largest(Fmu, Fvar, label)
        return p * (1.0 - self.invlink.epsilon.value) + (1.0 - p) * self.invlink.eps_k1

    def _prob_is_largest(self, Fmu: Array, Fvar: Array, label: Array) -> Array:
        return self.invlink.prob_is_largest(label, Fmu, Fvar, self.num_gauss_hermite_points)


def _read_classes(num_classes: Any, what: str) -> int:
    n = int(num_classes)
    if n != num_classes or n < 2:
        raise ValueError(f"{what}: expected a whole number of classes, at least two, got {num_classes}")
    return n
