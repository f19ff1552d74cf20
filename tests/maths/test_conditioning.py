"""Conditioning against dense linear algebra in NumPy, its derivatives, and divergences against TFP and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from tensorflow_probability.substrates.jax import distributions as tfd

from gparams import maths

M, N, R = 5, 7, 2
rng = np.random.default_rng(0)
L = jnp.asarray(np.tril(rng.normal(size=(M, M))) + 3.0 * np.eye(M))
KUF, A = (jnp.asarray(rng.normal(size=(M, n))) for n in (N, R))
KFF = jnp.asarray(5.0 + rng.uniform(size=N))
ROOTS = {
    "none": None,
    "diagonal": rng.uniform(0.2, 1.2, (M, R)),
    "shared": np.tril(rng.normal(size=(1, M, M))),
    "each": np.tril(rng.normal(size=(R, M, M))),
    "not triangular": rng.normal(size=(R, M, M)),
}
ROOTS = {name: None if S is None else jnp.asarray(S) for name, S in ROOTS.items()}
each_root = pytest.mark.parametrize("S", ROOTS.values(), ids=ROOTS)


def close(actual, expected, rtol=1e-9, atol=1e-11):
    assert np.shape(actual) == np.shape(expected)
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


def matrices(S):
    if S is None:
        return np.zeros((R, M, M))
    return np.stack([np.diag(s) for s in np.asarray(S).T]) if S.ndim == 2 else np.broadcast_to(S, (R, M, M))


@each_root
def test_against_inverses(S):
    W = np.linalg.solve(L, KUF)
    whole = KFF[:, None] * np.eye(N) + 0.1
    covs = [whole - W.T @ W + W.T @ root @ root.T @ W for root in matrices(S)]
    mean, cov = maths.condition(L, KUF, jnp.asarray(whole), A, S)
    close(mean, W.T @ A)
    close(cov, np.stack(covs))
    variances = maths.condition(L, KUF, jnp.diagonal(jnp.asarray(whole)), A, S)[1]
    close(variances, np.maximum(np.stack([np.diag(c) for c in covs], 1), 0.0))


def weighted(S, whole, **options):
    """A scalar of all arguments, through variances or a covariance, by solving with the factor or by its inverse."""
    V, W = np.random.default_rng(1).normal(size=(2, N, R))
    Kff = KFF if not whole else jnp.diag(KFF)

    def f(args):
        inverse = {"L_inverse": jnp.linalg.inv(args[0])} if options else {}
        mean, cov = maths.condition(*args[:4], args[4] if S is not None else None, **inverse)
        var = jnp.diagonal(cov, axis1=-2, axis2=-1).T + cov[:, 0].T if whole else cov
        return jnp.sum(V * mean) + jnp.sum(W * var) + 0.5 * jnp.sum(mean * var)

    return f, (L, KUF, Kff, A, *(() if S is None else (S,)))


@pytest.mark.parametrize("whole", [False, True], ids=["variances", "covariance"])
@each_root
def test_the_inverse_of_the_factor_gives_the_same(S, whole):
    by_solving, args = weighted(S, whole)
    by_inverse, _ = weighted(S, whole, inverse=True)
    for actual, expected in zip(
        jax.value_and_grad(by_inverse)(args), jax.value_and_grad(by_solving)(args), strict=True
    ):
        jax.tree.map(lambda a, b: close(np.tril(a) if b.shape == (M, M) else a, np.tril(b) if b.shape == (M, M) else b),
                     actual, expected)  # fmt: skip
    moved = jax.tree.map(lambda x: jnp.asarray(np.random.default_rng(2).normal(size=x.shape)), args)
    moved = (jnp.tril(moved[0]), *moved[1:])  # the factor stays a factor
    for one, other in zip(jax.jvp(by_inverse, (args,), (moved,)), jax.jvp(by_solving, (args,), (moved,)), strict=True):
        close(one, other)

    def second(f):  # forward over reverse
        return jax.jvp(jax.grad(f), (args,), (moved,))[1][1:]

    jax.tree.map(lambda a, b: close(a, b, 1e-8), second(by_inverse), second(by_solving))


def test_many_columns_take_the_inverse_and_few_a_solve():
    def solves(columns):
        Kuf = jnp.ones((M, columns))
        jaxpr = jax.make_jaxpr(lambda L: maths.condition(L, Kuf, jnp.ones(columns), A))(L)
        return str(jaxpr).count("triangular_solve[")

    assert solves(1) == solves(N) == 1
    made = maths.condition(L, KUF, KFF, A, L_inverse=jnp.linalg.inv(L))
    for actual, expected in zip(made, maths.condition(L, KUF, KFF, A), strict=True):
        close(actual, expected)


def test_maps_over_stacks():
    stack = [jnp.stack([x, 1.1 * x]) for x in (L, KUF, KFF, A)]
    mean, var = jax.vmap(maths.condition)(*stack)
    for i in range(2):
        for actual, expected in zip((mean[i], var[i]), maths.condition(*(s[i] for s in stack)), strict=True):
            close(actual, expected)


@pytest.mark.parametrize("n", [3, 128, 129, 300])
def test_inverse_of_a_triangular_matrix(n):
    T = np.tril(np.random.default_rng(n).normal(size=(n, n))) / np.sqrt(n) + 2.0 * np.eye(n)
    above = T + np.triu(np.ones((n, n)), 1)  # not read
    inverse = maths.inverse_triangular(jnp.asarray(above))
    close(inverse, np.tril(np.linalg.inv(T)), atol=1e-12)
    dT = np.random.default_rng(1).normal(size=T.shape)
    _, slope = jax.jvp(maths.inverse_triangular, (jnp.asarray(T),), (jnp.asarray(dT),))
    close(slope, -np.asarray(inverse) @ np.tril(dT) @ np.asarray(inverse), atol=1e-12)


def test_base_conditional_refuses_another_shape():
    with pytest.raises(ValueError, match="full_cov=True, and Knn has shape"):
        maths.base_conditional(jnp.asarray(KUF), jnp.eye(M), jnp.asarray(KFF), jnp.asarray(A), full_cov=True)


@pytest.mark.parametrize("root", ["diagonal", "each"])
def test_divergence_is_tfps(root):
    S, K = ROOTS[root], L @ L.T
    for prior, arguments in ((np.eye(M), {}), (K, {"K": K}), (K, {"K_cholesky": L})):
        scale = np.linalg.cholesky(prior)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            signed = matrices(S) * np.sign(np.einsum("rmm->rm", matrices(S)))[:, None]  # TFP wants positive diagonals
            q = tfd.MultivariateNormalTriL(A.T, signed)
            expected = jnp.sum(q.kl_divergence(tfd.MultivariateNormalTriL(np.zeros(M), scale)))
        arguments = {k: jnp.asarray(v) for k, v in arguments.items()}
        close(maths.gauss_kl(jnp.asarray(A), jnp.asarray(S), **arguments), expected)
    each = jnp.stack([jnp.asarray(K), jnp.asarray(2.0 * K)])
    one_by_one = sum(
        maths.gauss_kl(A[:, i : i + 1], S[:, i : i + 1] if S.ndim == 2 else S[i : i + 1], each[i]) for i in range(R)
    )
    close(maths.gauss_kl(jnp.asarray(A), jnp.asarray(S), each), one_by_one)


def test_divergence_takes_one_prior():
    with pytest.raises(ValueError, match="not both"):
        maths.gauss_kl(jnp.asarray(A), jnp.asarray(ROOTS["each"]), jnp.eye(M), K_cholesky=jnp.eye(M))


def test_whitened_products_and_their_derivatives():
    Rs = jnp.asarray(np.random.default_rng(5).normal(size=(N, R)))

    def ours(L, K, Y):
        return maths.whitened_products(L, jnp.linalg.inv(L), K, Y)

    def plain(L, K, Y):
        A = jnp.linalg.inv(L) @ K
        return A @ A.T, A @ Y

    for actual, expected in zip(ours(L, KUF, Rs), plain(L, KUF, Rs), strict=True):
        close(actual, expected)
    W, V = (jnp.asarray(np.random.default_rng(6).normal(size=(M, n))) for n in (M, R))
    args = L, KUF, Rs
    moved = tuple(jnp.asarray(np.random.default_rng(i).normal(size=x.shape)) for i, x in enumerate(args))

    def scalar(f):
        return lambda *a: jnp.sum(W * f(*a)[0]) + jnp.sum(V * f(*a)[1]) + jnp.sum(f(*a)[0] ** 2)

    one, other = scalar(ours), scalar(plain)
    for actual, expected in zip(jax.grad(one, (0, 1, 2))(*args), jax.grad(other, (0, 1, 2))(*args), strict=True):
        close(actual, expected)
    for i in range(3):  # by one argument alone
        close(jax.grad(one, i)(*args), jax.grad(one, (0, 1, 2))(*args)[i])
    second = [jax.jvp(jax.grad(f, (0, 1, 2)), args, moved)[1] for f in (one, other)]
    for actual, expected in zip(*second, strict=True):
        close(actual, expected, 1e-8)
