"""Costs of the parameter layer; measured, not asserted. Run with --benchmark-enable."""

import jax
import pytest

import gparams as gp


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
