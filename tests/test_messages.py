"""Calls that are easily got wrong, and what each is told: what came, what was expected, what to do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import MODELS

import gparams as gp
from gparams.posteriors import input_columns

rng = np.random.default_rng(0)
X = rng.normal(size=(8, 2))
Y = np.sin(X[:, :1])
KEY = jax.random.key(0)
HOLE = np.array([[0.0, 1.0], [np.nan, 1.0]])
WIDE, WIDTH = np.ones((3, 5)), r"Xnew: expected shape \[N, 2\] as in the data, got \(3, 5\)"
OTHERS = r"Xnew: row 1 is \[nan *1.*To predict at the others: Xnew\[np.isfinite\(Xnew\).all\(-1\)\]"
COUNT = "expected num_samples to be a whole number from 0 on, got "
NO_KEY = r": expected key to be a JAX random key, got 3 of type int; give key=jax.random.key\(3\)"
PAIR = r"expected one pair \(X, Y\), got an array in the place of full_cov; write predict_log_density\(\(X, Y\)\)"

kernel = gp.kernels.SquaredExponential()
gpr = gp.models.GPR((X, Y), kernel, noise_variance=0.1)
svgp = gp.models.SVGP(kernel, gp.likelihoods.Gaussian(0.1), X[:3], num_data=8)
f = gpr.sample_functions(2, key=KEY)
Z = gp.inducing_variables.InducingPoints(X[:3])
adam = gp.fitting.Optax(optax.adam(0.1), steps=2, batch_size=4)

WRONG = {
    "posterior, other columns": (lambda: gpr.posterior().predict_f(WIDE), ValueError, WIDTH),
    "posterior, inducing points": (lambda: svgp.posterior().predict_f(WIDE), ValueError, WIDTH),
    "posterior, a batch": (lambda: gpr.posterior().predict_f(np.ones((4, 3, 5))), ValueError, r"\(4, 3, 5\)"),
    "posterior, one axis": (lambda: gpr.posterior().predict_f(X[:, 0]), ValueError, r"\[N, 2\].*got \(8,\)"),
    "posterior, NaN": (lambda: gpr.posterior().predict_f(HOLE), ValueError, OTHERS),
    "posterior, NaN in a batch": (lambda: gpr.posterior().predict_f(HOLE[None]), ValueError, r"row \(0, 1\) is"),
    "functions, other columns": (lambda: f(WIDE), ValueError, WIDTH),
    "functions, NaN": (lambda: f(HOLE), ValueError, OTHERS),
    "conditional": (lambda: gp.conditionals.conditional(WIDE, Z, kernel, X[:3]), ValueError, WIDTH),
    "new inputs": (lambda: gpr.predict_f(HOLE), ValueError, OTHERS),
    "new inputs, sparse": (lambda: svgp.predict_y(HOLE), ValueError, OTHERS),
    "test data": (lambda: gpr.predict_log_density((HOLE, Y[:2])), ValueError, "X: row 1 .* for X and Y alike"),
    "functions, a negative number": (lambda: gpr.sample_functions(-1, key=KEY), ValueError, f"functions: {COUNT}-1"),
    "functions, a fraction": (lambda: gpr.sample_functions(1.5, key=KEY), TypeError, f"functions: {COUNT}1.5"),
    "samples, a negative number": (lambda: gpr.predict_f_samples(X, -1, key=KEY), ValueError, f"f_samples: {COUNT}-1"),
    "samples, a fraction": (lambda: svgp.predict_f_samples(X, 1.5, key=KEY), TypeError, f"f_samples: {COUNT}1.5"),
    "samples, traced": (
        lambda: jax.jit(lambda n: gpr.predict_f_samples(X, n, key=KEY))(2), TypeError, "can't be traced: make it static"
    ),
    "conditional samples": (
        lambda: gp.conditionals.sample_conditional(X, Z, kernel, X[:3], num_samples=-1, key=KEY), ValueError, COUNT
    ),
    "noise, GPR": (
        lambda: gp.models.GPR((X, Y), kernel, noise_variance=0.0),
        ValueError, r"^GPR: noise_variance: 0.0 is outside \(1e-06",
    ),
    "kernel's variance": (
        lambda: gp.kernels.SquaredExponential(0.0), ValueError, r"^SquaredExponential.variance: 0.0 is outside \(0"
    ),
    "kernel's lengthscales": (
        lambda: gp.kernels.Matern32(lengthscales=[1.0, -1.0]), ValueError, r"^Matern32.lengthscales: -1.0 at index \[1\]"
    ),
    "mixture's weights": (
        lambda: gp.kernels.SpectralMixture([-1.0], [[1.0]], [[1.0]]), ValueError, "^SpectralMixture.weights: -1.0"
    ),
    "change points' steepness": (
        lambda: gp.kernels.ChangePoints([kernel, kernel], [0.0], -1.0), ValueError, "^ChangePoints.steepness: -1.0"
    ),
    "noise, SGPR": (
        lambda: gp.models.SGPR((X, Y), kernel, X[:2], noise_variance="no"),
        TypeError, "^SGPR: noise_variance: expected real",
    ),
    "variance": (lambda: gp.likelihoods.Gaussian(0.0), ValueError, "^Gaussian.variance: 0.0 is outside"),
    "scale": (lambda: gp.likelihoods.StudentT(-1.0), ValueError, "^StudentT.scale: -1.0 is outside"),
    "key, samples": (lambda: gpr.predict_f_samples(X, 2, key=3), TypeError, f"^predict_f_samples{NO_KEY}"),
    "key, functions": (lambda: gpr.sample_functions(2, key=3), TypeError, f"^sample_functions{NO_KEY}"),
    "key, prior": (lambda: gp.sample_prior(gpr, 3), TypeError, f"^sample_prior{NO_KEY}"),
    "key, starts": (lambda: gp.randomize(gpr, 3), TypeError, f"^randomize{NO_KEY}"),
    "key, restarts": (lambda: gp.fit_restarts(gpr, key=3), TypeError, f"^fit_restarts{NO_KEY}"),
    "key, batches": (lambda: gp.fit(svgp, data=(X, Y), solver=adam, key=3), TypeError, f"^fit{NO_KEY}"),
    "key, chains": (lambda: gp.sample(gpr, key=3, allow_flat=True), TypeError, f"^sample{NO_KEY}"),
    "key, points": (lambda: gp.inducing_variables.kmeans(X, 2, key=3), TypeError, f"^kmeans{NO_KEY}"),
    "key, rows": (lambda: gp.inducing_variables.random_subset(X, 2, key=3), TypeError, f"^random_subset{NO_KEY}"),
    "key, features": (lambda: gp.kernels.feature_map(kernel, 2, 8, key=3), TypeError, f"^feature_map{NO_KEY}"),
    "key, likelihood": (
        lambda: gp.likelihoods.Softmax(2).predict_mean_and_var(X, jnp.zeros((8, 2)), jnp.ones((8, 2)), key=3),
        TypeError, f"^Softmax{NO_KEY}",
    ),
    "key, an array": (lambda: gp.randomize(gpr, jnp.zeros(2)), TypeError, r"an array of shape \(2,\) and dtype float64"),
    "keys": (lambda: gp.randomize(gpr, jax.random.split(KEY)), TypeError, r"one key, got \(2,\) of them.*jax.vmap"),
    "X and Y apart": (lambda: gpr.predict_log_density(X, Y), TypeError, PAIR),
    "X and Y apart, sparse": (lambda: svgp.predict_log_density(X, Y), TypeError, PAIR),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_are_told_what_to_do(name, unchecked):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()


@pytest.mark.parametrize("key", [KEY, jax.random.PRNGKey(0), np.zeros(2, np.uint32)], ids=["new", "old", "numpy"])
def test_keys_of_every_kind_do(key, unchecked):
    assert gpr.predict_f_samples(X, 2, key=key).shape == (2, 8, 1)
    assert gp.randomize(gpr, key).kernel.variance != 1.0
    draw = jax.jit(jax.vmap(lambda key: gpr.sample_functions(np.int64(3), key=key)(X)))
    assert draw(jax.random.split(key, 2)).shape == (2, 3, 8, 1)


@pytest.mark.parametrize("name", MODELS)
def test_posteriors_ask_for_the_columns_that_their_models_ask_for(name):
    model = MODELS[name]()
    if isinstance(model, gp.models.PosteriorModel):
        assert input_columns(model.posterior().inducing_variable) == model.num_columns
    elif isinstance(model, gp.models.GPR):
        assert input_columns(model.posterior().inducing_variable) == model.data[0].shape[1]


def test_jit_takes_a_function_of_sampled_functions():
    values = f(X)
    assert np.array_equal(eqx.filter_jit(f)(X), values)
    np.testing.assert_allclose(jax.jit(lambda x: f(x).max(1))(X), values.max(1), rtol=1e-12)


@pytest.mark.parametrize("predict", [gpr.predict_f, gpr.posterior().predict_f, lambda X: (f(X),)])
def test_inputs_may_be_a_parameter_under_a_gradient(predict):
    new = gp.Parameter(np.array([[0.3, -0.2]]))
    step = 1e-6 * np.array([[1.0, 0.0]])
    slope = gp.filter_grad(lambda X: predict(X)[0].sum())(new)[""]
    by_hand = (predict(new.value + step)[0].sum() - predict(new.value - step)[0].sum()) / 2e-6
    np.testing.assert_allclose(slope[0, 0], by_hand, rtol=1e-6)
