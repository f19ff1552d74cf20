"""Predictions in chunks: the same numbers, and memory that does not grow with the number of new inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS, data
from numpy.testing import assert_allclose

import gparams as gp
from gparams.models._chunks import in_chunks, rows_in_chunk

Xnew = jnp.asarray(data(num_rows=10, seed=1)[0])


@pytest.mark.parametrize("full_output_cov", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 11])
def test_chunks_change_nothing(batch_size, full_output_cov):
    model = MODELS["gpr-ard-constant"]()
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


def test_by_default_a_chunk_has_so_many_covariances():
    assert rows_in_chunk(1024, None) == 2**14
    assert rows_in_chunk(2**30, None) == 1
    assert rows_in_chunk(1024, 7) == 7
    seen = []
    out = in_chunks(lambda X: (seen.append(X.shape), X[:, 0] * 2.0)[1], jnp.arange(14.0).reshape(7, 2), 3)
    assert_allclose(out, 2.0 * np.arange(0.0, 14.0, 2.0))
    assert set(seen) == {(3, 2)}


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


def test_value_and_gradient_hold_few_matrices():
    N = 3000
    model = gp.models.GPR(data(N, 5, 1), kernel=gp.kernels.SquaredExponential(lengthscales=np.ones(5)))
    flat = gp.Flat(model)
    f = jax.jit(jax.value_and_grad(lambda x, data: gp.replace(flat.model(x).at.data, data).training_loss()))
    analysis = f.lower(flat.vector(), model.data).compile().memory_analysis()
    assert (analysis.temp_size_in_bytes + analysis.output_size_in_bytes) / (8 * N * N) < 4.15
