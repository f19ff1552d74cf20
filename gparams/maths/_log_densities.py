"""Log densities of the usual distributions, element by element, in nats: what likelihoods are made of.

Arguments broadcast against one another as operators do. Nothing is checked here: outside a distribution's support
the formula gives what it gives.
"""

import math
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Array, Float

from ._linear_algebra import solve_triangular

# Observations of a Beta distribution are kept this far inside of (0, 1), where its density may be infinite.
BETA_MARGIN = 1e-6


def log_gaussian(x: Any, mean: Any, variance: Any) -> Array:
    r"""Give the log density of a normal distribution: :math:`-\tfrac12 (\log 2 \pi v + (x - m)^2 / v)`.

    Parameters
    ----------
    x, mean, variance : array
        Observation, mean and variance.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 1, 1994, chapter 13.

    Examples
    --------
    >>> round(float(jnp.exp(log_gaussian(jnp.array(1.0), 1.0, 0.5 / jnp.pi))), 4)
    1.0
    """
    return -0.5 * (math.log(2.0 * math.pi) + jnp.log(variance) + (x - mean) ** 2 / variance)


def log_lognormal(x: Any, mean: Any, variance: Any) -> Array:
    r"""Give the log density of a variable whose logarithm is normal: :math:`\log N(\log x \mid m, v) - \log x`.

    Parameters
    ----------
    x : array
        Observation, above zero.
    mean, variance : array
        Those of its logarithm.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 1, 1994, chapter 14.

    Examples
    --------
    >>> round(float(jnp.exp(log_lognormal(jnp.array(1.0), 0.0, 0.5 / jnp.pi))), 4)
    1.0
    """
    log_x = jnp.log(x)
    return log_gaussian(log_x, mean, variance) - log_x


def log_bernoulli(x: Any, p: Any) -> Array:
    r"""Give the log probability of a yes or a no: :math:`\log p` where x is 1, else :math:`\log (1 - p)`.

    Parameters
    ----------
    x : array
        Observation, 0 or 1.
    p : array
        Probability of a 1.

    Returns
    -------
    array
        The log probability.

    References
    ----------
    N. L. Johnson, A. W. Kemp and S. Kotz, *Univariate Discrete Distributions*, 3rd edition, 2005, chapter 3.

    Examples
    --------
    >>> print(jnp.exp(log_bernoulli(jnp.array([1.0, 0.0]), 0.25)).round(4))
    [0.25 0.75]
    """
    return jnp.log(jnp.where(x == 1, p, 1.0 - p))


def log_poisson(x: Any, rate: Any) -> Array:
    r"""Give the log probability of a count: :math:`x \log \lambda - \lambda - \log x!`.

    Parameters
    ----------
    x : array
        Observation: 0, 1, 2, …
    rate : array
        Its mean.

    Returns
    -------
    array
        The log probability.

    References
    ----------
    N. L. Johnson, A. W. Kemp and S. Kotz, *Univariate Discrete Distributions*, 3rd edition, 2005, chapter 4.

    Examples
    --------
    >>> round(float(log_poisson(jnp.array(0.0), 2.0)), 4)
    -2.0
    """
    return xlogy(x, rate) - rate - gammaln(x + 1.0)


def log_exponential(x: Any, scale: Any) -> Array:
    r"""Give the log density of an exponential distribution of mean s: :math:`-x / s - \log s`.

    Parameters
    ----------
    x : array
        Observation, not below zero.
    scale : array
        Its mean.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 1, 1994, chapter 19.

    Examples
    --------
    >>> float(log_exponential(jnp.array(3.0), 1.0))
    -3.0
    """
    return -x / scale - jnp.log(scale)


def log_gamma(x: Any, shape: Any, scale: Any) -> Array:
    r"""Give the log density of a Gamma distribution: :math:`(a - 1) \log x - x / s - a \log s - \log \Gamma(a)`.

    Parameters
    ----------
    x : array
        Observation, above zero.
    shape, scale : array
        Shape a and scale s; the mean is their product.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 1, 1994, chapter 17.

    Examples
    --------
    >>> round(float(log_gamma(jnp.array(3.0), 1.0, 1.0)), 4)
    -3.0
    """
    return -shape * jnp.log(scale) - gammaln(shape) + (shape - 1.0) * jnp.log(x) - x / scale


