"""Squared distances: values, accuracy, sizes of intermediates, and derivatives of every order and mode."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gparams.maths import square_distance

LOW, HIGH = 3, 19  # dimensions on either side of the crossover between the two forms


def points(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def plain(X, X2=None):
    """The definition, which stores N x M x D and which JAX differentiates by itself."""
    X2 = X if X2 is None else X2
    return jnp.sum((X[:, None, :] - X2[None, :, :]) ** 2, -1)


def close(actual, expected, rtol=1e-11, atol=1e-11, err_msg=""):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.all(np.isfinite(actual))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=err_msg)


@pytest.mark.parametrize("D", [1, LOW, 16, 17, HIGH])
def test_value_is_scipys(D):
    X, X2 = points(0, 7, D), points(1, 5, D)
    close(square_distance(X, X2), cdist(X, X2, "sqeuclidean"), 1e-12)
    close(square_distance(X), cdist(X, X, "sqeuclidean"), 1e-12)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_one_point_and_no_dimensions(D):
    close(square_distance(points(0, 1, D)), np.zeros((1, 1)))
    close(square_distance(points(0, 4, 0)), np.zeros((4, 4)))


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_within_is_exactly_symmetric_with_a_zero_diagonal(D):
    r = np.asarray(jax.jit(square_distance)(points(0, 101, D)))
    assert np.array_equal(r, r.T)
    assert np.all(np.diag(r) == 0.0)
    assert np.all(r >= 0.0)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_never_negative_between_repeated_points(D):
    X = points(0, 30, D) + 100.0
    assert np.all(np.asarray(square_distance(X, X + 1e-9)) >= 0.0)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_batch_shapes_are_gpflows(D):
    X, X2 = points(0, 2, 6, D), points(1, 3, 5, D)
    outer = square_distance(X, X2)
    assert outer.shape == (2, 6, 3, 5)
    for i, j in itertools.product(range(2), range(3)):
        close(outer[i, :, j, :], plain(X[i], X2[j]))
    within = square_distance(X)
    assert within.shape == (2, 6, 6)
    for i in range(2):
        close(within[i], plain(X[i]))


@pytest.mark.parametrize("D", [1, HIGH])
def test_years_stay_accurate_and_so_do_their_gradients(D):
    years = jnp.linspace(1950.0, 2020.0, 71)[:, None] * jnp.ones((1, D))
    exact = D * (np.arange(71.0)[:, None] - np.arange(71.0)[None, :]) ** 2
    close(square_distance(years), exact, rtol=1e-12, atol=1e-9)

    def energy(ell, shift):
        return jnp.sum(jnp.exp(-0.5 * square_distance((years - shift) / ell)))

    # The same function of the lengthscale, whatever the offset; 1e-7 and worse without centred tangents.
    far, near = jax.grad(energy)(3.0, 0.0), jax.grad(energy)(3.0, 1985.0)
    close(far, near, rtol=1e-11)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_float32_stays_float32_and_accurate(D):
    X = points(0, 8, D)
    X32, reference = X.astype(jnp.float32), plain(X)
    assert square_distance(X32).dtype == jnp.float32
    assert square_distance(X32, X32).dtype == jnp.float32
    assert jax.grad(lambda X: jnp.sum(square_distance(X)))(X32).dtype == jnp.float32
    close(square_distance(X32), reference, 1e-5, 1e-5)


# Weights that aren't symmetric: a rule that took its cotangent to be so would fail.
def weighted(distance, W):
    return lambda *inputs: jnp.sum(W * jnp.exp(-0.3 * distance(*inputs)))


MODES = {
    "jacfwd": (jax.jacfwd,),
    "jacrev": (jax.jacrev,),
    "hessian": (jax.hessian,),
    "jacfwd(jacrev)": (jax.jacrev, jax.jacfwd),
    "jacrev(jacrev)": (jax.jacrev, jax.jacrev),
    "jacrev(jacfwd)": (jax.jacfwd, jax.jacrev),
    "jacfwd(jacfwd)": (jax.jacfwd, jax.jacfwd),
}


def apply_modes(modes, f, argnums):
    for mode in modes:
        f = mode(f, argnums)
    return f


def check_modes(modes, W, argnums, *inputs):
    """Compare with the definition, all modes in one compilation."""

    def both(*inputs):
        return {
            mode: [apply_modes(MODES[mode], weighted(d, W), argnums)(*inputs) for d in (square_distance, plain)]
            for mode in modes
        }

    for mode, (actual, expected) in jax.jit(both)(*inputs).items():
        for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
            close(a, e, err_msg=mode)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_derivatives_within(D):
    check_modes(MODES, points(2, 5, 5), 0, points(0, 5, D))


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
@pytest.mark.parametrize("D", [LOW, HIGH])
def test_derivatives_between(D, argnums):
    check_modes(MODES, points(2, 5, 4), argnums, points(0, 5, D), points(1, 4, D))


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_gradient_is_the_finite_difference(D):
    X, W, v = points(0, 5, D), points(2, 5, 5), points(3, 5, D)
    f, h = weighted(square_distance, W), 1e-6
    close(jnp.vdot(jax.grad(f)(X), v), (f(X + h * v) - f(X - h * v)) / (2.0 * h), 1e-6, 1e-8)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_third_order(D):
    X, W, v = points(0, 4, D), points(2, 4, 4), points(3, 4, D)

    def third(distance):
        f = weighted(distance, W)
        for _ in range(3):
            f = (lambda g: lambda X: jax.jvp(g, (X,), (v,))[1])(f)
        return jax.value_and_grad(f)(X)

    actual, expected = jax.jit(lambda: (third(square_distance), third(plain)))()
    jax.tree.map(close, actual, expected)


@pytest.mark.parametrize("D", [LOW, HIGH])
def test_vmap_is_a_loop_and_jit_is_eager(D):
    Xs, X2, W = points(0, 3, 5, D), points(1, 4, D), points(2, 5, 4)
    eager = jax.value_and_grad(weighted(square_distance, W), (0, 1))
    f = jax.jit(eager)
    looped = [f(X, X2) for X in Xs]
    mapped = jax.vmap(f, (0, None))(Xs, X2)
    for i, expected in enumerate(looped):
        jax.tree.map(lambda a, e, i=i: close(a[i], e), mapped, expected)
    jax.tree.map(close, eager(Xs[0], X2), looped[0])
    within = jax.jit(jax.grad(weighted(square_distance, points(3, 5, 5))))
    close(jax.vmap(within)(Xs), jnp.stack([within(X) for X in Xs]))
    close(jax.vmap(square_distance)(Xs), square_distance(Xs))


def sizes(jaxpr):
    """Yield the size of every array in a jaxpr and in those inside it."""
    for eqn in jaxpr.eqns:
        yield from (v.aval.size for v in [*eqn.invars, *eqn.outvars] if hasattr(v.aval, "size"))
        for value in jax.tree.leaves(eqn.params, is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr")):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from sizes(inner)


def largest(f, *args):
    return max(sizes(jax.make_jaxpr(f)(*args).jaxpr))


@pytest.mark.parametrize("D", [11, HIGH])
def test_no_array_of_size_n_m_d(D):
    N, M = 53, 47
    X, X2 = points(0, N, D), points(1, M, D)
    # In value and gradient the largest array is one of distances, and not even a stack of them.
    between = weighted(square_distance, points(2, N, M))
    within = weighted(square_distance, points(2, N, N))
    for wrap in (jax.value_and_grad, lambda f: lambda X, *o: jax.jvp(lambda X: f(X, *o), (X,), (X,))):
        assert largest(wrap(between), X, X2) == N * M
        assert largest(wrap(within), X) == N * N

    def hessian_product(X):
        return jax.jvp(jax.grad(within), (X,), (X,))

    assert largest(hessian_product, X) == N * N
    # The guard itself can see: the definition is caught.
    assert largest(jax.value_and_grad(weighted(plain, points(2, N, M))), X, X2) >= N * M * D
