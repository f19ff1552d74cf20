"""Likelihoods of yes and no, of counts, and of ordered classes."""

import math
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from ..maths import log_negative_binomial
from ..parameters import Parameter, as_parameter, positive
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
from ._support import COUNTS, YES_OR_NO, Interval, classes


@final
class Bernoulli(PointwiseLikelihood):
    r"""Yes or no, :math:`p(y = 1 \mid f) = g(f)`.

    Parameters
    ----------
    invlink
        Inverse link g, from the latent function to a probability: `inv_probit` by default, or ``jax.nn.sigmoid``, or any
        other function to (0, 1).
    num_gauss_hermite_points
        Points of the quadrature. With `inv_probit` the predictions have a closed form instead.

    Raises
    ------
    TypeError
        If the inverse link is not a function.
    ValueError
        If there are no points of the quadrature.

    Notes
    -----
    Observations are 0 or 1.

    References
    ----------
    Rasmussen & Williams (2006), section 3.3 and eq. 3.82; Hensman, Matthews & Ghahramani (2015), section 3.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> mean, variance = gp.likelihoods.Bernoulli().predict_mean_and_var(one, zero, one)
    >>> print(mean, variance)
    [[0.5]] [[0.25]]
    """

    invlink: Link = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    support = YES_OR_NO

    def __init__(self, invlink: Link = inv_probit, *, num_gauss_hermite_points: int = 20):
        self.invlink = links.read_link(invlink, "Bernoulli")
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return links.log_yes_or_no(self.invlink, F, Y == 1)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return self.invlink(F)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return self.invlink(F) * links.complement(self.invlink, F)

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        if self.invlink is inv_probit:
            F = Fmu / jnp.sqrt(1.0 + Fvar)
            return self._conditional_mean(X, F), self._conditional_variance(X, F)
        return moments_by_quadrature(self, X, Fmu, Fvar)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        if self.invlink is inv_probit:
            return self._log_prob(X, Fmu / jnp.sqrt(1.0 + Fvar), Y)
        return log_density_by_quadrature(self, X, Fmu, Fvar, Y)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return expectation_by_quadrature(self, X, Fmu, Fvar, Y)


@final
class Poisson(PointwiseLikelihood):
    r"""Counts, :math:`y \sim \mathrm{Poisson}(b \, g(f))`.

    With the default link everything but the predictive density has a closed form; with another, quadrature serves.

    Parameters
    ----------
    invlink
        Inverse link g, from the latent function to a positive rate: ``jnp.exp`` by default, or ``jax.nn.softplus``, or any
        other positive function.
    binsize
        Exposure b, in units of exposure, over which the rate is counted: the width of a bin, the length of a period. For a
        Cox process the data are counts in bins.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    TypeError
        If the inverse link is not a function.
    ValueError
        If the bin size is not a positive number, or there are no points of the quadrature.

    Notes
    -----
    Observations are counts: 0, 1, 2, …

    References
    ----------
    Møller, Syversen & Waagepetersen (1998), *Log Gaussian Cox processes*, section 2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> print(gp.likelihoods.Poisson(binsize=2.0).conditional_mean(one, zero))
    [[2.]]
    """

    invlink: Link = eqx.field(static=True)
    binsize: float = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    support = COUNTS

    def __init__(self, invlink: Link = jnp.exp, binsize: float = 1.0, *, num_gauss_hermite_points: int = 20):
        self.invlink = links.read_link(invlink, "Poisson")
        self.binsize = _read_binsize(binsize)
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        log_mean = links.log_rate(self.invlink, F) + math.log(self.binsize)
        return Y * log_mean - self._conditional_mean(X, F) - gammaln(Y + 1.0)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return links.rate(self.invlink, F) * self.binsize

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return self._conditional_mean(X, F)

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        if links.is_exp(self.invlink):
            mean = self._conditional_mean(X, Fmu + 0.5 * Fvar)
            return mean, mean + links.square(mean) * jnp.expm1(Fvar)
        return moments_by_quadrature(self, X, Fmu, Fvar)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return log_density_by_quadrature(self, X, Fmu, Fvar, Y)

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        if links.is_exp(self.invlink):
            mean = self._conditional_mean(X, Fmu + 0.5 * Fvar)
            return jnp.sum(Y * (Fmu + math.log(self.binsize)) - mean - gammaln(Y + 1.0), axis=-1)
        return expectation_by_quadrature(self, X, Fmu, Fvar, Y)


