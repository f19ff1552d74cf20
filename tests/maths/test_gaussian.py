"""The Gaussian log density: value, closed-form derivatives, and a small exact GP through all of maths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gparams.maths import add_diagonal, cholesky_with_jitter, gaussian_log_density, square_distance, whiten


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def positive_definite(seed, n):
    A = np.random.default_rng(seed).normal(size=(n, n))
    return jnp.asarray(A @ A.T / n + 0.5 * np.eye(n))


def close(actual, expected, rtol=1e-9, atol=1e-10):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.all(np.isfinite(actual))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def plain(R, K):
    """The same through JAX's own derivative of the Cholesky factorisation (of the symmetric part of K)."""
    L = jnp.linalg.cholesky(K)
    a = jax.scipy.linalg.solve_triangular(L, R, lower=True)
    N, P = R.shape
    return -0.5 * jnp.sum(a * a) - P * jnp.sum(jnp.log(jnp.diag(L))) - 0.5 * N * P * np.log(2.0 * np.pi)


@pytest.mark.parametrize(("n", "p"), [(1, 1), (1, 3), (6, 1), (6, 3)])
def test_value_is_scipys(n, p):
    R, K = normal(0, n, p), positive_definite(1, n)
    expected = np.sum(multivariate_normal(np.zeros(n), K).logpdf(R.T))
    close(gaussian_log_density(R, K), expected)
    close(jax.jit(gaussian_log_density)(R, K), expected)


def test_float32():
    R, K = normal(0, 6, 2).astype(jnp.float32), positive_definite(1, 6).astype(jnp.float32)
    value, gradients = jax.value_and_grad(gaussian_log_density, (0, 1))(R, K)
    assert {value.dtype, *(g.dtype for g in gradients)} == {jnp.dtype("float32")}
    close(value, gaussian_log_density(R.astype(jnp.float64), K.astype(jnp.float64)), 1e-5)


def test_not_positive_definite_is_nan_and_no_exception():
    R, K = normal(0, 4, 1), -jnp.eye(4)
    value, gradients = jax.jit(jax.value_and_grad(gaussian_log_density, (0, 1)))(R, K)
    assert np.isnan(value)
    assert all(np.isnan(g).any() for g in gradients)


def test_whiten_is_the_factor_and_the_solve():
    R, K = normal(0, 6, 2), positive_definite(1, 6)
    L, a = whiten(R, K)
    close(L @ L.T, K)
    close(L @ a, R)
    close(jnp.triu(L, 1), np.zeros((6, 6)))


def test_cotangent_of_k_is_the_closed_form():
    R, K = normal(0, 6, 3), positive_definite(1, 6)
    P = np.linalg.inv(K)
    A = P @ R
    dR, dK = jax.grad(gaussian_log_density, (0, 1))(R, K)
    close(dK, 0.5 * (A @ A.T - 3.0 * P))
    close(dR, -A)


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
@pytest.mark.parametrize(
    "derivative",
    [
        jax.jacfwd,
        jax.jacrev,
        jax.hessian,
        lambda f, argnums: jax.jacrev(jax.jacrev(f, argnums), argnums),
        lambda f, argnums: jax.jacrev(jax.jacfwd(f, argnums), argnums),
        lambda f, argnums: jax.jacfwd(jax.jacfwd(f, argnums), argnums),
    ],
    ids=["jacfwd", "jacrev", "hessian", "rev(rev)", "rev(fwd)", "fwd(fwd)"],
)
def test_derivatives_are_those_through_the_cholesky(derivative, argnums):
    # K as a free matrix: not even the tangents are symmetric here.
    R, K = normal(0, 4, 2), positive_definite(1, 4)
    functions = (gaussian_log_density, plain)
    actual, expected = jax.jit(lambda R, K: [derivative(f, argnums)(R, K) for f in functions])(R, K)
    jax.tree.map(close, actual, expected)


def test_one_factor_serves_value_and_gradient():
    R, K = normal(0, 6, 2), positive_definite(1, 6)

    def calls(f, *names):
        text = jax.jit(f).lower(R, K).compile().as_text()
        return [text.count(f'custom_call_target="lapack_{name}_ffi"') for name in names]

    both = calls(jax.value_and_grad(gaussian_log_density, (0, 1)), "dpotrf", "dtrsm")
    mean_only = calls(jax.value_and_grad(gaussian_log_density, 0), "dpotrf", "dtrsm")
    value = calls(gaussian_log_density, "dpotrf", "dtrsm")
    # One try by a block, and one by LAPACK in the loop after a failure: there a solve makes the block's inverse.
    assert both == mean_only == value == [2, 1]


