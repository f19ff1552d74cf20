"""Data that break Gaussian-process libraries, each fitted from the defaults by the default solver.

The losses were looked at by eye, and each answer is compared with what is known of it.
"""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from cases import positive
from numpy.testing import assert_allclose

import gparams as gp

GPR, SE = gp.models.GPR, gp.kernels.SquaredExponential
rng = np.random.default_rng(0)
X = np.linspace(0.0, 6.0, 40)[:, None]
NOISY = np.sin(X) + 0.1 * rng.normal(size=X.shape)
YEARS = np.arange(1950.0, 2021.0)[:, None]
X32 = rng.uniform(0.0, 10.0, (200, 1)).astype(np.float32)
Y32 = np.sin(X32) + 0.1 * rng.normal(size=X32.shape).astype(np.float32)
FLOOR = "likelihood.variance = 1e-06 is at its lower bound, 1e-06"


def single(Y):
    noise = gp.Parameter(1.0, transform=gp.positive(lower=1e-6), dtype=jnp.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gp.models.Float32Warning)
        kernel = SE(positive(1.0, jnp.float32), positive(1.0, jnp.float32))
        return GPR((X32, Y), kernel=kernel, likelihood=gp.likelihoods.Gaussian(noise))


MODELS = {
    "duplicates-exact": lambda: GPR((np.repeat(X[::2], 2, 0), np.repeat(np.sin(X[::2]), 2, 0)), SE(), None, 1.001e-6),
    "duplicates-noisy": lambda: GPR((np.repeat(X[::2], 2, 0), NOISY), SE(), None, 1.001e-6),
    "noise-free": lambda: GPR((X, np.sin(X)), SE()),
    "constant-y": lambda: GPR((X, np.full_like(X, 3.0)), SE()),
    "zero-y": lambda: GPR((X, np.zeros_like(X)), SE()),
    "usual": lambda: GPR((X, NOISY), SE()),
    "y-1e6": lambda: GPR((X, 1e6 * NOISY), SE()),
    "y-1e-6": lambda: GPR((X, 1e-6 * NOISY), SE()),
    "years": lambda: GPR((YEARS, np.sin(YEARS / 7.0) + 0.1 * np.cos(YEARS**2)), SE()),
    "one-point": lambda: GPR(([[1.0]], [[2.0]]), SE()),
    "constant-column": lambda: GPR((np.hstack([X, np.full_like(X, 5.0)]), NOISY), SE(lengthscales=[1.0, 1.0])),
    "float32": lambda: single(Y32),
    "float32-noise-free": lambda: single(np.sin(X32)),
}


@pytest.fixture(scope="module")
def fits():
    return {}


def fitted(fits, name):
    if name not in fits:
        fits[name] = gp.fit(MODELS[name]())
    return fits[name]


def predict(model, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gp.models.JitterWarning)
        return [np.asarray(a) for a in (*model.predict_f(X), *model.predict_f(X, full_cov=True))]


@pytest.mark.parametrize("name", MODELS)
def test_the_result_is_finite_honest_and_no_worse_than_the_start(name, fits):
    start, result = MODELS[name](), fitted(fits, name)
    assert np.isfinite(result.loss) and np.isfinite(result.history).all()
    assert result.loss <= result.history[0] == float(start.training_loss())
    assert result.loss <= result.history.min() or np.isclose(result.loss, result.history.min(), rtol=1e-9)
    assert_allclose(result.model.training_loss(), result.loss, rtol=1e-5 if "32" in name else 1e-9)
    assert all(np.isfinite(value).all() for value in gp.read_values(result.model).values())
    # What it says is so: where it has converged, no number moved by its own size would change the loss much.
    gradient = gp.filter_grad(lambda m: m.training_loss())(result.model)
    unconstrained = gp.partition(result.model)[0]
    assert all(np.isfinite(g).all() for g in gradient.values())
    slope = max(np.max(np.abs(g) * np.maximum(np.abs(unconstrained[path]), 1.0)) for path, g in gradient.items())
    if result.converged:
        assert result.message.startswith("converged: ")
        assert slope <= (0.2 if "32" in name else 1e-3) * max(abs(result.loss), 1.0)
    else:
        assert "line search found no lower loss" in result.message


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_finite_and_variances_not_negative(name, fits):
    model = fitted(fits, name).model
    inputs = model.data[0]
    new = jnp.concatenate([inputs[:5], inputs[:5] + 0.37, inputs[:5] + 100.0])
    mean, var, again, cov = predict(model, new)
    for array in (mean, var, again, cov):
        assert np.isfinite(array).all()
    assert (var >= 0.0).all()
    assert (np.diagonal(cov, axis1=1, axis2=2) >= 0.0).all()
    assert mean.dtype == var.dtype == inputs.dtype


