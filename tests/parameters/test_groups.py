"""Cutting a model into groups, and putting it together."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameter_models import Model, loss, rich_model

import gparams as gp


def same(a, b):
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


FILTERS = {
    "none": (),
    "kinds": (gp.is_trainable, gp.is_frozen, gp.Buffer),
    "paths": ("parts[0]", "**.scale", "noise"),
    "all": (lambda path, leaf: True,),
    "first wins": (gp.Parameter, "**"),
}


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("make", [Model, rich_model])
def test_merge_undoes_split(filters, make):
    model = gp.set_trainable(make().at.parts[1].scale, False)
    model = gp.set_trainable(model.at.parts[0].weights[1], False)
    *groups, rest = gp.split(model, *filters)
    assert len(groups) == len(filters)
    assert same(gp.merge(*groups, rest), model)
    assert same(gp.merge(*groups[::-1], rest), model)
    again = eqx.filter_jit(gp.merge)(*groups, rest)
    assert same(again, model)


def test_groups_hold_what_they_say():
    model = gp.set_trainable(Model().at.parts[1], False)
    model = gp.set_trainable(model.at.parts[0].weights[1], False)
    free, held, state, rest = gp.split(model, gp.is_trainable, gp.is_frozen, gp.Buffer)
    assert {k: v.shape for k, v in free.items()} == {k: v.shape for k, v in gp.partition(model)[0].items()}
    assert list(held) == ["parts[1].scale", "parts[1].weights"]
    assert list(state) == ["counts"] and np.array_equal(state["counts"], [1.0, 2.0])
    # Of the partly frozen Parameter the frozen element stays behind.
    assert [leaf.shape for leaf in jax.tree.leaves(rest) if eqx.is_array(leaf)] == [(3,)]


def test_arrays_are_groups_too():
    mlp = eqx.nn.MLP(2, 1, 4, depth=1, key=jax.random.key(0))
    weights, rest = gp.split(mlp, lambda path, leaf: eqx.is_array(leaf) and path.endswith("weight"))
    assert list(weights) == ["layers[0].weight", "layers[1].weight"]
    assert len(jax.tree.leaves(eqx.filter(rest, eqx.is_array))) == 2
    assert eqx.tree_equal(gp.merge(weights, rest), mlp)


def test_state_goes_round_the_optimiser():
    """A running mean is returned as aux, and put back; the gradient never sees it."""
    model = gp.set_trainable(Model().at.parts[0], False)

    def loss_and_state(model):
        return loss(model), gp.update(model.at.counts, lambda n: n + 1.0)

    @eqx.filter_jit
    def step(model):
        gradient, after = gp.filter_grad(loss_and_state, has_aux=True)(model)
        state, _ = gp.split(after, gp.Buffer)
        free, _, rest = gp.split(model, gp.is_trainable, gp.Buffer)
        return gradient, gp.merge({k: v - 0.1 * gradient[k] for k, v in free.items()}, state, rest)

    gradient, after = step(model)
    assert "counts" not in gradient and set(gradient) == set(gp.partition(model)[0])
    np.testing.assert_array_equal(after.counts.value, [2.0, 3.0])
    assert loss(after) < loss(model)
    assert same(after.parts[0], model.parts[0])


def test_refusals():
    model = Model()
    with pytest.raises(gp.PlaceError, match=r"no 'part.\*\*'.*Nearest: parts"):
        gp.split(model, "part.**")
    free, rest = gp.split(model, gp.is_trainable)
    with pytest.raises(ValueError, match=r"missing from the parts: \['parts\[0\].scale'.*left over: none"):
        gp.merge(rest)
    with pytest.raises(ValueError, match=r"left over: \['noises'\]"):
        gp.merge(free | {"noises": jnp.ones(())}, rest)
    with pytest.raises(ValueError, match="come in two of the parts"):
        gp.merge(free, free, rest)
    with pytest.raises(TypeError, match="expected dictionaries before the last"):
        gp.merge(rest, free)
    with pytest.raises(ValueError, match="what split returned"):
        gp.merge()
    p = gp.Parameter(1.0)
    with pytest.raises(ValueError, match=r"\['a'\].*\['b'\]"):
        gp.split({"a": p, "b": p}, gp.Parameter)
