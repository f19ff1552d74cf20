"""Leave-one-out against models fitted to all but one row, its gradient, and its cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from cases import MODELS, data
from numpy.testing import assert_allclose

import gparams as gp
from gparams.maths import leave_one_out

X, Y = data()
each_model = pytest.mark.parametrize("name", ["gpr", "gpr-ard-constant"])


def without(model, i):
    keep = np.arange(len(X)) != i
    return gp.models.GPR((X[keep], Y[keep]), model.kernel, model.mean_function, likelihood=model.likelihood)


@each_model
def test_is_what_the_other_rows_predict(name):
    model = MODELS[name]()
    report = model.leave_one_out()
    for i in range(len(X)):
        mean, var = without(model, i).predict_y(X[i : i + 1])
        assert_allclose(report.mean[i], mean[0], rtol=1e-8, atol=1e-10)
        assert_allclose(report.variance[i], var[0], rtol=1e-8)
        expected = scipy.stats.norm.logpdf(Y[i], mean[0], np.sqrt(var[0]))
        assert_allclose(report.log_density[i], expected, rtol=1e-8, atol=1e-9)
    assert report.mean.shape == report.variance.shape == report.log_density.shape == Y.shape
    assert_allclose(model.leave_one_out_objective(), np.sum(report.log_density), rtol=1e-10)


@each_model
def test_gradient_and_hessian_are_finite_differences(name):
    flat = gp.Flat(MODELS[name]())
    x, f = flat.vector(), lambda x: flat.model(x).leave_one_out_objective()
    value, gradient, hessian = jax.jit(f), jax.jit(jax.grad(f)), jax.jit(jax.hessian(f))
    h = 1e-5
    steps = h * np.eye(x.size)
    assert_allclose(gradient(x), [(value(x + s) - value(x - s)) / (2 * h) for s in steps], rtol=1e-6, atol=1e-7)
    assert_allclose(hessian(x), [(gradient(x + s) - gradient(x - s)) / (2 * h) for s in steps], rtol=1e-6, atol=1e-6)
    assert_allclose(jax.jit(jax.jacfwd(f))(x), gradient(x), rtol=1e-9)
    assert_allclose(jax.jit(jax.vmap(f))(jnp.stack([x, x + 0.1])), [value(x), value(x + 0.1)], rtol=1e-10)


def plain(R, K):
    P = jnp.linalg.inv(0.5 * (K + K.T))
    return (P @ R) / jnp.diag(P)[:, None], 1.0 / jnp.diag(P)


@pytest.mark.parametrize(
    "derivative", [jax.jacrev, jax.jacfwd, lambda f, n: jax.jacrev(jax.jacrev(f, n), n), jax.hessian]
)
def test_derivatives_are_those_of_the_inverse(derivative):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 4))
    R, K = jnp.asarray(rng.normal(size=(4, 2))), jnp.asarray(A @ A.T + np.eye(4))
    actual, expected = jax.jit(lambda R, K: [derivative(f, (0, 1))(R, K) for f in (leave_one_out, plain)])(R, K)
    leaves = list(zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True))
    assert leaves
    for ours, theirs in leaves:
        assert np.isfinite(ours).all()
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


def test_is_an_objective_for_fit():
    start = MODELS["gpr"]()
    result = gp.fit(start, lambda m: -m.leave_one_out_objective())
    assert result.converged
    assert_allclose(result.loss, -result.model.leave_one_out_objective(), rtol=1e-10)
    assert result.loss < -float(start.leave_one_out_objective())
    best = gp.fit(start).model
    assert result.loss <= -float(best.leave_one_out_objective())


def test_float32_stays_float32():
    R, K = jnp.ones((3, 1), jnp.float32), 2.0 * jnp.eye(3, dtype=jnp.float32)
    error, variance = leave_one_out(R, K)
    assert error.dtype == variance.dtype == jnp.float32
    assert_allclose(error, R, rtol=1e-6)
    assert_allclose(variance, 2.0, rtol=1e-6)
