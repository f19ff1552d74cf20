"""The same numbers on a CPU and on a GPU, where there is one."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp


def gpu():
    try:
        return jax.devices("gpu")[0]
    except RuntimeError:
        return None


pytestmark = pytest.mark.skipif(gpu() is None, reason="JAX sees no GPU")

N = 1000


def inputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    return X, np.sin(X.sum(1, keepdims=True)) + 0.3 * rng.normal(size=(N, 1)), rng.normal(size=(7, 5))


def exact(X, Y):
    return gp.models.GPR((X, Y), gp.kernels.SquaredExponential(lengthscales=np.ones(5)), noise_variance=0.1), ()


def sparse(X, Y):
    return gp.models.SGPR((X, Y), gp.kernels.Matern52(lengthscales=np.ones(5)), X[:50], noise_variance=0.1), ()


def variational(X, Y):
    model = gp.models.SVGP(gp.kernels.SquaredExponential(lengthscales=np.ones(5)), gp.likelihoods.StudentT(), X[:50])
    return model, ((X, Y),)


def evaluate(make, device):
    X, Y, Xnew = inputs()
    with jax.default_device(device):
        model, args = make(X, Y)
        params, static = gp.partition(model)
        loss = jax.jit(jax.value_and_grad(lambda p: gp.combine(p, static).training_loss(*args)))
        value, gradient = loss(params)
        assert device in value.devices()
        out = {"loss": value, **gradient}
        out["mean"], out["variance"] = model.predict_f(Xnew)
        return {name: np.asarray(array) for name, array in out.items()}


@pytest.mark.parametrize("make", [exact, sparse, variational])
def test_a_gpu_agrees_with_a_cpu(make):
    here, there = (evaluate(make, device) for device in (jax.devices("cpu")[0], gpu()))
    for name, expected in here.items():
        assert np.isfinite(there[name]).all()
        assert_allclose(there[name], expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


def test_a_fit_on_a_gpu_finds_the_optimum_of_a_cpu():
    X, Y, _ = inputs()
    losses = []
    for device in (jax.devices("cpu")[0], gpu()):
        with jax.default_device(device):
            losses.append(gp.fit(exact(X[:200], Y[:200])[0]).loss)
    assert_allclose(losses[1], losses[0], rtol=1e-6)
