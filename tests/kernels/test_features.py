"""Random features: that their products are the kernel on average, and exactly where there are finitely many."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import KERNELS, LABELLED, NUM_COLUMNS, NUM_LABELS, positive
from numpy.testing import assert_allclose

import gparams as gp
from gparams.kernels import feature_map

EXACT = ["linear", "linear-ard", "polynomial", "polynomial-2", "constant", "cosine", "cosine-ard"]
RANDOM = [
    "se", "se-ard", "se-list", "se-slice", "matern12", "matern12-ard", "matern32", "matern32-list", "matern52",
    "matern52-ard", "exponential", "exponential-ard", "rational-quadratic", "periodic-se", "periodic-se-ard",
    "periodic-rational-quadratic", "arc-cosine-0", "arc-cosine-1", "arc-cosine-2", "sum", "product", "sum-of-products",
    "change-points", "change-points-2", "convolutional", "convolutional-weights", "arc-hierarchical", "wedge-hierarchical",
    "wedge-conditional-only", "categorical", "categorical-sliced",
]  # fmt: skip
X = unlabelled = jnp.asarray(np.random.default_rng(3).uniform(-1.0, 1.0, (6, NUM_COLUMNS)))
labelled = X.at[:, -1].set(jnp.arange(6.0) % NUM_LABELS)


def inputs(name):
    return labelled if name in LABELLED else unlabelled


def gram(phi, X):
    features = phi(X)
    assert np.isfinite(features).all()
    return features @ features.T


@pytest.mark.parametrize("name", EXACT)
def test_finitely_many_features_are_exact(name, key):
    k = KERNELS[name]()
    assert_allclose(gram(feature_map(k, NUM_COLUMNS, 2, key=key), X), k(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", RANDOM)
def test_random_features_give_the_kernel_on_average(name, key):
    k = KERNELS[name]()
    X = inputs(name)
    num_maps = 400

    def one(key):
        features = feature_map(k, NUM_COLUMNS, 64, key=key)(X)
        return features @ features.T

    grams = np.asarray(jax.jit(jax.vmap(one))(jax.random.split(key, num_maps)))
    error = grams.std(0, ddof=1) / np.sqrt(num_maps)
    assert np.isfinite(grams).all()
    assert (np.abs(grams.mean(0) - k(X)) <= 5.0 * error + 1e-9).all()
    assert error.max() < 0.1 * np.asarray(k(X, full_cov=False)).max()  # so that the comparison means something


def test_waves_have_exactly_their_variance(key):
    for name in ("se", "matern32", "rational-quadratic", "periodic-se"):
        k = KERNELS[name]()
        assert_allclose(
            jnp.diagonal(gram(feature_map(k, NUM_COLUMNS, 10, key=key), X)), k(X, full_cov=False), rtol=1e-12
        )


def test_a_periodic_matern_of_one_column(key):
    k = gp.kernels.Periodic(gp.kernels.Matern32(active_dims=[1]), period=1.7)
    phi = feature_map(k, NUM_COLUMNS, 20_000, key=key)
    assert_allclose(gram(phi, X), k(X), atol=0.05)
    assert_allclose(phi(X), phi(X + jnp.array([[5.0, 1.7, -3.0]])), atol=1e-9)
    with pytest.raises(TypeError, match="Periodic over Matern32 has no features in 3 columns.*product of one for each"):
        feature_map(gp.kernels.Periodic(gp.kernels.Matern32()), NUM_COLUMNS, 10, key=key)


def test_spectral_mixtures_coregion_and_deep_kernels(key):
    mixture = gp.kernels.SpectralMixture(
        weights=[1.0, 0.5], means=[[0.5, 0.1], [1.0, 0.7]], variances=[[0.1, 0.2], [0.05, 0.1]], active_dims=[0, 2]
    )
    assert_allclose(gram(feature_map(mixture, NUM_COLUMNS, 40_000, key=key), X), mixture(X), atol=0.05)
    labels = jnp.array([[0.3, 0.0], [0.1, 1.0], [0.2, 1.0]])
    coregion = gp.kernels.Coregion(2, 1, active_dims=[1])
    assert_allclose(gram(feature_map(coregion, 2, 2, key=key), labels), coregion(labels), rtol=1e-12)
    both = gp.kernels.Linear(active_dims=[0]) * coregion
    assert_allclose(gram(feature_map(both, 2, 2, key=key), labels), both(labels), rtol=1e-12)
    network = eqx.nn.MLP(2, 3, 4, 1, key=key)
    deep = gp.kernels.DeepKernel(gp.kernels.SquaredExponential(), network, active_dims=[0, 1])
    assert_allclose(gram(feature_map(deep, NUM_COLUMNS, 40_000, key=key), X), deep(X), atol=0.05)


def test_multiples_and_mixed_products(key):
    line, wave = gp.kernels.Linear(active_dims=[0]), gp.kernels.SquaredExponential(active_dims=[1])
    for k in (3.0 * wave, line * wave, line * (wave + line), 2.0 * line):
        assert_allclose(gram(feature_map(k, NUM_COLUMNS, 20_000, key=key), X), k(X), atol=0.1)
    product = wave * gp.kernels.Matern32(active_dims=[2]) * gp.kernels.Cosine(active_dims=[0])
    phi = feature_map(product, NUM_COLUMNS, 100, key=key)
    assert phi(X).shape == (6, 100)  # phases add: no product of numbers of features


def test_gradients_reach_the_kernel(key):
    def sum_of_features(k):
        return jnp.sum(feature_map(k, NUM_COLUMNS, 10, key=key)(X) ** 3)

    gradient = gp.filter_grad(sum_of_features)(KERNELS["rational-quadratic"]())
    assert sorted(gradient) == ["alpha", "lengthscales", "variance"]
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in gradient.values())


def test_float32_stays_float32(key):
    for name in (*EXACT, *RANDOM):
        k = KERNELS[name](np.float32)
        X = inputs(name).astype(jnp.float32)
        assert feature_map(k, NUM_COLUMNS, 8, key=key)(X).dtype == jnp.float32, name


@pytest.mark.parametrize("name", ["sum-of-products", "change-points-2", "convolutional-weights", "arc-hierarchical"])
def test_maps_are_pytrees_and_follow_their_key(name, key):
    k = KERNELS[name]()
    phi = feature_map(k, NUM_COLUMNS, 8, key=key)
    assert jax.tree.structure(phi) == jax.tree.structure(feature_map(k, NUM_COLUMNS, 8, key=jax.random.key(1)))
    assert_allclose(jax.jit(lambda phi, X: phi(X))(phi, X), phi(X), rtol=1e-12)
    assert np.array_equal(phi(X), feature_map(k, NUM_COLUMNS, 8, key=key)(X))
    assert not np.allclose(phi(X), feature_map(k, NUM_COLUMNS, 8, key=jax.random.key(1))(X))


def test_what_has_no_features_says_what_to_do(key):
    with pytest.raises(TypeError, match="likelihood"):
        feature_map(gp.kernels.White(), 1, 8, key=key)
    with pytest.raises(TypeError, match="Brownian has no features.*predict_f_samples.*feature_map.register"):
        feature_map(Brownian(), 1, 8, key=key)
    with pytest.raises(ValueError, match="16384 features"):
        feature_map(gp.kernels.Polynomial(7.0), 3, 8, key=key)
    with pytest.raises(ValueError, match="at least 2"):
        feature_map(gp.kernels.Matern32(), 1, 1, key=key)
    for name in ("sum", "product", "arc-cosine-1", "change-points"):
        with pytest.raises(TypeError, match="feature_map: expected key to be a JAX random key"):
            feature_map(KERNELS[name](), NUM_COLUMNS, 8, key=0)


class Brownian(gp.kernels.Kernel):
    variance: gp.Parameter

    def __init__(self):
        self.variance = positive(1.0)

    def K(self, X, X2=None):
        return self.variance.value * jnp.minimum(X, (X if X2 is None else X2).T)

    def K_diag(self, X):
        return self.variance.value * X[:, 0]


class Ramp(gp.kernels.Kernel):
    slope: gp.Parameter

    def __init__(self):
        self.slope = positive(2.0)

    def K(self, X, X2=None):
        return self.slope.value**2 * X @ (X if X2 is None else X2).T

    def K_diag(self, X):
        return self.slope.value**2 * X[:, 0] ** 2


def test_a_kernel_of_ones_own_can_be_registered(key):
    @feature_map.register
    def _(kernel: Ramp, num_columns: int, num_features: int, *, key):
        return jax.tree_util.Partial(lambda slope, X: slope * X, kernel.slope.value)

    k = Ramp() + gp.kernels.Constant()
    assert_allclose(gram(feature_map(k, 1, 8, key=key), X[:, :1]), k(X[:, :1]), rtol=1e-12)