def test_a_singular_covariance_has_a_finite_value_and_derivatives_at_fixed_jitter():
    V = np.random.default_rng(0).normal(size=(4, 2))
    R, K = normal(0, 4, 2), jnp.asarray(V @ V.T)
    jitter = cholesky_with_jitter(K)[1]
    assert jitter > 0.0
    fixed = jax.jit(lambda R, K: plain(R, K + jitter * jnp.eye(4)))
    with np.errstate(all="raise"):
        close(jax.jit(gaussian_log_density)(R, K), fixed(R, K), 1e-3)
    functions = (gaussian_log_density, fixed)
    for derivative in (jax.grad, jax.hessian, lambda f, n: jax.jacfwd(jax.jacrev(f, n), n)):
        actual, expected = jax.jit(lambda R, K, d=derivative: [d(f, 1)(R, K) for f in functions])(R, K)
        scale = np.abs(expected).max()
        close(actual / scale, expected / scale, 0.0, 1e-2)
    mapped = jax.vmap(gaussian_log_density, (None, 0))(R, jnp.stack([K, jnp.eye(4)]))
    close(mapped, jnp.stack([gaussian_log_density(R, K), gaussian_log_density(R, jnp.eye(4))]), 1e-3)


# A small exact GP: log marginal likelihood as a function of (log variance, log lengthscales, log noise).
N, D = 23, 3
X, Y = normal(10, N, D), normal(11, N, 2)
THETA = jnp.array([0.2, -0.3, 0.1, 0.4, -1.5])


def log_marginal_likelihood(theta, X=X, Y=Y):
    scale, ell, noise = jnp.exp(theta[0]), jnp.exp(theta[1 : 1 + D]), jnp.exp(theta[1 + D])
    K = scale * jnp.exp(-0.5 * square_distance(X / ell[None, :]))
    return gaussian_log_density(Y, add_diagonal(K, noise))


def plain_log_marginal_likelihood(theta, X=X, Y=Y):
    scale, ell, noise = jnp.exp(theta[0]), jnp.exp(theta[1 : 1 + D]), jnp.exp(theta[1 + D])
    differences = (X[:, None, :] - X[None, :, :]) / ell[None, None, :]
    return plain(Y, scale * jnp.exp(-0.5 * jnp.sum(differences**2, -1)) + noise * jnp.eye(X.shape[0]))


def test_gp_gradient_and_hessians():
    gradient = jax.jit(jax.grad(plain_log_marginal_likelihood))(THETA)
    close(jax.grad(log_marginal_likelihood)(THETA), gradient)  # eagerly
    close(jax.jit(jax.grad(log_marginal_likelihood))(THETA), gradient)
    close(jax.jit(jax.jacfwd(log_marginal_likelihood))(THETA), gradient)
    hessian = jax.jit(jax.hessian(plain_log_marginal_likelihood))(THETA)
    for derivative in (jax.hessian, lambda f: jax.jacrev(jax.jacrev(f)), lambda f: jax.jacrev(jax.jacfwd(f))):
        close(jax.jit(derivative(log_marginal_likelihood))(THETA), hessian)


def test_gp_hessian_is_the_finite_difference_of_the_gradient():
    gradient, h = jax.jit(jax.grad(log_marginal_likelihood)), 1e-5
    columns = [(gradient(THETA + h * e) - gradient(THETA - h * e)) / (2.0 * h) for e in jnp.eye(THETA.size)]
    close(jax.jit(jax.hessian(log_marginal_likelihood))(THETA), jnp.stack(columns), 1e-7, 1e-7)


def test_gp_gradient_with_respect_to_inputs_and_data():
    actual = jax.jit(jax.grad(log_marginal_likelihood, (1, 2)))(THETA, X, Y)
    expected = jax.jit(jax.grad(plain_log_marginal_likelihood, (1, 2)))(THETA, X, Y)
    jax.tree.map(close, actual, expected)


def test_gp_vmap_is_a_loop():
    thetas = THETA[None, :] + 0.1 * normal(0, 3, THETA.size)
    f = jax.jit(jax.value_and_grad(log_marginal_likelihood))
    values, gradients = jax.jit(jax.vmap(f))(thetas)
    for i, theta in enumerate(thetas):
        value, gradient = f(theta)
        close(values[i], value)
        close(gradients[i], gradient)
    hessian = jax.hessian(log_marginal_likelihood)
    close(jax.jit(jax.vmap(hessian))(thetas)[1], jax.jit(hessian)(thetas[1]))
