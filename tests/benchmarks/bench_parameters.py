"""Costs of the parameter layer; measured, not asserted. Run with --benchmark-enable."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gparams as gp


@pytest.fixture(autouse=True)
def users_settings():
    """A user has no strict promotion on, and optax would not stand it."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def thousand():
    """A tree of 1,000 Parameters."""
    return [gp.Parameter(1.0 + i, transform=gp.positive()) for i in range(1000)]


def test_flatten_and_unflatten_of_a_parameter(benchmark):
    p = gp.Parameter(1.0, transform=gp.positive())

    def both():
        leaves, treedef = jax.tree.flatten(p)
        return jax.tree.unflatten(treedef, leaves)

    assert benchmark(both).unconstrained is p.unconstrained


def test_partition_and_combine_of_1000(benchmark, thousand):
    out = benchmark(lambda: gp.combine(*gp.partition(thousand)))
    assert len(out) == 1000 and out[7].unconstrained is thousand[7].unconstrained


def test_read_values_of_1000(benchmark, thousand):
    assert len(benchmark(gp.read_values, thousand)) == 1000


TARGET = np.linspace(0.0, 1.0, 1000)
ADAM = optax.adam(1e-2)


def _step(loss):
    @jax.jit
    def step(x, state):
        updates, state = ADAM.update(jax.grad(loss)(x), state, x)
        return optax.apply_updates(x, updates), state

    return step


def _ways(thousand):
    """One jitted Adam step on the same loss: an array, the vector of `Flat`, and the dictionary of `partition`."""
    flat = gp.Flat(thousand)

    def of_model(model):
        return jnp.sum((jnp.stack([p.value for p in model]) - TARGET) ** 2)

    return {
        "array": (lambda x: jnp.sum((jax.nn.softplus(x) - TARGET) ** 2), flat.vector()),
        "vector of Flat": (lambda x: of_model(flat.model(x)), flat.vector()),
        "dictionary": (lambda params: of_model(flat.model(params)), flat.params),
    }


@pytest.mark.parametrize("way", ["array", "vector of Flat", "dictionary"])
def test_adam_step_of_1000(benchmark, thousand, way):
    loss, start = _ways(thousand)[way]
    step, carry = _step(loss), [start, ADAM.init(start)]
    carry[:] = step(*carry)

    def once():
        carry[:] = step(*carry)
        return jax.block_until_ready(carry[0])

    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(benchmark(once)))
