"""Jitter, diagonals, factors, and the inverse from a factor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from gparams.maths import (
    add_diagonal,
    cholesky,
    cholesky_and_inverse,
    cholesky_with_jitter,
    default_jitter,
    gaussian_log_density,
    inverse_from_cholesky,
    solve_triangular,
    symmetrize,
)


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def positive_definite(seed, n, noise=0.5):
    A = np.random.default_rng(seed).normal(size=(n, n))
    return jnp.asarray(A @ A.T / n + noise * np.eye(n))


DERIVATIVES = (jax.jacfwd, jax.jacrev, jax.hessian, lambda f: jax.jacrev(jax.jacrev(f)))


def close(actual, expected, rtol=1e-10, atol=1e-11):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.all(np.isfinite(actual))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def test_default_jitter_scales_with_the_dtype():
    assert default_jitter(jnp.float64) == 1e-6
    assert default_jitter(jnp.zeros(1, jnp.float32).dtype) == 1e-4
    with pytest.raises(TypeError, match="float16.*float32 or float64"):
        default_jitter(jnp.float16)
    K = jnp.ones((1, 1), jnp.float16)
    for factorise in (cholesky_with_jitter, cholesky_and_inverse, lambda K: gaussian_log_density(K, K)):
        with pytest.raises(TypeError, match="float16.*float32 or float64"):
            factorise(K)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("ell", [0.3, 10.0])
def test_default_jitter_makes_smooth_kernels_positive_definite(dtype, ell):
    x = np.sort(np.random.default_rng(0).uniform(size=300)) / ell
    K = jnp.asarray(np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2), dtype)
    assert np.isnan(np.asarray(cholesky(K))).any()
    assert np.isfinite(np.asarray(cholesky(add_diagonal(K, default_jitter(dtype))))).all()


def test_add_diagonal():
    K, d = normal(0, 4, 4), normal(1, 4)
    close(add_diagonal(K, 0.5), K + 0.5 * np.eye(4))
    close(add_diagonal(K, jnp.asarray(0.5)), K + 0.5 * np.eye(4))
    close(add_diagonal(K, d), K + np.diag(d))
    Ks, ds = normal(2, 3, 4, 4), normal(3, 3, 4)
    for i in range(3):
        close(add_diagonal(Ks, 0.5)[i], add_diagonal(Ks[i], 0.5))
        close(add_diagonal(Ks, d)[i], add_diagonal(Ks[i], d))
        close(add_diagonal(Ks, ds)[i], add_diagonal(Ks[i], ds[i]))
    close(jax.vmap(add_diagonal)(Ks, ds), add_diagonal(Ks, ds))
    assert add_diagonal(K.astype(jnp.float32), 0.5).dtype == jnp.float32
    close(add_diagonal(normal(0, 1, 1), 1.0), normal(0, 1, 1) + 1.0)


def test_add_diagonal_derivatives():
    K, d, W = normal(0, 4, 4), normal(1, 4), normal(2, 4, 4)

    def f(K, d):
        return jnp.sum(W * add_diagonal(K, d) ** 2)

    def plain(K, d):
        return jnp.sum(W * (K + jnp.diag(d)) ** 2)

    jax.tree.map(close, jax.grad(f, (0, 1))(K, d), jax.grad(plain, (0, 1))(K, d))
    jax.tree.map(close, jax.hessian(f, (0, 1))(K, d), jax.hessian(plain, (0, 1))(K, d))
    close(jax.grad(f, 1)(K, jnp.asarray(0.5)), jnp.sum(jax.grad(plain, 1)(K, 0.5 * jnp.ones(4))))


def test_symmetrize():
    A = normal(0, 2, 5, 5)
    S = np.asarray(jax.jit(symmetrize)(A))
    assert np.array_equal(S, np.swapaxes(S, -1, -2))
    close(S, 0.5 * (A + jnp.swapaxes(A, -1, -2)))
    W = normal(1, 2, 5, 5)
    close(jax.grad(lambda A: jnp.sum(W * symmetrize(A)))(A), symmetrize(W))


def test_cholesky_and_solve():
    K, B = positive_definite(0, 6), normal(1, 6, 2)
    L = cholesky(K)
    close(L, scipy.linalg.cholesky(K, lower=True))
    close(solve_triangular(L, B), scipy.linalg.solve_triangular(L, B, lower=True))
    close(solve_triangular(L, B, transpose=True), scipy.linalg.solve_triangular(L, B, lower=True, trans=1))
    assert cholesky(K.astype(jnp.float32)).dtype == jnp.float32
    close(jax.vmap(cholesky)(jnp.stack([K, 2.0 * K]))[1], cholesky(2.0 * K))
    assert np.isnan(np.asarray(jax.jit(cholesky)(-K))).any()


def test_cholesky_derivatives_for_symmetric_inputs():
    K, D1, D2 = positive_definite(0, 5), positive_definite(1, 5), positive_definite(2, 5)
    W = normal(3, 5, 5)

    def through(factor):
        return lambda t: jnp.sum(W * factor(K + t[0] * D1 + t[1] * t[0] * D2))

    t = jnp.array([0.3, 0.2])
    ours, reference = through(cholesky), through(jnp.linalg.cholesky)
    for derivative in DERIVATIVES:
        close(*jax.jit(lambda t, d=derivative: (d(ours)(t), d(reference)(t)))(t))


# A matrix of rank 2, and directions in which it stays symmetric.
_V = np.random.default_rng(5).normal(size=(5, 2))
SINGULAR = jnp.asarray(_V @ _V.T)


def test_no_jitter_where_none_is_needed():
    K = positive_definite(0, 6)
    L, jitter = jax.jit(cholesky_with_jitter)(K)
    assert jitter == 0.0
    assert np.array_equal(L, jax.jit(cholesky)(K))
    assert np.array_equal(cholesky_with_jitter(K[:1, :1])[0], cholesky(K[:1, :1]))


@pytest.mark.parametrize(("dtype", "least", "tol"), [(jnp.float64, 1e-12, 1e-11), (jnp.float32, 1e-6, 1e-4)])
def test_jitter_is_the_least_that_does_and_scales_with_matrix_and_dtype(dtype, least, tol):
    x = np.sort(np.random.default_rng(0).uniform(size=40))
    K = jnp.asarray(np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2), dtype)
    for scale in (1e-8, 1.0, 1e8):
        L, jitter = jax.jit(cholesky_with_jitter)(K * scale)
        assert L.dtype == jitter.dtype == dtype
        np.testing.assert_allclose(jitter, least * scale, rtol=1e-6)
        np.testing.assert_allclose(L @ L.T / scale, K, atol=tol)
        assert np.array_equal(L, np.tril(L))


def test_jitter_grows_until_it_does():
    # The least eigenvalue is -3e-9 of the mean of the diagonal: 1e-12 and 1e-10 can't mend it.
    K = jnp.diag(jnp.array([1.0, 1.0, 1.0, -4e-9]))
    L, jitter = cholesky_with_jitter(K)
    np.testing.assert_allclose(jitter, 0.75e-8, rtol=1e-6)
    close(L @ L.T, K + jitter * jnp.eye(4))


@pytest.mark.parametrize("K", [-np.eye(3), np.diag([1.0, 1.0, -1.0]), np.full((2, 2), np.nan), np.full((2, 2), np.inf)])
def test_what_no_jitter_mends_is_not_finite(K):
    L, _ = jax.jit(cholesky_with_jitter)(jnp.asarray(K))
    assert not np.isfinite(np.asarray(L)[-1, -1])


def test_jitter_in_a_stack_is_each_matrix_own():
    K = jnp.stack([positive_definite(0, 5), SINGULAR, -jnp.eye(5), positive_definite(1, 5)])
    factors, jitters = jax.jit(cholesky_with_jitter)(K)
    mapped = jax.jit(jax.vmap(cholesky_with_jitter))(K)
    assert np.array_equal(factors, mapped[0], equal_nan=True) and np.array_equal(jitters, mapped[1])
    for i in range(4):
        alone, jitter = cholesky_with_jitter(K[i])
        np.testing.assert_allclose(factors[i], alone, rtol=1e-12, atol=1e-12)
        assert jitters[i] == jitter
    assert jitters[0] == jitters[3] == 0.0 and jitters[1] > 0.0


@pytest.mark.parametrize("start", [positive_definite(0, 5), SINGULAR], ids=["definite", "singular"])
def test_derivatives_with_jitter_are_those_at_fixed_jitter(start):
    D1, D2, W = positive_definite(1, 5), positive_definite(2, 5), normal(3, 5, 5)
    # Directions that keep the matrix singular: congruences of it.
    G1, G2 = jnp.eye(5) + 0.1 * D1, jnp.eye(5) + 0.1 * D2

    def matrix(t):
        M = jnp.eye(5) + t[0] * G1 + t[1] * t[0] * G2
        return M @ start @ M.T

    def ours(t):
        return jnp.sum(W * cholesky_with_jitter(1e3 * matrix(t))[0])

    t = jnp.array([0.1, 0.2])
    jitter = cholesky_with_jitter(1e3 * matrix(t))[1]
    assert (jitter > 0.0) == (start is SINGULAR)

    def fixed(t):
        return jnp.sum(W * jnp.linalg.cholesky(1e3 * matrix(t) + jitter * jnp.eye(5)))

    for derivative in DERIVATIVES:
        actual, expected = jax.jit(lambda t, d=derivative: (d(ours)(t), d(fixed)(t)))(t)
        # The singular factor has pivots near 1e-6 of the rest: derivatives of it lose as many digits.
        close(actual, expected, 1e-9 if start is not SINGULAR else 1e-3, 1e-6)
    assert jax.grad(lambda t: cholesky_with_jitter(1e3 * matrix(t))[1])(t).tolist() == [0.0, 0.0]


# One row, one block, and an uneven split into three blocks.
@pytest.mark.parametrize("n", [1, 2, 57, 701])
def test_inverse(n):
    K = positive_definite(0, n)
    L = cholesky(K)
    P = inverse_from_cholesky(L)
    close(P, np.linalg.inv(K))
    close(P, P.T, atol=1e-13)
    # What stands above the diagonal is not read.
    close(inverse_from_cholesky(L + 7.0 * jnp.triu(jnp.ones((n, n)), 1)), P, 1e-15, 1e-15)


def test_inverse_of_an_ill_conditioned_matrix():
    # Condition number 6e10: rounding alone may move an inverse by 6e10 * 1e-16 = 1e-5 of its size.
    x = np.linspace(0.0, 1.0, 600)
    squares = (x[:, None] - x[None, :]) ** 2
    K = np.exp(-2.0 * squares)
    L = cholesky(jnp.asarray(K + 1e-8 * np.eye(600)))
    lapack = scipy.linalg.cho_solve((np.asarray(L), True), np.eye(600))
    close(inverse_from_cholesky(L), lapack, 0.0, 1e-9 * np.abs(lapack).max())
    # The trace that a gradient takes, where terms of size 1e8 cancel.
    trace = np.sum(np.asarray(inverse_from_cholesky(L)) * K * squares)
    close(trace, np.sum(lapack * K * squares), 1e-6)


def test_inverse_float32_and_vmap():
    Ks = jnp.stack([positive_definite(s, 390) for s in range(2)])
    Ls = cholesky(Ks)
    single = inverse_from_cholesky(Ls[0].astype(jnp.float32))
    assert single.dtype == jnp.float32
    close(single, np.linalg.inv(Ks[0]), 1e-4, 1e-4)
    looped = jnp.stack([inverse_from_cholesky(L) for L in Ls])
    close(jax.vmap(inverse_from_cholesky)(Ls), looped)
    close(inverse_from_cholesky(Ls), looped)
    close(jax.jit(inverse_from_cholesky)(Ls[0]), looped[0])


def test_inverse_derivatives():
    L, W = cholesky(positive_definite(0, 5)), normal(1, 5, 5)

    def f(L):
        return jnp.sum(W * jnp.sin(inverse_from_cholesky(L)))

    def plain(L):
        return jnp.sum(W * jnp.sin(jnp.linalg.inv(jnp.tril(L) @ jnp.tril(L).T)))

    for derivative in DERIVATIVES:
        close(*jax.jit(lambda L, d=derivative: (d(f)(L), d(plain)(L)))(L), 1e-9, 1e-9)


def test_inverse_derivative_across_blocks():
    L, W, V = cholesky(positive_definite(0, 400)), normal(1, 400, 400), jnp.tril(normal(2, 400, 400))

    def f(L):
        return jnp.sum(W * inverse_from_cholesky(L))

    slope = jnp.vdot(jax.grad(f)(L), V)
    h = 1e-6
    close(slope, (f(L + h * V) - f(L - h * V)) / (2.0 * h), 1e-6)
