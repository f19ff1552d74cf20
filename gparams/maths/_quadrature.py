r"""Expectations under Gaussians with independent elements, by Gauss-Hermite quadrature or by sampling.

Every rule here is a set of points :math:`z_q` and weights :math:`w_q` for the standard normal, and

.. math:: E[g(f)] \approx \sum_q w_q \, g(\mu + \sigma z_q), \qquad f \sim N(\mu, \sigma^2)

The points form one new leading axis, over which the integrand is mapped with `jax.vmap`: it is called once, on
arrays of the shape of the mean, and runs as one array operation. An integrand may return any PyTree of arrays, so
that several expectations share its work.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special

NUM_GAUSS_HERMITE_POINTS = 20


def gauss_hermite(n: int, dtype: Any = None) -> tuple[Float[Array, " {n}"], Float[Array, " {n}"]]:
    r"""Give points and weights for the standard normal: :math:`E[g(z)] \approx \sum_q w_q \, g(z_q)`.

    Exact for polynomials of degree up to :math:`2n - 1`.

    Parameters
    ----------
    n : int
        Number of points.
    dtype : dtype, optional
        Floating type of the result; JAX's default float without it.

    Returns
    -------
    points, weights : array
        In ascending order of the points; the weights add up to one.

    Raises
    ------
    ValueError
        If `n` is below one.

    References
    ----------
    M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*, 1964, equation 25.4.46.

    Examples
    --------
    >>> z, w = gauss_hermite(3)
    >>> round(float(jnp.sum(w * z**4)), 6)
    3.0
    """
    x, w = _hermite(n)
    return _constant(x * math.sqrt(2.0), dtype), _constant(w / math.sqrt(math.pi), dtype)


def gauss_hermite_grid(dim: int, n: int, dtype: Any = None) -> tuple[Float[Array, "Q {dim}"], Float[Array, "Q 1"]]:
    """Give the product rule for a standard normal in several dimensions: `n` points in each, `n ** dim` in all.

    Parameters
    ----------
    dim : int
        Number of dimensions.
    n : int
        Number of points in each of them.
    dtype : dtype, optional
        Floating type of the result; JAX's default float without it.

    Returns
    -------
    points : array
        One a row. The second coordinate varies slowest, then the first, then the third, and so on: the order of
        NumPy's and TensorFlow's `meshgrid`, and so GPflow's.
    weights : array
        One a row.

    Raises
    ------
    ValueError
        If `dim` or `n` is below one.

    References
    ----------
    P. J. Davis and P. Rabinowitz, *Methods of Numerical Integration*, 2nd edition, 1984, section 5.6 (product rules).

    Examples
    --------
    >>> Z, W = gauss_hermite_grid(2, 3)
    >>> Z.shape, round(float(jnp.sum(W[:, 0] * Z[:, 0] ** 2 * Z[:, 1] ** 2)), 6)
    ((9, 2), 1.0)
    """
    x, w = _hermite(n)
    points, weights = _grid(x * math.sqrt(2.0), dim), _grid(w / math.sqrt(math.pi), dim)
    return _constant(points, dtype), _constant(np.prod(weights, axis=-1, keepdims=True), dtype)


def hermite_grid(n: int, dim: int, dtype: Any = None) -> tuple[Float[Array, "Q {dim}"], Float[Array, " Q"]]:
    r"""Give the product rule for the weight :math:`e^{-\lVert x \rVert^2}`, as physicists write Hermite's polynomials.

    .. math:: \int e^{-\lVert x \rVert^2} g(x) \, dx \approx \sum_q w_q \, g(x_q)

    Parameters
    ----------
    n : int
        Number of points in each dimension.
    dim : int
        Number of dimensions.
    dtype : dtype, optional
        Floating type of the result; JAX's default float without it.

    Returns
    -------
    points, weights : array
        One point a row, the last coordinate varying fastest; the weights add up to :math:`\pi^{dim/2}`.

    Raises
    ------
    ValueError
        If `dim` or `n` is below one.

    References
    ----------
    M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*, 1964, equation 25.4.46.

    Examples
    --------
    >>> x, w = hermite_grid(5, 2)
    >>> x.shape, round(float(jnp.sum(w)), 6)
    ((25, 2), 3.141593)
    """
    x, w = _hermite(n)
    points, weights = (_grid(a, dim, "ij") for a in (x, w))
    return _constant(points, dtype), _constant(np.prod(weights, axis=-1), dtype)


def gaussian_expectation(
    fn: Callable[[Array], Any],
    mean: Float[Array, "*B"],
    variance: Float[Array, "*B"],
    *,
    num_points: int = NUM_GAUSS_HERMITE_POINTS,
    joint: bool = False,
) -> Any:
    r"""Give the expectation of a function of independent Gaussians, by quadrature: :math:`E[g(f)]`.

    Parameters
    ----------
    fn : callable
        The integrand, from an array of the shape of the mean to an array or a PyTree of arrays.
    mean, variance : array
        Of each element. Where the variance is zero (or below, by rounding) the point is its mean, and the derivative by
        the variance is zero.
    num_points : int
        Number of points in each dimension.
    joint : bool
        False if `fn` works element by element: each element has a rule of one dimension. True if it mixes the elements
        of the last axis, of length D: the rule has ``num_points ** D`` points.

    Returns
    -------
    array or PyTree
        What `fn` returns, averaged.

    Raises
    ------
    ValueError
        If `num_points` is below one.

    References
    ----------
    J. Hensman, A. G. de G. Matthews and Z. Ghahramani, *Scalable Variational Gaussian Process Classification*, 2015,
    section 3.2 (one dimension is enough where the likelihood factorises).

    Examples
    --------
    >>> mean, variance = jnp.array([0.0, 1.0]), jnp.array([1.0, 4.0])
    >>> gaussian_expectation(jnp.square, mean, variance).round(6).tolist()
    [1.0, 5.0]
    """
    points, weights = _rule(mean, variance, num_points, joint)
    return jax.tree.map(lambda g: jnp.tensordot(weights, g, 1), jax.vmap(fn)(points))


def gaussian_log_expectation(
    log_fn: Callable[[Array], Float[Array, "..."]],
    mean: Float[Array, "*B"],
    variance: Float[Array, "*B"],
    *,
    num_points: int = NUM_GAUSS_HERMITE_POINTS,
    joint: bool = False,
) -> Float[Array, "..."]:
    r"""Give the log of the expectation of a positive function, from its log: :math:`\log E[\exp h(f)]`.

    Parameters
    ----------
    log_fn : callable
        The log :math:`h` of the integrand.
    mean, variance, num_points, joint
        As in `gaussian_expectation`.

    Returns
    -------
    array
        The log of the average, summed without overflow.

    Raises
    ------
    ValueError
        If `num_points` is below one.

    References
    ----------
    J. Hensman, A. G. de G. Matthews and Z. Ghahramani, *Scalable Variational Gaussian Process Classification*, 2015,
    section 3.2.

    Examples
    --------
    >>> round(float(gaussian_log_expectation(lambda f: 3.0 * f, jnp.array(1000.0), jnp.array(1.0))), 6)
    3004.5
    """
    points, weights = _rule(mean, variance, num_points, joint)
    h = jax.vmap(log_fn)(points)
    return jax.nn.logsumexp(h + jnp.log(weights).reshape((-1,) + (1,) * (h.ndim - 1)), axis=0)


def monte_carlo_expectation(
    fn: Callable[[Array], Any],
    mean: Float[Array, "*B"],
    variance: Float[Array, "*B"],
    epsilon: Float[Array, "S ..."],
    *,
    log: bool = False,
) -> Any:
    r"""Give the average of a function over draws of independent Gaussians, :math:`\mu + \sigma \epsilon_s`.

    Parameters
    ----------
    fn : callable
        From an array of the shape of the mean to an array or a PyTree of arrays; with `log`, the log of the integrand.
    mean, variance : array
        Of each element.
    epsilon : array
        Standard normal draws, one set for each entry of the first axis; the others broadcast against the mean.
    log : bool
        Whether to return the log of the average of the exponential of `fn`.

    Returns
    -------
    array or PyTree
        What `fn` returns, averaged.

    References
    ----------
    C. P. Robert and G. Casella, *Monte Carlo Statistical Methods*, 2nd edition, 2004, section 3.2.

    Examples
    --------
    >>> epsilon = jnp.array([[-1.0], [1.0]])
    >>> monte_carlo_expectation(jnp.square, jnp.array([2.0]), jnp.array([9.0]), epsilon).tolist()
    [13.0]
    """
    points = mean[None] + _standard_deviation(variance)[None] * _at_rank(epsilon, mean.ndim + 1)
    values = jax.vmap(fn)(points)
    if log:
        return jax.tree.map(lambda h: jax.nn.logsumexp(h, axis=0) - math.log(h.shape[0]), values)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), values)


def spread_normal_points(n: int, dim: int, dtype: Any = None) -> Float[Array, "{n} {dim}"]:
    """Give points that are spread evenly over a standard normal, the same at every call.

    They stand in for random draws where an objective must not change from one evaluation to the next. They are a
    Kronecker sequence put through the normal quantile function, each point together with its mirror image, so that odd
    moments vanish, and then transformed linearly, so that the covariance is the identity (with fewer than four points a
    dimension, the variances alone). So they are exact for polynomials of degree up to three.

    Parameters
    ----------
    n : int
        Number of points; even, or one of them is the origin.
    dim : int
        Number of dimensions.
    dtype : dtype, optional
        Floating type of the result; JAX's default float without it.

    Returns
    -------
    array
        One point a row.

    Raises
    ------
    ValueError
        If `n` is below two, or `dim` below one.

    References
    ----------
    H. Niederreiter, *Random Number Generation and Quasi-Monte Carlo Methods*, 1992, section 3.1 (Kronecker sequences).

    Examples
    --------
    >>> z = spread_normal_points(100, 3)
    >>> print(jnp.abs(z.T @ z / 100).round(4))
    [[1. 0. 0.]
     [0. 1. 0.]
     [0. 0. 1.]]
    """
    return _constant(_spread(n, dim), dtype)


def standard_deviation(variance: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """Give the square root of a variance; zero, with derivative zero, where rounding has left it at or below zero.

    Parameters
    ----------
    variance : array
        The variance.

    Returns
    -------
    array
        The standard deviation, NaN where the variance is NaN.

    Examples
    --------
    >>> standard_deviation(jnp.array([4.0, 0.0, -1e-18])).tolist()
    [2.0, 0.0, 0.0]
    """
    return _standard_deviation(variance)


def _rule(mean, variance, num_points, joint):
    """Give the points [Q, *B] at which to evaluate, and their weights [Q]."""
    if joint:
        z, w = gauss_hermite_grid(mean.shape[-1], num_points, mean.dtype)
        w = w[:, 0]
    else:
        z, w = gauss_hermite(num_points, mean.dtype)
    return mean[None] + _standard_deviation(variance)[None] * _at_rank(z, mean.ndim + 1), w


def _at_rank(z, rank):
    """Put axes of length one behind the first."""
    return z.reshape(z.shape[:1] + (1,) * (rank - z.ndim) + z.shape[1:])


def _standard_deviation(variance):
    # Both branches need a finite derivative: at zero that of the root is infinite, and infinity times zero is NaN.
    none = variance <= 0.0
    return jnp.where(none, 0.0, jnp.sqrt(jnp.where(none, 1.0, variance)))


def _constant(array: np.ndarray, dtype: Any) -> Array:
    return jnp.asarray(array, jax.dtypes.canonicalize_dtype(np.float64) if dtype is None else dtype)


@functools.cache
def _hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    if n < 1:
        raise ValueError(f"Gauss-Hermite quadrature: expected at least one point, got {n}")
    return np.polynomial.hermite.hermgauss(n)


def _grid(x: np.ndarray, dim: int, indexing: Any = "xy") -> np.ndarray:
    if dim < 1:
        raise ValueError(f"Gauss-Hermite quadrature: expected at least one dimension, got {dim}")
    return np.stack(np.meshgrid(*[x] * dim, indexing=indexing), axis=-1).reshape(-1, dim)


@functools.cache
def _spread(n: int, dim: int) -> np.ndarray:
    if n < 2 or dim < 1:
        raise ValueError(f"expected at least two points in at least one dimension, got {n} in {dim}")
    root = 2.0  # of x**(dim + 1) = x + 1: its powers are as far from rational as can be had in `dim` dimensions
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dim + 1))
    half = np.arange(1, n // 2 + 1)[:, None]
    u = np.mod(0.5 + half * root ** -np.arange(1.0, dim + 1.0), 1.0)  # [n / 2, dim]
    z = special.ndtri(u)
    z = np.concatenate([z, -z, np.zeros((n % 2, dim))])
    if 4 * dim > n:  # too few points to tell their correlations
        return z / z.std(0)
    return np.linalg.solve(np.linalg.cholesky(z.T @ z / n), z.T).T