def log_student_t(x: Any, mean: Any, scale: Any, df: Any) -> Array:
    r"""Give the log density of Student's t with a location and a scale.

    .. math:: \log \frac{\Gamma(\frac{\nu + 1}{2})}{\Gamma(\frac{\nu}{2}) \sqrt{\nu \pi} s}
        - \frac{\nu + 1}{2} \log \left(1 + \frac{(x - m)^2}{\nu s^2}\right)

    Parameters
    ----------
    x, mean, scale : array
        Observation, location and scale.
    df : array or float
        Degrees of freedom.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 2, 1995, chapter 28.

    Examples
    --------
    >>> round(float(jnp.exp(log_student_t(jnp.array(0.0), 0.0, 1.0 / jnp.pi, 1.0))), 4)
    1.0
    """
    df = jnp.asarray(df, jnp.result_type(x, mean, scale)) if isinstance(df, (int, float)) else df
    const = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * (jnp.log(df) + math.log(math.pi)) - jnp.log(scale)
    return const - 0.5 * (df + 1.0) * jnp.log1p(((x - mean) / scale) ** 2 / df)


def log_beta(x: Any, alpha: Any, beta: Any) -> Array:
    r"""Give the log density of a Beta distribution.

    .. math:: (\alpha - 1) \log x + (\beta - 1) \log (1 - x)
        + \log \frac{\Gamma(\alpha + \beta)}{\Gamma(\alpha) \Gamma(\beta)}

    Parameters
    ----------
    x : array
        Observation in (0, 1). It is moved to [1e-6, 1 - 1e-6] if it lies outside, as GPflow does, so that a 0 or a 1 has a
        finite density.
    alpha, beta : array
        The two shapes.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 2, 1995, chapter 25.

    Examples
    --------
    >>> round(float(jnp.exp(log_beta(jnp.array(0.5), 1.0, 1.0))), 4)
    1.0
    """
    x = jnp.clip(x, BETA_MARGIN, 1.0 - BETA_MARGIN)
    log_norm = gammaln(alpha + beta) - gammaln(alpha) - gammaln(beta)
    return (alpha - 1.0) * jnp.log(x) + (beta - 1.0) * jnp.log(1.0 - x) + log_norm


def log_laplace(x: Any, mean: Any, scale: Any) -> Array:
    r"""Give the log density of a Laplace distribution: :math:`-\lvert x - m \rvert / s - \log 2 s`.

    Parameters
    ----------
    x, mean, scale : array
        Observation, location and scale.

    Returns
    -------
    array
        The log density.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, *Continuous Univariate Distributions*, volume 2, 1995, chapter 24.

    Examples
    --------
    >>> float(log_laplace(jnp.array(3.0), 1.0, 0.5))
    -4.0
    """
    return -jnp.abs(x - mean) / scale - jnp.log(2.0 * scale)


def log_negative_binomial(x: Any, log_mean: Any, dispersion: Any) -> Array:
    r"""Give the log probability of a count whose variance grows faster than its mean m: :math:`m + \alpha m^2`.

    .. math:: \log \frac{\Gamma(x + r)}{\Gamma(r) \, x!} + x \log \alpha m - (x + r) \log (1 + \alpha m),
        \qquad r = 1 / \alpha

    Parameters
    ----------
    x : array
        Observation: 0, 1, 2, …
    log_mean : array
        Log of the mean.
    dispersion : array
        The dispersion :math:`\alpha`; as it goes to zero the distribution becomes Poisson's.

    Returns
    -------
    array
        The log probability.

    References
    ----------
    J. M. Hilbe, *Negative Binomial Regression*, 2nd edition, 2011, equation 8.9 (NB2).

    Examples
    --------
    >>> round(float(jnp.exp(log_negative_binomial(jnp.array(0.0), 0.0, 1.0))), 6)
    0.5
    """
    r, log_odds = 1.0 / dispersion, log_mean + jnp.log(dispersion)
    log_count = gammaln(x + r) - gammaln(r) - gammaln(x + 1.0)
    return log_count + x * log_odds - (x + r) * jnp.logaddexp(log_odds, jnp.zeros_like(log_odds))


def log_multivariate_normal(
    x: Float[Array, " D #N"], mean: Float[Array, " D #N"], L: Float[Array, "D D"]
) -> Float[Array, " N"]:
    r"""Give the log density of vectors, one a column, under a normal distribution of covariance :math:`L L^\top`.

    Parameters
    ----------
    x, mean : array
        Observations and means; one column stands for all.
    L : array
        Lower Cholesky factor of the covariance.

    Returns
    -------
    array
        One log density for each column.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, equation A.5.

    Examples
    --------
    >>> log_multivariate_normal(jnp.zeros((2, 1)), jnp.zeros((2, 3)), jnp.eye(2) / jnp.sqrt(2.0 * jnp.pi)).shape
    (3,)
    """
    a = solve_triangular(L, x - mean)  # [D, N]
    half_log_determinant = jnp.sum(jnp.log(jnp.diagonal(L)))
    return -0.5 * jnp.sum(a * a, axis=0) - half_log_determinant - 0.5 * a.shape[0] * math.log(2.0 * math.pi)
