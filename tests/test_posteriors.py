"""The posterior by itself: the same predictions as its model, many times from one factor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import REGRESSIONS as MODELS
from cases import data
from numpy.testing import assert_allclose

import gparams as gp

Xnew = jnp.asarray(data(num_rows=4, seed=1)[0])


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("full_cov", [False, True])
@pytest.mark.parametrize("full_output_cov", [False, True])
def test_predicts_as_its_model(make, full_cov, full_output_cov):
    model = make()
    posterior = model.posterior()
    predicted = posterior.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov)
    expected = model.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov)
    for actual, other in zip(predicted, expected, strict=True):
        assert actual.shape == other.shape
        assert np.isfinite(actual).all()
        assert_allclose(actual, other, rtol=1e-9, atol=1e-12)


def test_holds_the_factor_and_whitened_residuals():
    model = MODELS["gpr"]()
    posterior = model.posterior()
    X, Y = model.data
    Ky = np.asarray(model.kernel(X)) + 0.05 * np.eye(len(X))
    assert_allclose(posterior.L @ posterior.L.T, Ky, rtol=1e-10, atol=1e-12)
    assert_allclose(posterior.L @ posterior.a, Y, rtol=1e-10, atol=1e-12)
    assert np.array_equal(posterior.L, np.tril(posterior.L))


def test_interpolates_without_negative_variances():
    X = np.linspace(0.0, 1.0, 40)[:, None]
    model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(100.0), noise_variance=1.1e-6)
    mean, var = model.posterior().predict_f(jnp.asarray(X))
    assert np.isfinite(mean).all() and np.isfinite(var).all()
    assert np.all(np.asarray(var) >= 0)
    assert_allclose(mean, np.sin(X), atol=1e-3)


def test_is_a_pytree():
    posterior = MODELS["gpr"]().posterior()
    mean, var = jax.jit(lambda p, x: p.predict_f(x))(posterior, Xnew)
    expected = posterior.predict_f(Xnew)
    assert np.isfinite(mean).all() and np.isfinite(var).all()
    assert_allclose(mean, expected[0], rtol=1e-9, atol=1e-12)
    assert_allclose(var, expected[1], rtol=1e-9, atol=1e-12)


def test_numpy_inputs_are_accepted():
    posterior = MODELS["gpr"]().posterior()
    assert np.array_equal(posterior.predict_f(np.asarray(Xnew))[0], posterior.predict_f(Xnew)[0])
