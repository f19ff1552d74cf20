"""Kernels of labels: Coregion and Categorical."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

SE, M52 = gp.kernels.SquaredExponential, gp.kernels.Matern52
COREGION, CATEGORICAL = gp.kernels.Coregion, gp.kernels.Categorical
LABELS = np.array([2.0, 0.0, 1.0, 2.0, 1.0, 0.0])
X = np.stack([np.random.default_rng(0).normal(size=6), LABELS], -1)


def random_coregion(**kwargs):
    values = {"W": np.random.default_rng(1).normal(size=(3, 2)), "kappa": [0.3, 1.2, 0.6]}
    return gp.multiple_assign(COREGION(3, 2, **kwargs), values)


def test_coregion_is_a_matrix_indexed():
    k, labels = random_coregion(), LABELS[:, None]
    W, kappa = np.asarray(k.W), np.asarray(k.kappa)
    B, i = W @ W.T + np.diag(kappa), LABELS.astype(int)
    assert_allclose(k.output_covariance(), B, rtol=1e-14)
    assert_allclose(k.output_variance(), np.diag(B), rtol=1e-14)
    assert_allclose(k(labels), B[i][:, i], rtol=1e-14)
    assert_allclose(k(labels, labels[:2]), B[i][:, i[:2]], rtol=1e-14)
    assert_allclose(k(labels, full_cov=False), np.diag(B)[i], rtol=1e-14)


def test_coregion_takes_whole_numbers():
    assert_allclose(random_coregion()(LABELS.astype(int)[:, None]), random_coregion()(LABELS[:, None]))


@pytest.mark.parametrize("make", [lambda: COREGION(3, 1, active_dims=[1]), lambda: CATEGORICAL(SE(), SE(), 3)])
@pytest.mark.parametrize("wrong", [3.0, -1.0, 0.5, np.nan, np.inf])
def test_labels_out_of_range_are_errors(make, wrong):
    bad = X.copy()
    bad[4, 1] = wrong
    for call in (lambda k: k(bad), lambda k: k(X, bad), lambda k: k(bad, full_cov=False)):
        with pytest.raises(ValueError, match=rf"expected labels 0 to 2, got {wrong} in row 4"):
            call(make())


@pytest.mark.parametrize("make", [lambda: COREGION(3, 1, active_dims=[1]), lambda: CATEGORICAL(SE(), SE(), 3)])
@pytest.mark.parametrize("wrong", [3.0, -1.0, 0.5])
def test_under_jit_wrong_labels_are_not_taken_for_right_ones(make, wrong):
    bad = X.copy()
    bad[4, 1] = wrong
    K, diag = jax.jit(lambda k, X: (k(X), k(X, full_cov=False)))(make(), bad)
    assert np.isnan(K[4]).all() and np.isnan(K[:, 4]).all() and np.isfinite(K[0, [0, 1, 2, 3, 5]]).all()
    if isinstance(make(), COREGION):
        assert np.isnan(diag[4])


def test_coregion_reads_one_column():
    with pytest.raises(ValueError, match=r"reads one column of labels, and X has 2; choose it by active_dims.*\[1\]"):
        COREGION(3, 1)(X)


@pytest.mark.parametrize(("args", "error"), [((0, 1), ValueError), ((2, 0), ValueError), ((2.5, 1), TypeError)])
def test_coregion_has_whole_sizes(args, error):
    with pytest.raises(error, match="output_dim|rank"):
        COREGION(*args)


@pytest.mark.slow
def test_coregion_learns_that_outputs_are_alike():
    rng = np.random.default_rng(3)
    t = rng.uniform(-2.0, 2.0, (20, 1))
    inputs = np.concatenate([np.concatenate([t, np.full_like(t, p)], 1) for p in (0, 1)])
    Y = np.concatenate([np.sin(2.0 * t), 2.0 * np.sin(2.0 * t)])
    model = gp.models.GPR((inputs, Y), SE(active_dims=[0]) * COREGION(2, 1, active_dims=[1]), noise_variance=0.01)
    fitted = gp.fit(model).model
    B = np.asarray(fitted.kernel.kernels[1].output_covariance())
    assert B[0, 1] / np.sqrt(B[0, 0] * B[1, 1]) > 0.95


def test_categorical_places():
    k = gp.assign(CATEGORICAL(SE(), M52(lengthscales=0.3), 4).at._Z_deltas, [[1.0], [-3.0], [0.5]])
    assert_allclose(k.Z, [[0.0], [1.0], [-2.0], [-1.5]])


def test_categorical_two_labels_and_one():
    assert CATEGORICAL(SE(), SE(), 2).Z.shape == (2, 1)
    one = CATEGORICAL(SE(), SE(), 1)
    same = np.stack([X[:, 0], np.zeros(6)], -1)
    assert_allclose(one(same), SE()(same) ** 2)


def test_categorical_freezes_the_kernel_of_labels():
    k = CATEGORICAL(M52(), SE(), 3)
    assert list(gp.parameter_dict(k)) == [
        "wrapped_kernel.kernels[0].variance",
        "wrapped_kernel.kernels[0].lengthscales",
        "wrapped_kernel.kernels[1].variance",
        "wrapped_kernel.kernels[1].lengthscales",
        "_Z_deltas",
    ]
    assert list(gp.partition(k)[0]) == [
        "wrapped_kernel.kernels[0].variance",
        "wrapped_kernel.kernels[0].lengthscales",
        "_Z_deltas",
    ]


def test_categorical_starts_by_a_key():
    first, again = (CATEGORICAL(SE(), SE(lengthscales=0.5), 5, key=jax.random.key(2)) for _ in range(2))
    steps = np.asarray(first._Z_deltas)
    assert np.array_equal(steps, np.asarray(again._Z_deltas)) and steps.shape == (4, 1)
    assert np.all((steps >= 0) & (steps < 5.0)) and np.ptp(steps) > 0
    assert not np.array_equal(steps, np.asarray(CATEGORICAL(SE(), SE(lengthscales=0.5), 5)._Z_deltas))


def test_categorical_sliced_is_the_product_of_two_kernels():
    k = CATEGORICAL(M52(1.3, 0.8, active_dims=[0]), SE(lengthscales=0.7, active_dims=[1]), 3, sliced=True)
    z = np.asarray(k.Z)[LABELS.astype(int)]
    assert_allclose(k(X), M52(1.3, 0.8)(X[:, :1]) * SE(lengthscales=0.7)(z))
    assert_allclose(k(X, full_cov=False), 1.3)


def test_categorical_says_that_active_dims_are_not_used():
    with pytest.warns(UserWarning, match="active_dims of the two kernels are not used"):
        k = CATEGORICAL(M52(1.3, 0.8, active_dims=[0]), SE(lengthscales=0.7, active_dims=[1]), 3)
    both = np.stack([X[:, 0], np.asarray(k.Z)[LABELS.astype(int), 0]], -1)
    assert_allclose(k(X), M52(1.3, 0.8)(both) * SE(lengthscales=0.7)(both))


def test_categorical_in_another():
    inner = CATEGORICAL(SE(active_dims=[0]), SE(active_dims=[1]), 2, sliced=True, active_dims=[0, 1])
    outer = CATEGORICAL(inner, SE(active_dims=[2]), 3, sliced=True)
    A = np.stack([X[:, 0], X[:, 1] % 2, X[:, 1]], -1)
    z, y = (np.asarray(k.Z)[A[:, d].astype(int)] for k, d in ((inner, 1), (outer, 2)))
    assert_allclose(outer(A), SE()(A[:, :1]) * SE()(z) * SE()(y))


def test_categorical_wants_distances_between_labels():
    with pytest.raises(TypeError, match="of distance alone.*Linear|checking the parameters"):
        CATEGORICAL(SE(), gp.kernels.Linear(), 3)


def test_gradient_of_labels_is_zero():
    gradient = jax.grad(lambda A: jnp.sum((SE(active_dims=[0]) * COREGION(3, 1, active_dims=[1]))(A) ** 2))(X)
    assert np.any(gradient[:, 0] != 0) and not np.any(gradient[:, 1])