# In float32 a search may end where the loss can't be told from its rounding noise, with some gradient left.
@pytest.mark.parametrize("name", [name for name in MODELS if "32" not in name])
def test_each_fit_converges_in_float64(name, fits):
    assert fitted(fits, name).converged, fitted(fits, name).message


def test_noise_at_its_floor_is_said_to_be_there(fits):
    for name in ("duplicates-exact", "noise-free", "constant-y", "zero-y"):
        assert FLOOR in fitted(fits, name).message
    for name in ("usual", "y-1e6", "years", "one-point", "duplicates-noisy", "constant-column", "float32"):
        assert "bound" not in fitted(fits, name).message
    assert "kernel.variance" in fitted(fits, "zero-y").message.split("bound:")[1]


def test_the_answers_are_sensible(fits):
    usual = fitted(fits, "usual")
    assert_allclose(usual.loss, -31.4963, atol=1e-3)
    # The noise that was put in has variance 0.01, the sample's is smaller.
    assert 0.003 < float(usual.model.likelihood.variance.value) < 0.02
    noisy = fitted(fits, "duplicates-noisy")
    assert 0.003 < float(noisy.model.likelihood.variance.value) < 0.02
    for name in ("noise-free", "duplicates-exact"):
        assert_allclose(fitted(fits, name).model.predict_f(X)[0], np.sin(X), atol=1e-3)
    constant = fitted(fits, "constant-y").model
    assert_allclose(constant.predict_f(X)[0], 3.0, atol=1e-5)
    assert np.max(constant.predict_f(X)[1]) < 1e-6
    one = fitted(fits, "one-point").model
    assert_allclose(one.kernel.variance.value + one.likelihood.variance.value, 4.0, rtol=1e-4)  # the square of y


def test_data_a_million_times_as_large_give_the_scaled_answer(fits):
    usual, large = fitted(fits, "usual"), fitted(fits, "y-1e6")
    assert_allclose(large.loss, usual.loss + 40 * np.log(1e6), atol=1e-3)
    assert_allclose(large.model.kernel.lengthscales.value, usual.model.kernel.lengthscales.value, rtol=1e-3)
    assert_allclose(large.model.kernel.variance.value, 1e12 * usual.model.kernel.variance.value, rtol=1e-2)
    assert_allclose(large.model.predict_f(X)[0], 1e6 * usual.model.predict_f(X)[0], rtol=1e-2, atol=1e3)


def test_years_are_inputs_like_others(fits):
    years = fitted(fits, "years")
    near = GPR((YEARS - 1985.0, years.model.data[1]), SE())
    shifted = gp.fit(near)
    assert_allclose(years.loss, shifted.loss, rtol=1e-7)
    assert_allclose(years.model.kernel.lengthscales.value, shifted.model.kernel.lengthscales.value, rtol=1e-4)


def test_a_constant_column_is_without_effect(fits):
    column, usual = fitted(fits, "constant-column"), fitted(fits, "usual")
    assert_allclose(column.loss, usual.loss, rtol=1e-8)
    assert_allclose(column.model.kernel.lengthscales.value[1], 1.0, rtol=1e-9)
    assert_allclose(column.model.kernel.lengthscales.value[0], usual.model.kernel.lengthscales.value, rtol=1e-4)


def test_float32_finds_what_float64_finds(fits):
    double = gp.fit(GPR((X32.astype(float), Y32.astype(float)), SE()))
    assert_allclose(fitted(fits, "float32").loss, double.loss, atol=0.1)
    mean = double.model.predict_f(X32.astype(float))[0]
    assert_allclose(fitted(fits, "float32").model.predict_f(X32)[0], mean, atol=0.05)
    clean = fitted(fits, "float32-noise-free")
    assert_allclose(predict(clean.model, X32)[0], np.sin(X32), atol=2e-2)


@pytest.mark.parametrize("name", ["y-1e6", "constant-y", "float32"])
def test_scipys_solver_ends_honestly_too(name):
    start = MODELS[name]()
    result = gp.fit(start, solver=gp.fitting.Scipy("L-BFGS-B"))
    assert np.isfinite(result.loss) and result.loss <= float(start.training_loss())
    mean, var, *_ = predict(result.model, start.data[0])
    assert np.isfinite(mean).all() and (var >= 0.0).all()