@final
class NegativeBinomial(ScalarLikelihood):
    r"""Counts that vary more than Poisson's, :math:`E[y] = m = b \, g(f)` and :math:`\mathrm{Var}[y] = m + \alpha m^2`.

    Parameters
    ----------
    invlink
        Inverse link g, from the latent function to a positive rate: ``jnp.exp`` by default.
    alpha
        Dispersion :math:`\alpha`, a pure number; 1 by default, and above 1e-6; near 1e-6 it is practically Poisson's. A
        number, or a Parameter, which is adopted whole, or a function from X [N, D] to dispersions [N, 1].
    binsize
        Exposure b, in units of exposure, over which the rate is counted.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    TypeError
        If the inverse link is not a function.
    ValueError
        If the dispersion is not above its bound, or the bin size is not a positive number, or there are no points of the
        quadrature.

    Notes
    -----
    Observations are counts: 0, 1, 2, … GPflow doesn't have this likelihood.

    References
    ----------
    Hilbe (2011), *Negative Binomial Regression*, 2nd edition, eq. 8.9.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> print(gp.likelihoods.NegativeBinomial(alpha=0.5).conditional_variance(one, zero))
    [[1.5]]
    """

    alpha: Value
    invlink: Link = eqx.field(static=True)
    binsize: float = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    support = COUNTS

    def __init__(
        self,
        invlink: Link = jnp.exp,
        alpha: Any = 1.0,
        binsize: float = 1.0,
        *,
        num_gauss_hermite_points: int = 20,
    ):
        self.invlink = links.read_link(invlink, "NegativeBinomial")
        self.alpha = read_value(alpha, _LOWER, "NegativeBinomial.alpha")
        self.binsize = _read_binsize(binsize)
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        log_mean = links.log_rate(self.invlink, F) + math.log(self.binsize)
        return log_negative_binomial(Y, log_mean, evaluate(self.alpha, X, _LOWER))

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return links.rate(self.invlink, F) * self.binsize

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        mean = self._conditional_mean(X, F)
        return mean + evaluate(self.alpha, X, _LOWER) * links.square(mean)


@final
class Ordinal(ScalarLikelihood):
    r"""Ordered classes, told apart by where the latent function lies among bin edges.

    With edges :math:`a_0 < \dots < a_{K-2}`, and :math:`a_{-1} = -\infty`, :math:`a_{K-1} = \infty`,

    .. math:: p(y = k \mid f) = \Phi\left(\frac{a_k - f}{\sigma}\right) - \Phi\left(\frac{a_{k-1} - f}{\sigma}\right)

    where :math:`\Phi` is squashed to [0.001, 0.999] as in `inv_probit`, and log probabilities add 1e-6 to this (GPflow's
    margins: no observation is impossible).

    Parameters
    ----------
    bin_edges
        The K - 1 edges between K classes, ascending, in the unit of the latent function.
    num_gauss_hermite_points
        Points of the quadrature.

    Raises
    ------
    ValueError
        If the edges are not a vector of ascending numbers, or there are no points of the quadrature.

    Notes
    -----
    Observations are classes 0, 1, …, K - 1. The width sigma starts at 1, and is trained.

    References
    ----------
    Chu & Ghahramani (2005), *Gaussian Processes for Ordinal Regression*, eq. 5.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> lik = gp.likelihoods.Ordinal([-1.0, 1.0])
    >>> lik.sigma
    Parameter(1., transform=Softplus)
    >>> zero = np.zeros((1, 1))
    >>> print(np.exp([lik.log_prob(zero, zero, zero + k)[0] for k in range(3)]).round(3))
    [0.158 0.681 0.158]
    """

    sigma: Parameter
    bin_edges: tuple[float, ...] = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    def __init__(self, bin_edges: Any, *, num_gauss_hermite_points: int = 20):
        edges = np.asarray(bin_edges, float)
        if edges.ndim != 1 or edges.size == 0 or not np.all(np.isfinite(edges)) or not np.all(np.diff(edges) > 0):
            raise ValueError(f"Ordinal: expected bin edges in ascending order, one at least, got {bin_edges}")
        self.bin_edges = tuple(edges.tolist())
        self.sigma = as_parameter(1.0, transform=positive())
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    @property
    def num_bins(self) -> int:
        """Number K of classes."""
        return len(self.bin_edges) + 1

    @property
    def support(self) -> Interval:
        """The classes."""
        return classes(self.num_bins)

    def _scalar_log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        a, s, y, last = jnp.asarray(self.bin_edges, F.dtype), self.sigma.value, Y.astype(int), self.num_bins - 1
        # The outermost edges lie at infinity. They are never computed with, so that no derivative meets them.
        above = jnp.where(y < last, inv_probit((a[jnp.clip(y, 0, last - 1)] - F) / s), _HIGHEST)
        below = jnp.where(y > 0, inv_probit((a[jnp.clip(y - 1, 0, last - 1)] - F) / s), _LOWEST)
        return jnp.log(above - below + 1e-6)

    def _probabilities(self, F: Array) -> Float[Array, "*B K"]:
        """Probability of each class, [*B, P, K]; they add up to 0.998."""
        a, s = jnp.asarray(self.bin_edges, F.dtype), self.sigma.value
        cumulative = inv_probit((a.reshape((1,) * F.ndim + a.shape) - F[..., None]) / s)  # [*B, P, K - 1]
        ends = jnp.ones_like(F[..., None])
        return jnp.diff(jnp.concatenate([_LOWEST * ends, cumulative, _HIGHEST * ends], axis=-1), axis=-1)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return self._probabilities(F) @ jnp.arange(self.num_bins, dtype=F.dtype)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        p, k = self._probabilities(F), jnp.arange(self.num_bins, dtype=F.dtype)
        return p @ (k * k) - (p @ k) ** 2


_LOWER = 1e-6
_LOWEST, _HIGHEST = 1e-3, 1.0 - 1e-3  # of `inv_probit`


def _read_binsize(binsize: Any) -> float:
    size = float(binsize)
    if not (math.isfinite(size) and size > 0.0):
        raise ValueError(f"binsize: expected a positive number, got {binsize}")
    return size
