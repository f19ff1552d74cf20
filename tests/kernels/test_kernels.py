"""What every kernel must do, over the whole table; and what sums, products and periods do beside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import KERNELS, NUM_COLUMNS
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

import gparams as gp

SE, M12, M32, M52 = gp.kernels.SquaredExponential, gp.kernels.Matern12, gp.kernels.Matern32, gp.kernels.Matern52

X = np.random.default_rng(0).normal(size=(7, NUM_COLUMNS))
X[4] = X[1]  # two inputs are one
X2 = np.random.default_rng(1).normal(size=(5, NUM_COLUMNS))

each_kernel = pytest.mark.parametrize("make", KERNELS.values(), ids=KERNELS)
each_by_name = pytest.mark.parametrize("name", KERNELS)

STATIC = {"constant", "white"}  # they don't look at the inputs
# The angle between a point and itself keeps half the digits, and this kernel is linear in it: it has a corner there.
CORNERED = {"arc-cosine-0"}
APART = ~np.all(X[:, None] == X[None], -1)  # pairs of rows that are not one point


@jax.jit
def evaluate(kernel, A, B):
    return kernel(A), kernel(A, B), kernel(A, full_cov=False)


def close(actual, expected, rtol=1e-10, atol=1e-12):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


def slopes(f, x, h=1e-5):
    """Central differences of a function of one vector, one row a coordinate."""
    x = np.asarray(x)
    return np.stack([(np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h) for e in np.eye(x.size)])


@each_kernel
def test_symmetric_and_positive_semidefinite(make):
    K = np.asarray(evaluate(make(), X, X2)[0])
    assert np.isfinite(K).all()
    assert_allclose(K, K.T, rtol=1e-14, atol=1e-15)
    assert np.linalg.eigvalsh(K).min() > -1e-12
    assert K.max() > 0.1


@each_by_name
def test_diagonal_is_that_of_the_whole(name):
    K, _, diag = evaluate(KERNELS[name](), X, X2)
    close(diag, np.diag(K), rtol=1e-7 if name in CORNERED else 1e-10)
    assert np.all(np.asarray(diag) > 0)


def test_white_noise_is_of_the_row():
    K, cross, _ = evaluate(KERNELS["white"](), X, X)
    close(K, 0.4 * np.eye(7))
    assert not np.any(cross)


@pytest.mark.parametrize("name", [name for name in KERNELS if name != "white"])
def test_cross_covariance_agrees_with_itself(name):
    kernel = KERNELS[name]()
    K, cross, _ = evaluate(kernel, X, X2)
    # The distance keeps half the digits where two inputs are one.
    close(kernel(X, X), K, 1e-7, 1e-7)
    close(kernel(X2, X), np.asarray(cross).T)


@each_by_name
def test_jit_is_eager(name):
    kernel = KERNELS[name]()
    for compiled, eager in zip(
        evaluate(kernel, X, X2), (kernel(X), kernel(X, X2), kernel(X, full_cov=False)), strict=True
    ):
        close(compiled, eager, rtol=1e-7 if name in CORNERED else 1e-10)


@each_kernel
def test_batches_are_loops(make):
    kernel, batch, batch2 = make(), np.stack([X, X + 0.3]), np.stack([X2, 2.0 * X2])
    one_by_one = np.stack([kernel(x) for x in batch])
    close(jax.vmap(kernel)(batch), one_by_one)
    close(kernel(batch), one_by_one)
    close(kernel(batch, full_cov=False), np.stack([kernel(x, full_cov=False) for x in batch]))
    cross = kernel(batch, batch2)
    assert cross.shape == (2, 7, 2, 5)
    for i in range(2):
        for j in range(2):
            close(cross[i, :, j], kernel(batch[i], batch2[j]))


@each_by_name
def test_gradient_by_parameters(name):
    params, static = gp.partition(KERNELS[name]())
    start, unravel = ravel_pytree(params)
    W = np.random.default_rng(2).normal(size=(7, 7)) * (APART if name in CORNERED else 1.0)

    def f(x):
        return jnp.sum(W * gp.combine(unravel(x), static)(X))

    assert start.size >= 1
    gradient = jax.jit(jax.grad(f))(start)
    assert np.any(np.asarray(gradient) != 0)
    close(gradient, slopes(jax.jit(f), start), 1e-6, 1e-7)


@each_by_name
def test_gradient_by_inputs(name):
    kernel, W = KERNELS[name](), np.random.default_rng(3).normal(size=(7, 7)) * (APART if name in CORNERED else 1.0)

    def f(x):
        return jnp.sum(W * kernel(x.reshape(X.shape)))

    gradient = jax.jit(jax.grad(f))(X.ravel())
    assert np.any(np.asarray(gradient) != 0) == (name not in STATIC)
    close(gradient, slopes(jax.jit(f), X.ravel()), 1e-5, 1e-6)


@each_kernel
def test_is_a_pytree(make):
    kernel = make()
    leaves, structure = jax.tree.flatten(kernel)
    assert leaves and all(isinstance(leaf, jax.Array) for leaf in leaves)
    again = jax.tree.unflatten(structure, leaves)
    assert jax.tree.structure(make()) == structure
    assert np.array_equal(again(X), kernel(X))
    assert np.array_equal(gp.combine(*gp.partition(kernel))(X), kernel(X))


@each_kernel
def test_float32_stays_float32(make):
    A, B = (np.asarray(a, np.float32) for a in (X, X2))
    for single, double in zip(evaluate(make(jnp.float32), A, B), evaluate(make(), X, X2), strict=True):
        assert single.dtype == jnp.float32
        close(single, double, 1e-3, 1e-3)


@each_kernel
def test_integers_are_inputs(make):
    whole = np.arange(6).reshape(2, NUM_COLUMNS)
    K = make()(whole)
    assert K.dtype == jnp.float64
    close(K, make()(whole.astype(float)))


@each_kernel
def test_one_axis_is_an_error(make):
    with pytest.raises(ValueError, match=r"expected X of shape \[..., N, D\], got \(3,\)"):
        make()(X[0])
    with pytest.raises(ValueError, match="X2"):
        make()(X, X[0])


@each_kernel
def test_variances_have_no_second_input(make):
    with pytest.raises(ValueError, match="full_cov=False"):
        make()(X, X2, full_cov=False)


@pytest.mark.parametrize("kind", [SE, M12, M32, M52])
def test_ard_needs_its_columns(kind):
    kernel = kind(lengthscales=[1.0, 2.0])
    assert kernel.ard and not kind().ard
    with pytest.raises(ValueError, match="2 lengthscales, and X has 3 columns"):
        kernel(X)
    with pytest.raises(ValueError, match="2 lengthscales, and X has 1 columns"):
        kernel(X[:, :1])


@pytest.mark.parametrize("dims", [[3], [-4], [0, 7]])
def test_active_dims_need_their_columns(dims):
    with pytest.raises(ValueError, match="columns"):
        SE(active_dims=dims)(X)


@pytest.mark.parametrize("dims", [[], [0.5], "01", [[0]], 1])
def test_active_dims_are_whole_numbers(dims):
    with pytest.raises(ValueError, match="active_dims"):
        SE(active_dims=dims)


@pytest.mark.parametrize("dims", [[0, 2], (0, 2), np.array([0, -1]), slice(0, 3, 2), slice(None, None, 2)])
def test_active_dims_pick_columns(dims):
    kernel = M32(lengthscales=[0.5, 2.0], active_dims=dims)
    close(kernel(X), M32(lengthscales=[0.5, 2.0])(X[:, [0, 2]]))
    close(kernel(X[:, [0, 2]], presliced=True), kernel(X))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["variance", "lengthscales"])
def test_parameters_are_positive_and_finite(name, value):
    with pytest.raises(ValueError):
        SE(**{name: value})


def test_ard_is_a_scale_of_the_inputs():
    ell = np.array([0.5, 1.5, 3.0])
    for kind in (SE, M12, M32, M52):
        close(kind(lengthscales=ell)(X, X2), kind()(X / ell, X2 / ell))


def test_sums_and_products_are_those_of_matrices():
    a, b, c = SE(0.7, active_dims=[0]), M32(1.2), M12(0.4, 2.0)
    close((a + b * c)(X, X2), a(X, X2) + b(X, X2) * c(X, X2))
    close((a * b + c)(X, full_cov=False), a(X, full_cov=False) * b(X, full_cov=False) + c(X, full_cov=False))


def test_sums_and_products_flatten():
    a, b, c, d = SE(), M12(), M32(), M52()
    assert [type(k) for k in ((a + b) + (c + d)).kernels] == [SE, M12, M32, M52]
    assert [type(k) for k in ((a * b) * (c * d)).kernels] == [SE, M12, M32, M52]
    mixed = a + b * c
    assert isinstance(mixed, gp.kernels.Sum) and len(mixed.kernels) == 2
    assert isinstance(mixed.kernels[1], gp.kernels.Product)


@pytest.mark.parametrize("kind", [gp.kernels.Sum, gp.kernels.Product])
def test_flattening_keeps_ties(kind):
    apart = kind([SE(), M32()])
    inner = gp.tie(apart.at.kernels[0].lengthscales, apart.at.kernels[1].lengthscales)
    assert len(gp.partition(inner)[0]) == 3
    outer = kind([M12(), inner])
    assert len(outer.kernels) == 3
    assert len(gp.partition(outer)[0]) == 5
    changed = gp.assign(outer.at.kernels[1].lengthscales, 2.0)
    assert_allclose([changed.kernels[i].lengthscales.value for i in (1, 2)], 2.0)


@pytest.mark.parametrize("kind", [gp.kernels.Sum, gp.kernels.Product])
def test_one_kernel_given_twice_is_one(kind):
    twice = SE(2.0)
    assert len(gp.partition(kind([twice, twice]))[0]) == 2
    assert len(gp.partition(kind([SE(2.0), SE(2.0)]))[0]) == 4


@pytest.mark.parametrize("kind", [gp.kernels.Sum, gp.kernels.Product])
def test_only_kernels_combine(kind):
    with pytest.raises(TypeError, match="expected kernels|checking the parameters"):
        kind([SE(), 2.0])
    with pytest.raises(ValueError, match="at least one"):
        kind([])
    with pytest.raises(TypeError, match=r"Constant\(1.0\)"):
        SE() + 1.0
    for other in ("2", None, True, [2.0]):
        with pytest.raises(TypeError):
            SE() * other
        with pytest.raises(TypeError):
            other + SE()


def test_periodic_comes_round():
    kernel = gp.kernels.Periodic(M52(lengthscales=0.4), period=2.5)
    close(kernel(X, X2 + 2.5), kernel(X, X2), 1e-9)
    s = np.sin(np.pi * (X[:, None] - X2[None]) / 1.7) / 0.8
    close(gp.kernels.Periodic(SE(1.3, 0.8), 1.7)(X, X2), 1.3 * np.exp(-0.5 * (s**2).sum(-1)))
    r = np.abs(s).sum(-1)
    close(gp.kernels.Periodic(M12(1.3, 0.8), 1.7)(X, X2), 1.3 * np.exp(-r))


def test_periodic_wants_a_stationary_base():
    with pytest.raises(TypeError, match="Sum"):
        gp.kernels.Periodic(SE() + M32())
    with pytest.raises(ValueError):
        gp.kernels.Periodic(SE(), period=-1.0)


@pytest.mark.parametrize("kind", [SE, M32])
@pytest.mark.parametrize("columns", [1, 3])
def test_periodic_ard_needs_its_columns(kind, columns):
    with pytest.raises(ValueError, match="columns"):
        gp.kernels.Periodic(kind(lengthscales=[1.0, 2.0]))(X[:, :columns])


def test_a_slice_that_picks_nothing_is_an_error():
    with pytest.raises(ValueError, match="column"):
        SE(active_dims=slice(5, 9))(X)
