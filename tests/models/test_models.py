"""What every model must do, over the whole table."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS, SVGPS, data
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

import gparams as gp

X, Y = data()
Xnew, Ynew = data(num_rows=4, seed=1)
NAMES = [name for name in MODELS if not name.startswith("gpr")]
each_model = pytest.mark.parametrize("name", NAMES)
KEY = jax.random.key(5)


def make(name):
    """A model whose Parameters are a little off their symmetric starts."""
    model = MODELS[name]()
    params, static = gp.partition(model)
    flat, unravel = ravel_pytree(params)
    return gp.combine(unravel(flat + 0.05 * jax.random.normal(KEY, flat.shape)), static)


def arguments(name):
    return ((X, Y),) if name in SVGPS else ()


def inputs(model, X=Xnew):
    return X[:, : model.num_columns] if getattr(model, "num_columns", None) else X


def close(actual, expected, rtol=1e-8, atol=1e-10):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


@each_model
def test_gradient_of_the_loss(name):
    params, static = gp.partition(make(name))
    start, unravel = ravel_pytree(params)

    @jax.jit
    def loss(x):
        return gp.combine(unravel(x), static).training_loss(*arguments(name))

    value, gradient = jax.jit(jax.value_and_grad(loss))(start)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    close(value, make(name).training_loss(*arguments(name)))
    for seed in range(3):
        d = np.random.default_rng(seed).normal(size=start.shape) / np.sqrt(start.size)
        h = 1e-5
        slope = (loss(start + h * d) - loss(start - h * d)) / (2 * h)
        # Conjugate gradients stop at another step, and are a constant to differentiation.
        close(gradient @ d, slope, 1e-5 if name != "cglb" else 1e-4, 1e-6)


@each_model
def test_predictions_agree_with_each_other(name):
    model = make(name)
    Xs = inputs(model)
    mean, var = model.predict_f(Xs)
    assert np.all(np.asarray(var) >= 0)
    flags = [(True, True), (True, False), (False, True)]
    if isinstance(model, gp.models.PosteriorModel):  # in one program: compiling takes the time
        each = eqx.filter_jit(lambda m: [m.condition().predict_f(jnp.asarray(Xs), *f) for f in flags])(model)
    else:
        each = [model.predict_f(Xs, *f) for f in flags]
    (whole_mean, whole), (_, by_output), (_, by_input) = each  # [N, P, N, P], [P, N, N], [N, P, P]
    close(whole_mean, mean, atol=1e-8)
    close(np.einsum("npnp->np", whole), var, atol=1e-8)
    close(by_output, np.einsum("npmp->pnm", whole), atol=1e-8)
    close(by_input, np.einsum("npnq->npq", whole), atol=1e-8)
    N, P = mean.shape
    flat = np.asarray(whole).reshape(N * P, N * P)
    assert_allclose(flat, flat.T, atol=1e-10)
    assert np.linalg.eigvalsh(flat).min() > -1e-8


@each_model
def test_observations_are_the_function_and_noise(name):
    model = make(name)
    Xs = inputs(model)
    mean, var = model.predict_f(Xs)
    P = mean.shape[1]
    expected = model.likelihood.predict_mean_and_var(jnp.asarray(Xs), mean, var)
    for actual, other in zip(model.predict_y(Xs), expected, strict=True):
        close(actual, other)
    density = model.likelihood.predict_log_density(jnp.asarray(Xs), mean, var, jnp.asarray(Ynew[:, :P]))
    close(model.predict_log_density((Xs, Ynew[:, :P])), density)


@each_model
def test_samples_have_the_moments_of_the_prediction(name):
    model = make(name)
    Xs = inputs(model)
    samples = model.predict_f_samples(Xs, 4000, key=KEY)
    mean, var = model.predict_f(Xs)
    error = np.sqrt(np.asarray(var) / 4000) + 1e-4
    assert np.all(np.abs(samples.mean(0) - mean) < 5 * error)


@each_model
def test_posterior_is_a_pytree_that_predicts(name):
    model = make(name)
    if not isinstance(model, gp.models.PosteriorModel):
        pytest.skip("its prediction is not that of a posterior alone")
    Xs = jnp.asarray(inputs(model))
    posterior = eqx.filter_jit(lambda m: m.condition())(model)
    for actual, other in zip(posterior.predict_f(Xs), model.predict_f(Xs), strict=True):
        close(actual, other, atol=1e-8)
    batch = jnp.stack([Xs, Xs + 0.1])
    mean, var = posterior.predict_f(batch)
    close(mean[1], posterior.predict_f(batch[1])[0])
    close(var[1], posterior.predict_f(batch[1])[1])


@each_model
def test_bad_inputs_are_refused(name):
    model = make(name)
    with pytest.raises(ValueError, match="row 1 is"):
        model.predict_f(np.where(np.arange(4)[:, None] == 1, np.nan, inputs(model)))
    with pytest.raises(ValueError, match="expected shape"):
        model.predict_f(np.zeros(3))
    with pytest.raises(ValueError, match="full_cov"):
        model.predict_log_density((inputs(model), Ynew), full_cov=True)


@pytest.mark.filterwarnings("ignore:SVGP. the data have 11 rows, and num_data is 20")
@pytest.mark.parametrize("name", ["svgp", "vgp", "sgpr", "bayesian-gplvm"])
def test_fit_makes_the_loss_smaller(name):
    model = MODELS[name]()
    data = arguments(name)
    result = gp.fit(model, data=data[0] if data else None, solver=gp.fitting.LBFGS(max_steps=15))
    assert result.loss < float(model.training_loss(*data)) - 0.1
    mean, var = result.model.predict_f(inputs(model))
    assert np.isfinite(mean).all() and np.all(np.asarray(var) >= 0)


@each_model
def test_a_kernel_must_be_one(name):
    kind, Z, likelihood = type(MODELS[name]()), X[::3], gp.likelihoods.Gaussian()
    wrong = {
        "SVGP": lambda: kind("rbf", likelihood, Z),
        "SGPR": lambda: kind((X, Y), "rbf", Z),
        "GPRFITC": lambda: kind((X, Y), "rbf", Z),
        "CGLB": lambda: kind((X, Y), "rbf", Z),
        "SGPMC": lambda: kind((X, Y), "rbf", likelihood, inducing_variable=Z),
        "GPLVM": lambda: kind(Y, 1, kernel="rbf"),
        "BayesianGPLVM": lambda: kind(Y, X, 1.0 + X**2, "rbf", inducing_variable=Z),
    }
    with pytest.raises(TypeError, match="kernel"):
        wrong.get(kind.__name__, lambda: kind((X, Y), "rbf", likelihood))()
