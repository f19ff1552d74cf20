"""Rules and averages against moments of the normal distribution, NumPy's own rules and brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from gparams.maths import (
    gauss_hermite,
    gauss_hermite_grid,
    gaussian_expectation,
    gaussian_log_expectation,
    hermite_grid,
    monte_carlo_expectation,
    spread_normal_points,
    standard_deviation,
)

MEAN = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))
VARIANCE = jnp.asarray(np.random.default_rng(1).uniform(0.2, 1.5, (3, 2)))


@pytest.mark.parametrize("n", [1, 2, 5, 20, 40])
def test_rule_is_exact_for_polynomials(n):
    z, w = gauss_hermite(n)
    double_factorial = 1.0
    for power in range(0, min(2 * n, 20), 2):
        assert_allclose(w @ z**power, double_factorial, rtol=1e-10)
        assert_allclose(w @ z ** (power + 1), 0.0, atol=1e-9 * double_factorial * 10**power**0.5)
        double_factorial *= power + 1
    assert z.dtype == w.dtype == jnp.float64
    assert gauss_hermite(n, jnp.float32)[0].dtype == jnp.float32


def test_grid_is_a_product():
    Z, W = gauss_hermite_grid(3, 4)
    z, w = gauss_hermite(4)
    assert Z.shape == (64, 3) and W.shape == (64, 1)
    assert_allclose(sorted(map(tuple, np.asarray(Z))), sorted((a, b, c) for a in z for b in z for c in z))
    assert_allclose(W.sum(), 1.0)
    assert_allclose((W[:, 0] * Z[:, 0] ** 4 * Z[:, 2] ** 2).sum(), 3.0)
    x, v = hermite_grid(4, 3)
    assert_allclose(v.sum(), np.pi**1.5)
    assert_allclose(v @ x[:, 1] ** 2, 0.5 * np.pi**1.5)
    assert_allclose(x[:4, 2], z / np.sqrt(2.0))


def test_expectations_are_moments():
    assert_allclose(gaussian_expectation(jnp.exp, MEAN, VARIANCE), np.exp(MEAN + 0.5 * VARIANCE), rtol=1e-12)
    twice = gaussian_expectation(lambda f: (f, {"square": f * f}), MEAN, VARIANCE)
    assert_allclose(twice[0], MEAN, rtol=1e-12)
    assert_allclose(twice[1]["square"], MEAN**2 + VARIANCE, rtol=1e-12)
    log = gaussian_log_expectation(lambda f: -2.0 * f, MEAN, VARIANCE)
    assert_allclose(log, -2.0 * MEAN + 2.0 * VARIANCE, rtol=1e-10)
    assert_allclose(gaussian_log_expectation(lambda f: 1e4 + f, MEAN, VARIANCE), 1e4 + MEAN + 0.5 * VARIANCE)


def test_joint_expectations():
    product = gaussian_expectation(lambda f: f[..., 0] * jnp.exp(f[..., 1]), MEAN, VARIANCE, joint=True)
    assert_allclose(product, MEAN[:, 0] * np.exp(MEAN[:, 1] + 0.5 * VARIANCE[:, 1]), rtol=1e-12)
    log = gaussian_log_expectation(lambda f: f.sum(-1), MEAN, VARIANCE, joint=True, num_points=12)
    assert_allclose(log, (MEAN + 0.5 * VARIANCE).sum(-1), rtol=1e-10)


def test_an_integrand_is_called_once_on_the_shape_of_the_mean():
    shapes = []

    def integrand(f):
        shapes.append(f.shape)
        return f

    gaussian_expectation(integrand, MEAN, VARIANCE)
    gaussian_expectation(integrand, MEAN, VARIANCE, joint=True)
    assert shapes == [(3, 2), (3, 2)]


def test_derivatives_are_those_of_the_integral():
    by_mean, by_variance = jax.grad(
        lambda m, v: jnp.sum(gaussian_expectation(jnp.sin, m, v)), argnums=(0, 1)
    )(MEAN, VARIANCE)  # fmt: skip
    assert_allclose(by_mean, np.exp(-0.5 * VARIANCE) * np.cos(MEAN), rtol=1e-10)
    assert_allclose(by_variance, -0.5 * np.exp(-0.5 * VARIANCE) * np.sin(MEAN), rtol=1e-10)


@pytest.mark.parametrize("variance", [0.0, -1e-18])
def test_no_variance_is_a_point(variance):
    none = jnp.full_like(MEAN, variance)
    value, slope = jax.value_and_grad(lambda v: jnp.sum(gaussian_expectation(jnp.exp, MEAN, v)))(none)
    assert_allclose(value, np.exp(MEAN).sum())
    assert_allclose(slope, 0.0)
    assert np.isnan(standard_deviation(jnp.array(jnp.nan)))


def test_monte_carlo_is_an_average():
    epsilon = np.random.default_rng(2).normal(size=(50, 3, 2))
    f = np.asarray(MEAN) + np.sqrt(VARIANCE) * epsilon
    assert_allclose(monte_carlo_expectation(jnp.tanh, MEAN, VARIANCE, jnp.asarray(epsilon)), np.tanh(f).mean(0))
    log = monte_carlo_expectation(jnp.tanh, MEAN, VARIANCE, jnp.asarray(epsilon), log=True)
    assert_allclose(log, np.log(np.exp(np.tanh(f)).mean(0)))
    shared = monte_carlo_expectation(jnp.tanh, MEAN, VARIANCE, jnp.asarray(epsilon[:, 0]))
    assert_allclose(shared, np.tanh(np.asarray(MEAN) + np.sqrt(VARIANCE) * epsilon[:, :1]).mean(0))


@pytest.mark.parametrize(("n", "dim"), [(100, 1), (100, 3), (100, 10), (101, 2), (6, 4)])
def test_spread_points_have_the_moments_of_a_normal(n, dim):
    z = np.asarray(spread_normal_points(n, dim))
    assert z.shape == (n, dim) and len(np.unique(z.round(9), axis=0)) == n
    assert_allclose(z.mean(0), 0.0, atol=1e-14)
    assert_allclose((z**2).mean(0), 1.0)
    if 4 * dim <= n:
        assert_allclose(z.T @ z / n, np.eye(dim), atol=1e-12)
    assert np.array_equal(z, spread_normal_points(n, dim))


def test_spread_points_are_nearer_than_random_ones():
    def smooth(f):
        return jnp.log(jnp.sum(jnp.exp(f), -1))

    m, v = jnp.zeros((1, 4)), jnp.full((1, 4), 1.5)
    truth = monte_carlo_expectation(smooth, m, v, jax.random.normal(jax.random.key(0), (200_000, 1, 4)))
    spread = monte_carlo_expectation(smooth, m, v, spread_normal_points(100, 4))
    random = [
        monte_carlo_expectation(smooth, m, v, jax.random.normal(jax.random.key(k), (100, 1, 4))) for k in range(9)
    ]
    assert abs(spread - truth)[0] < 0.2 * np.median([abs(r - truth)[0] for r in random])


def test_what_is_refused():
    for wrong in (lambda: gauss_hermite(0), lambda: gauss_hermite_grid(0, 3), lambda: spread_normal_points(1, 2)):
        with pytest.raises(ValueError, match="at least"):
            wrong()
