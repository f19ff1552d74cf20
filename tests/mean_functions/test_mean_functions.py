"""Mean functions: values, shapes, dtypes, and that they are PyTrees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MEAN_FUNCTIONS

import gparams as gp

X = np.random.default_rng(0).normal(size=(5, 3))
EXPECTED = {"zero": [0.0], "zero-2": [0.0, 0.0], "constant": [1.5], "constant-2": [1.5, -0.5]}

each_mean = pytest.mark.parametrize("name", MEAN_FUNCTIONS)


@each_mean
def test_value_shape_and_batches(name):
    mean = MEAN_FUNCTIONS[name]()
    expected = np.tile(EXPECTED[name], (5, 1))
    assert np.array_equal(mean(X), expected)
    assert np.array_equal(jax.jit(lambda m, x: m(x))(mean, X), expected)
    assert np.array_equal(mean(np.stack([X, X])), np.stack([expected, expected]))
    assert np.array_equal(jax.vmap(mean)(np.stack([X, X])), np.stack([expected, expected]))


@each_mean
def test_is_a_pytree(name):
    mean = MEAN_FUNCTIONS[name]()
    leaves, structure = jax.tree.flatten(mean)
    assert np.array_equal(jax.tree.unflatten(structure, leaves)(X), mean(X))
    assert jax.tree.structure(MEAN_FUNCTIONS[name]()) == structure


def test_float32_stays_float32():
    x = X.astype(np.float32)
    assert gp.mean_functions.Zero()(x).dtype == jnp.float32
    assert gp.mean_functions.Constant(gp.Parameter(1.0, dtype=jnp.float32))(x).dtype == jnp.float32


def test_constant_learns_and_zero_does_not():
    constant = gp.mean_functions.Constant([1.0, 2.0])
    assert list(gp.partition(constant)[0]) == ["c"]
    gradient = gp.filter_grad(lambda m: jnp.sum(m(X)))(constant)
    assert np.array_equal(jax.tree.leaves(gradient)[0], [5.0, 5.0])
    assert not gp.partition(gp.mean_functions.Zero())[0]
    assert np.array_equal(gp.mean_functions.Constant()(X), np.zeros((5, 1)))


def test_a_parameter_is_adopted_whole():
    c = gp.Parameter(2.0, trainable=False)
    assert not gp.mean_functions.Constant(c).c.trainable
