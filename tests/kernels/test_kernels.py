"""What every kernel must do, over the whole table; and what sums, products and periods do beside."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import KERNELS, LABELLED, NUM_COLUMNS, NUM_LABELS
from compiling import quickly
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

import gparams as gp

SE, M12, M32, M52 = gp.kernels.SquaredExponential, gp.kernels.Matern12, gp.kernels.Matern32, gp.kernels.Matern52

X = np.random.default_rng(0).normal(size=(7, NUM_COLUMNS))
X[4] = X[1]  # two inputs are one
X2 = np.random.default_rng(1).normal(size=(7, NUM_COLUMNS))
FEW = 5  # rows of X2, where another number than that of X shall be seen

each_kernel = pytest.mark.parametrize("make", KERNELS.values(), ids=KERNELS)
each_by_name = pytest.mark.parametrize("name", KERNELS)

STATIC = {"constant", "white", "coregion"}  # no derivative by the inputs
# The angle between a point and itself keeps half the digits, and this kernel is linear in it: it has a corner there.
CORNERED = {"arc-cosine-0"}
APART = ~np.all(X[:, None] == X[None], -1)  # pairs of rows that are not one point


def inputs(name, *arrays):
    """The inputs that a kernel can read: with labels in the last column, or as they are."""
    if name not in LABELLED:
        return arrays
    return tuple(np.concatenate([A[..., :-1], np.round(4 * np.abs(A[..., -1:])) % NUM_LABELS], -1) for A in arrays)


# Compiling is what these tests take their time for. Each kernel is compiled four times: here, in batches, in single
# precision, and with its derivatives.


@eqx.filter_jit
def evaluate(kernel, A, B):
    return kernel(A), kernel(A, B), kernel(A, full_cov=False)


@quickly
def evaluate_batches(kernel, A, B):
    return jax.vmap(kernel)(A), kernel(A), kernel(A, full_cov=False), kernel(A, B)


@quickly
def evaluate_single(kernel, A, B):
    return kernel(A), kernel(A, B), kernel(A, full_cov=False)


@quickly
def differentiate(kernel, A, W):
    """Gradients of a weighted sum of K by the free parameters and the inputs."""
    params, static = gp.partition(kernel)
    return jax.grad(lambda params, A: jnp.sum(W * gp.combine(params, static)(A)), argnums=(0, 1))(params, A)


@functools.cache
def evaluated(name):
    return evaluate(KERNELS[name](), *inputs(name, X, X2))


@functools.cache
def differentiated(name):
    """The gradients, flat."""
    by_params, by_inputs = differentiate(KERNELS[name](), *inputs(name, X), weights(name))
    return np.asarray(ravel_pytree(by_params)[0]), np.asarray(by_inputs)


def weights(name):
    return np.random.default_rng(2).normal(size=(7, 7)) * (APART if name in CORNERED else 1.0)


def slopes(name, kernels_and_inputs):
    """Central differences of the weighted sum, from pairs that were moved up and down by 1e-5."""
    W = weights(name)
    sums = [np.sum(W * np.asarray(evaluate(k, A, *inputs(name, X2))[0])) for k, A in kernels_and_inputs]
    return (np.array(sums[::2]) - np.array(sums[1::2])) / 2e-5


def close(actual, expected, rtol=1e-10, atol=1e-12):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


@each_by_name
def test_symmetric_and_positive_semidefinite(name):
    K = np.asarray(evaluated(name)[0])
    assert np.isfinite(K).all()
    assert_allclose(K, K.T, rtol=1e-14, atol=1e-15)
    assert np.linalg.eigvalsh(K).min() > -1e-12
    assert K.max() > 0.1


@each_by_name
def test_diagonal_is_that_of_the_whole(name):
    K, _, diag = evaluated(name)
    close(diag, np.diag(K), rtol=1e-7 if name in CORNERED else 1e-10)
    assert np.all(np.asarray(diag) > 0)


def test_white_noise_is_of_the_row():
    K, cross, _ = evaluate(KERNELS["white"](), X, X)
    close(K, 0.4 * np.eye(7))
    assert not np.any(cross)


@pytest.mark.parametrize("name", [name for name in KERNELS if name != "white"])
def test_cross_covariance_agrees_with_itself(name):
    kernel, (A, B) = KERNELS[name](), inputs(name, X, X2)
    K, cross, _ = evaluated(name)
    # The distance keeps half the digits where two inputs are one.
    close(evaluate(kernel, A, A)[1], K, 1e-7, 1e-7)
    close(evaluate(kernel, B, A)[1], np.asarray(cross).T)


@each_by_name
def test_jit_is_eager(name):
    kernel, (A, B) = KERNELS[name](), inputs(name, X, X2)
    for compiled, eager in zip(evaluated(name), (kernel(A), kernel(A, B), kernel(A, full_cov=False)), strict=True):
        close(compiled, eager, rtol=1e-7 if name in CORNERED else 1e-10)


@each_by_name
def test_batches_are_loops(name):
    kernel = KERNELS[name]()
    batch, batch2 = inputs(name, np.stack([X, X + 0.3]), np.stack([X2, 2.0 * X2, X2 - 0.5]))
    mapped, whole, diagonals, cross = evaluate_batches(kernel, batch, batch2[:, :FEW])
    assert cross.shape == (2, 7, 3, FEW)
    for i in range(2):
        for j in range(3):
            K, one_cross, diag = evaluate(kernel, batch[i], batch2[j])
            close(cross[i, :, j], one_cross[:, :FEW])
        rtol = 1e-7 if name in CORNERED else 1e-10
        close(whole[i], K, rtol)
        close(mapped[i], K, rtol)
        close(diagonals[i], diag)


@each_by_name
def test_gradient_by_parameters(name):
    gradient, (A,) = differentiated(name)[0], inputs(name, X)
    params, static = gp.partition(KERNELS[name]())
    free, unravel = ravel_pytree(params)
    moved = [free + h * e for e in np.eye(free.size) for h in (1e-5, -1e-5)]
    assert gradient.size >= 1
    assert np.any(gradient != 0)
    close(gradient, slopes(name, [(gp.combine(unravel(v), static), A) for v in moved]), 1e-6, 1e-7)


@each_by_name
def test_gradient_by_inputs(name):
    kernel, gradient, (A,) = KERNELS[name](), differentiated(name)[1], inputs(name, X)
    if name in LABELLED:
        assert not np.any(gradient[:, -1])
    columns = range(NUM_COLUMNS - (name in LABELLED))
    assert np.any(gradient != 0) == (name not in STATIC)
    for d in columns:
        moved = []
        for n in range(len(A)):
            step = np.zeros_like(A)
            step[n, d] = 1e-5
            moved += [(kernel, A + step), (kernel, A - step)]
        close(gradient[:, d], slopes(name, moved), 1e-5, 1e-6)


@each_by_name
def test_is_a_pytree(name):
    kernel, (A,) = KERNELS[name](), inputs(name, X)
    leaves, structure = jax.tree.flatten(kernel)
    # The activation functions of a network are leaves, in Equinox.
    assert leaves and all(isinstance(leaf, jax.Array) or (callable(leaf) and "deep" in name) for leaf in leaves)
    again = jax.tree.unflatten(structure, leaves)
    assert jax.tree.structure(KERNELS[name]()) == structure
    K = kernel(A)
    assert np.array_equal(again(A), K)
    assert np.array_equal(gp.combine(*gp.partition(kernel))(A), K)


@each_by_name
def test_float32_stays_float32(name):
    A, B = (np.asarray(a, np.float32) for a in inputs(name, X, X2))
    single = evaluate_single(KERNELS[name](jnp.float32), A, B)
    for one, other in zip(single, evaluated(name), strict=True):
        assert one.dtype == jnp.float32
        close(one, other, 1e-3, 1e-3)
    assert np.linalg.eigvalsh(np.asarray(single[0], float)).min() > -1e-5 * float(np.max(single[2]))


@each_kernel
def test_integers_are_inputs(make):
    whole, kernel = np.arange(7 * NUM_COLUMNS).reshape(7, NUM_COLUMNS) % NUM_LABELS, make()
    K = kernel(whole)
    assert K.dtype == jnp.float64
    close(K, kernel(whole.astype(float)))


@each_by_name
def test_one_axis_is_an_error(name):
    with pytest.raises(ValueError, match=r"expected X of shape \[..., N, D\], got \(3,\)"):
        KERNELS[name]()(X[0])
    (A,) = inputs(name, X)
    with pytest.raises(ValueError, match="X2"):
        KERNELS[name]()(A, X[0])


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


def test_degree_of_a_polynomial_may_be_written_as_an_integer():
    assert_allclose(gp.kernels.Polynomial(degree=2)(X), (X @ X.T + 1.0) ** 2)


@pytest.mark.parametrize("degree", [-1, 2.5, np.nan, np.inf])
def test_degree_of_a_polynomial_is_a_whole_number(degree):
    with pytest.raises(ValueError, match="whole number from 0 on, got"):
        gp.kernels.Polynomial(degree)


def test_no_lengthscale_of_a_cosine_is_zero():
    for given in ([0.0, 1.0], gp.Parameter(0.0)):
        with pytest.raises(ValueError, match="other than zero"):
            gp.kernels.Cosine(lengthscales=given)
    # Under jit it can't be looked at.
    out = jax.jit(lambda ell: gp.kernels.Cosine(lengthscales=ell)(np.eye(2)))(jnp.array([-2.0, 1.0]))
    assert_allclose(out, gp.kernels.Cosine(lengthscales=[-2.0, 1.0])(np.eye(2)))
