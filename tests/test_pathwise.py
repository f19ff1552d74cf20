"""Sampled functions: moments, consistency, transformations, and what they cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS, data, positive
from numpy.testing import assert_allclose

import gparams as gp
from gparams.pathwise import sample_functions

Xnew = jnp.asarray(data(num_rows=4, seed=1)[0])


def moments_agree(draws, mean, cov):
    """Whether draws [S, N] have this mean and covariance, to five standard errors."""
    S = len(draws)
    scale = np.sqrt(np.diag(cov))
    assert np.isfinite(draws).all()
    assert (np.abs(draws.mean(0) - mean) < 5 * scale / np.sqrt(S)).all()
    error = np.sqrt((scale[:, None] ** 2 * scale**2 + np.asarray(cov) ** 2) / S)
    assert (np.abs(np.cov(draws.T) - cov) < 6 * error).all()


@pytest.mark.parametrize("name", ["gpr", "gpr-ard-constant"])
def test_moments_over_keys_are_those_of_the_posterior(name, key):
    # Each draw has features of its own: then the first two moments are exact, however few the features.
    model = MODELS[name]()
    draw = jax.jit(jax.vmap(lambda key: model.sample_functions(1, key=key, num_features=64)(Xnew)[0]))
    draws = np.asarray(draw(jax.random.split(key, 4000)))
    mean, cov = model.predict_f(Xnew, full_cov=True)
    for p in range(2):
        moments_agree(draws[:, :, p], mean[:, p], cov[p])
    # Outputs are independent.
    across = np.corrcoef(draws.reshape(len(draws), -1).T)[::2, 1::2]
    assert np.abs(across).max() < 6 / np.sqrt(len(draws))


def test_moments_of_an_exact_kernel_are_exact_with_one_key(key):
    X, Y = data()
    kernel = gp.kernels.Linear(0.7) + gp.kernels.Constant(0.5)
    model = gp.models.GPR((X, Y[:, :1]), kernel=kernel, noise_variance=0.5)
    draws = np.asarray(model.sample_functions(4000, key=key)(Xnew))[:, :, 0]
    mean, cov = model.predict_f(Xnew, full_cov=True)
    moments_agree(draws, mean[:, 0], cov[0])


def test_many_features_come_near_with_one_key(key):
    model = MODELS["gpr"]()
    draws = np.asarray(model.sample_functions(2000, key=key, num_features=8192)(Xnew))
    mean, var = model.predict_f(Xnew)
    assert_allclose(draws.mean(0), mean, atol=0.1)
    assert_allclose(draws.var(0), var, rtol=0.2, atol=0.02)


def test_a_function_is_one_function(key):
    f = MODELS["gpr"]().sample_functions(3, key=key)
    whole = f(Xnew)
    assert whole.shape == (3, 4, 2)
    assert np.array_equal(whole, f(Xnew))
    assert_allclose(f(Xnew[2:3])[:, 0], whole[:, 2], rtol=1e-10)
    assert_allclose(f(np.asarray(Xnew)[::-1])[:, ::-1], whole, rtol=1e-10)
    again = MODELS["gpr"]().sample_functions(3, key=key)
    assert np.array_equal(again(Xnew), whole)
    assert not np.allclose(MODELS["gpr"]().sample_functions(3, key=jax.random.key(1))(Xnew), whole)
    assert not np.allclose(whole[0], whole[1])


def test_jit_vmap_and_gradient(key):
    f = MODELS["gpr"]().sample_functions(3, key=key)
    whole = f(Xnew)
    assert_allclose(jax.jit(lambda f, x: f(x))(f, Xnew), whole, rtol=1e-10)
    assert_allclose(jax.vmap(lambda x: f(x[None])[:, 0])(Xnew), jnp.moveaxis(whole, 1, 0), rtol=1e-9)

    def first(x):
        return f(x[None])[0, 0, 1]

    slope, h = jax.jit(jax.grad(first))(Xnew[0]), 1e-5
    expected = [(first(Xnew[0] + h * e) - first(Xnew[0] - h * e)) / (2 * h) for e in jnp.eye(2)]
    assert_allclose(slope, expected, rtol=1e-5, atol=1e-7)


def test_thompson_sampling_by_gradient(key):
    # Each function's own maximum, by gradient ascent on the function itself.
    X = np.linspace(-3.0, 3.0, 15)[:, None]
    model = gp.models.GPR((X, -((X - 0.7) ** 2)), kernel=gp.kernels.SquaredExponential(5.0, 2.0), noise_variance=1e-4)
    f = model.sample_functions(4, key=key)
    total = jax.grad(lambda x: jnp.sum(jnp.diagonal(f(x)[:, :, 0])))
    x = jax.lax.fori_loop(0, 200, lambda _, x: x + 0.05 * total(x), jnp.zeros((4, 1)))
    assert_allclose(x, 0.7, atol=0.1)
    assert np.abs(total(x)).max() < 1e-3


def test_interpolates_the_data(key):
    X = np.linspace(0.0, 6.0, 20)[:, None]
    model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.Matern52(), noise_variance=2e-6)
    assert_allclose(model.sample_functions(5, key=key)(X), np.broadcast_to(np.sin(X), (5, 20, 1)), atol=0.02)


def test_uncertain_values_and_one_factor_an_output(key):
    # Whitened values v ~ N(0, I) at the inputs: then the draws are those of the prior.
    kernel, zero = gp.kernels.SquaredExponential(), gp.mean_functions.Zero()
    Z = jnp.asarray([[0.0], [1.0]])
    L = jnp.linalg.cholesky(kernel(Z))

    def draw(key):
        first, second = jax.random.split(key)
        v = jax.random.normal(first, (1, 2, 1))
        return sample_functions(kernel, zero, Z, L, v, key=second, num_samples=1, num_features=32)(Z)[0, :, 0]

    draws = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(key, 4000)))
    moments_agree(draws, np.zeros(2), kernel(Z))
    v = jax.random.normal(key, (2, 2))
    together = sample_functions(kernel, zero, Z, L, v, key=key, num_samples=3)(Z)
    apart = sample_functions(kernel, zero, Z, jnp.stack([L, L]), v, key=key, num_samples=3)(Z)
    assert_allclose(together, apart, rtol=1e-9, atol=1e-12)
    assert_allclose(together, jnp.broadcast_to(L @ v, (3, 2, 2)), rtol=1e-8, atol=1e-9)


def test_many_new_inputs_need_no_square_array(key):
    model = MODELS["gpr"]()
    f = model.sample_functions(2, key=key, num_features=32)
    analysis = jax.jit(lambda x: f(x)).lower(jnp.zeros((5000, 2))).compile().memory_analysis()
    assert analysis.temp_size_in_bytes < 8 * 5000 * 200


def test_float32_stays_float32(key):
    X, Y = (a.astype(np.float32) for a in data())
    with pytest.warns(gp.models.Float32Warning):
        model = gp.models.GPR(
            (X, Y),
            kernel=gp.kernels.Matern32(positive(1.3, np.float32), positive(0.8, np.float32)),
            likelihood=gp.likelihoods.Gaussian(positive(0.05, np.float32)),
        )
    assert model.sample_functions(2, key=key)(X).dtype == jnp.float32


def test_a_kernel_without_features(key):
    X, Y = data()
    model = gp.models.GPR((X, Y), kernel=gp.kernels.Matern32() + gp.kernels.White())
    with pytest.raises(TypeError, match="White noise has no features.*likelihood"):
        model.sample_functions(1, key=key)
