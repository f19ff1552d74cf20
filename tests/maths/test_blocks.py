"""Factors by blocks against LAPACK through SciPy: sizes around the blocks, hard matrices, stacks, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from gparams.maths import _blocks as blocks
from gparams.maths import cholesky_and_inverse, gaussian_log_density

# One leaf, two, four with an odd one, and two and three levels of blocks that are not put together.
SIZES = (1, 2, 63, 64, 131, 257, 600)
each_size = pytest.mark.parametrize("n", SIZES)


def smooth(n, noise, dtype=jnp.float64):
    """Covariance of a smooth process at n points of an interval, and noise: the nearer to singular the less noise."""
    x = np.linspace(0.0, 5.0, n)
    return jnp.asarray(np.exp(-0.5 * (x[:, None] - x) ** 2) + noise * np.eye(n), dtype)


@each_size
def test_all_that_is_made_of_a_factor(n):
    K = np.asarray(smooth(n, 0.1))
    B = np.random.default_rng(n).normal(size=(n, 2))

    @jax.jit
    def everything(K, B):
        factor, jitter = blocks.factorise(K, jitter=True, keep_lower=True)
        return (
            blocks.lower(factor), blocks.inverse_of_lower(factor), blocks.inverse_of_product(factor),
            blocks.diagonal(factor), blocks.solve(factor, B), blocks.solve_transposed(factor, B), jitter,
        )  # fmt: skip

    L, inverse, product, diagonal, solved, solved_transposed, jitter = everything(K, B)
    expected = scipy.linalg.cholesky(K, lower=True)
    assert jitter == 0.0
    assert_allclose(L, expected, rtol=1e-11, atol=1e-12)
    assert_allclose(inverse, scipy.linalg.solve_triangular(expected, np.eye(n), lower=True), rtol=1e-10, atol=1e-11)
    assert np.array_equal(L, np.tril(L)) and np.array_equal(inverse, np.tril(inverse))
    assert_allclose(product, np.linalg.inv(K), rtol=1e-9, atol=1e-10)
    assert_allclose(diagonal, np.diag(expected), rtol=1e-12)
    assert_allclose(solved, scipy.linalg.solve_triangular(expected, B, lower=True), rtol=1e-10, atol=1e-11)
    wanted = scipy.linalg.solve_triangular(expected, B, lower=True, trans=1)
    assert_allclose(solved_transposed, wanted, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("strip_rows", [500, 50, 37])  # one strip, three even ones, four uneven ones
def test_what_is_made_of_a_block_before_it_is_stored(strip_rows, monkeypatch):
    monkeypatch.setattr(blocks, "_STRIP_ROWS", strip_rows)
    K = smooth(300, 0.1)
    A = jnp.arange(300.0)[:, None]

    def outer_less(block, rows, columns):
        return A[rows] @ A[columns].T - block

    factor, _ = blocks.factorise(K)
    assert_allclose(
        blocks.inverse_of_product(factor, outer_less), A @ A.T - np.linalg.inv(K), rtol=1e-10, atol=1e-9
    )  # fmt: skip


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_factor_holds_what_it_should_however_little_noise_there_is(noise):
    # With less noise than blocks are trusted with, LAPACK makes the factor.
    K = np.asarray(smooth(300, noise))
    L = np.asarray(jax.jit(lambda K: blocks.lower(blocks.factorise(K, keep_lower=True)[0]))(K))
    reference = scipy.linalg.cholesky(K, lower=True)
    assert np.isfinite(L).all()
    residual = 2e-13 if noise >= 1e-6 else 4e-15
    assert np.abs(L @ L.T - K).max() <= residual
    determinants = [2.0 * np.log(np.diag(F)).sum() for F in (L, reference)]
    # A residual R moves log|K| by tr(K^-1 R): eigenvalues of 1 / noise, with signs as they come.
    assert_allclose(*determinants, rtol=0.0, atol=np.sqrt(len(K)) * residual / noise)


def test_blocks_are_left_where_they_would_lose_digits():
    def taken(K):
        # The loop of the tries leaves a trace only where it was entered: LAPACK's zeros instead of the blocks'.
        first = blocks._factor(blocks._cut(K))
        whole, _ = blocks.factorise(K, keep_lower=True)
        return np.array_equal(blocks.lower(first), blocks.lower(whole))

    assert taken(smooth(300, 1e-2)) and taken(smooth(300, 1e-6))
    assert not taken(smooth(300, 1e-10))
    scales = jnp.asarray(10.0 ** np.linspace(-6, 6, 300))  # rows in different units are no reason
    assert taken(scales[:, None] * smooth(300, 1e-2) * scales[None])


def test_float32():
    K = smooth(300, 0.1, jnp.float32)
    L, inverse = cholesky_and_inverse(K)
    assert L.dtype == inverse.dtype == jnp.float32
    assert np.abs(L @ L.T - K).max() < 1e-5
    assert np.abs(np.asarray(inverse) @ np.asarray(L) - np.eye(300)).max() < 1e-4


@pytest.mark.parametrize("n", [3, 70, 300])
def test_failure_is_nan(n):
    K = np.asarray(smooth(n, 0.1)).copy()
    K[-1, -1] = -1.0
    for f in (cholesky_and_inverse, jax.jit(cholesky_and_inverse)):
        L, inverse = f(jnp.asarray(K))
        assert np.isnan(L[-1, -1]) and np.isnan(inverse[-1, -1])
    assert np.isnan(cholesky_and_inverse(jnp.full((n, n), jnp.nan))[0]).any()


def test_jitter_in_a_stack_is_each_matrix_own():
    K = jnp.stack([smooth(70, 0.1), smooth(70, 0.0), -smooth(70, 0.1)])
    factor, jitter = jax.jit(jax.vmap(lambda K: blocks.factorise(K, jitter=True, keep_lower=True)))(K)
    assert jitter[0] == 0.0 and 0.0 < jitter[1] <= 1e-10
    L = jax.vmap(blocks.lower)(factor)
    assert np.isfinite(L[:2]).all() and np.isnan(L[2]).any()
    assert_allclose(L[1] @ L[1].T, K[1] + jitter[1] * np.eye(70), atol=1e-14)


def test_cholesky_and_inverse_of_a_stack():
    K = jnp.stack([smooth(5, 0.1), smooth(5, 0.3)])[None]
    L, inverse = cholesky_and_inverse(K)
    assert_allclose(L @ jnp.swapaxes(L, -1, -2), K, rtol=1e-13)
    assert_allclose(inverse @ L, np.broadcast_to(np.eye(5), K.shape), atol=1e-13)


@pytest.mark.parametrize("n", [4, 70])
def test_derivatives_are_those_through_lapack(n):
    A, D1, D2 = (smooth(n, noise) for noise in (0.1, 0.3, 0.5))
    W, V = np.random.default_rng(0).normal(size=(2, n, n))

    def through(both):
        def f(t):
            L, inverse = both(A + t[0] * D1 + t[0] * t[1] * D2)
            return jnp.sum(W * L) + jnp.sum(V * inverse) + jnp.sum(L * inverse)

        return f

    def by_lapack(K):
        L = jnp.linalg.cholesky(K)
        return L, jax.scipy.linalg.solve_triangular(L, jnp.eye(n), lower=True)

    t = jnp.array([0.3, 0.2])
    for derivative in (jax.grad, jax.jacfwd, jax.hessian, lambda f: jax.jacrev(jax.jacrev(f))):
        actual, expected = (derivative(through(f))(t) for f in (cholesky_and_inverse, by_lapack))
        assert np.isfinite(actual).all()
        assert_allclose(actual, expected, rtol=1e-9)


def test_log_density_and_its_derivatives_across_blocks():
    x, R = jnp.linspace(0.0, 5.0, 300), jnp.sin(jnp.arange(300.0))[:, None]

    def density(t, log_density):
        K = t[0] * jnp.exp(-0.5 * ((x[:, None] - x[None]) / t[1]) ** 2) + t[2] * jnp.eye(300)
        return log_density(R - t[0], K)

    def plain(R, K):
        L = jnp.linalg.cholesky(K)
        a = jax.scipy.linalg.solve_triangular(L, R, lower=True)
        return -0.5 * jnp.sum(a * a) - jnp.sum(jnp.log(jnp.diagonal(L))) - 150.0 * jnp.log(2.0 * jnp.pi)

    t = jnp.array([1.3, 0.7, 0.2])
    for derivative in (lambda f: f, jax.grad, jax.hessian):
        actual, expected = (derivative(lambda t, f=f: density(t, f))(t) for f in (gaussian_log_density, plain))
        assert np.isfinite(actual).all()
        assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("f", [cholesky_and_inverse, jax.grad(lambda K: gaussian_log_density(jnp.ones((300, 1)), K))])
def test_what_is_for_failures_waits_for_them(f):
    # XLA moves out of a loop what does not change in it: LAPACK's factor would be made each time, wanted or not.
    text = jax.jit(f).lower(smooth(300, 0.1)).compile().as_text()
    always = text[text.index("\nENTRY") :]
    assert "lapack_dtrsm" in text and "lapack_dpotrf" in always
    assert "lapack_dtrsm" not in always
