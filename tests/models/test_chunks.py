"""Predictions in chunks: the same numbers, and memory that does not grow with the number of new inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS, data
from numpy.testing import assert_allclose

import gparams as gp

Xnew = jnp.asarray(data(num_rows=10, seed=1)[0])


@pytest.mark.parametrize("full_output_cov", [False, True])
@pytest.mark.parametrize(
    ("name", "batch_size"),
    [("gpr-ard-constant", size) for size in (1, 3, 5, 10, 11)] + [("sgpr", 3), ("svgp", 3), ("vgp", 3), ("cglb", 3)],
)
def test_chunks_change_nothing(name, batch_size, full_output_cov):
    model = MODELS[name]()
    expected = model.predict_f(Xnew, full_output_cov=full_output_cov)
    actual = model.predict_f(Xnew, full_output_cov=full_output_cov, batch_size=batch_size)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        assert_allclose(a, e, rtol=1e-12, atol=1e-13)


def test_gradients_go_through_chunks():
    model = MODELS["gpr"]()
    slope = jax.jit(jax.grad(lambda x, size: jnp.sum(model.predict_f(x, batch_size=size)[0] ** 2)), static_argnums=1)
    assert_allclose(slope(Xnew, 3), slope(Xnew, 10), rtol=1e-10)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_chunk_has_a_row(batch_size):
    with pytest.raises(ValueError, match="batch_size: expected at least 1"):
        MODELS["gpr"]().predict_f(Xnew, batch_size=batch_size)


def memory(f, *args):
    analysis = jax.jit(f).lower(*args).compile().memory_analysis()
    return analysis.temp_size_in_bytes


def test_memory_is_bounded():
    N, num_new = 50, 40_000
    model = gp.models.GPR(data(N, 1, 1), kernel=gp.kernels.SquaredExponential())
    new = jnp.zeros((num_new, 1))
    at_once = memory(lambda x: model.predict_f(x, batch_size=num_new), new)
    in_pieces = memory(lambda x: model.predict_f(x, batch_size=1000), new)
    covariances = 8 * N * num_new
    assert at_once >= covariances
    assert in_pieces < covariances / 5
    # What is left is the answers, and twice the inputs: none of them has the size of the data.
    assert in_pieces < 8 * (8 * num_new + 6 * N * 1000)


def test_memory_of_a_posterior_and_of_sampled_functions_is_bounded(key):
    # More covariances than one chunk may have: 2**24 numbers, of which a chunk holds a few arrays.
    N, num_new = 200, 2**19
    model = gp.models.GPR(data(N, 1, 1), kernel=gp.kernels.SquaredExponential())
    new = jnp.zeros((num_new, 1))
    at_once, few = 8 * N * num_new, 5 * 8 * 2**24
    posterior = model.posterior()
    assert memory(lambda x: posterior.predict_f(x, batch_size=num_new), new) >= at_once
    assert memory(lambda x: posterior.predict_f(x), new) < few < at_once
    functions = model.sample_functions(2, key=key)
    assert memory(lambda x: functions(x), new) < few


def test_sampled_functions_are_the_same_in_chunks(key, monkeypatch):
    f = MODELS["gpr"]().sample_functions(3, key=key, num_features=64)
    expected = f(Xnew)
    monkeypatch.setattr("gparams.maths._chunks._MAX_ELEMENTS", 300)
    jax.clear_caches()
    assert "while" in jax.jit(lambda x: f(x)).lower(Xnew).as_text()
    assert_allclose(f(Xnew), expected, rtol=1e-12, atol=1e-13)
    jax.clear_caches()


def test_value_and_gradient_hold_few_matrices():
    N = 3000
    model = gp.models.GPR(data(N, 5, 1), kernel=gp.kernels.SquaredExponential(lengthscales=np.ones(5)))
    flat = gp.Flat(model)
    f = jax.jit(jax.value_and_grad(lambda x, data: gp.replace(flat.model(x).at.data, data).training_loss()))
    analysis = f.lower(flat.vector(), model.data).compile().memory_analysis()
    assert (analysis.temp_size_in_bytes + analysis.output_size_in_bytes) / (8 * N * N) < 4.15
