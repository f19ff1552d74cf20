"""Tied Parameters are one: in gradients, in verbs, and through every change of the tree."""

import copy
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameter_models import Model, Part

import gparams as gp


def tied():
    model = Model()
    return gp.tie(model.at.parts[0].scale, model.at.parts[1].scale)


def assert_one(model, value):
    np.testing.assert_allclose([float(model.parts[0].scale), float(model.parts[1].scale)], value, rtol=1e-14)
    assert "parts[1].scale" not in gp.partition(model)[0]
    again = gp.assign(model.at.parts[1].scale, 7.0)
    np.testing.assert_allclose([float(again.parts[0].scale), float(again.parts[1].scale)], 7.0, rtol=1e-14)


def test_first_value_counts():
    assert_one(tied(), 0.5)


def test_gradient_is_the_sum():
    gradient = gp.filter_grad(lambda m: 2.0 * m.parts[0].scale + 5.0 * m.parts[1].scale)(tied())
    u = np.log(np.expm1(0.5))
    np.testing.assert_allclose(gradient["parts[0].scale"], 7.0 / (1 + np.exp(-u)), rtol=1e-12)
    assert "parts[1].scale" not in gradient


@pytest.mark.parametrize(
    "change",
    [
        jax.jit(lambda m: jax.tree.map(lambda x: x, m)),
        lambda m: jax.tree.map(lambda x: x + 0.0, m),
        copy.deepcopy,
        lambda m: pickle.loads(pickle.dumps(m)),
        lambda m: gp.combine(*gp.partition(m)),
    ],
    ids=["jit", "tree_map", "deepcopy", "pickle", "partition"],
)
def test_tie_survives(change):
    model = gp.replace(gp.at(tied(), "name"), None)
    assert_one(change(model), 0.5)


def test_tie_survives_vmap():
    model = gp.replace(gp.at(tied(), "name"), None)
    batch = jax.tree.map(lambda x: jnp.stack([x, x]), model)
    out = eqx.filter_vmap(gp.filter_grad(lambda m: m.parts[0].scale + m.parts[1].scale))(batch)
    assert out["parts[0].scale"].shape == (2,) and "parts[1].scale" not in out


def test_flags_are_shared_and_untie_parts():
    model = gp.set_trainable(tied().at.parts[1].scale, False)
    assert not model.parts[0].scale.trainable
    apart = gp.assign(gp.untie(tied().at.parts[1].scale).at.parts[1].scale, 3.0)
    np.testing.assert_allclose([float(apart.parts[0].scale), float(apart.parts[1].scale)], [0.5, 3.0], rtol=1e-14)


def test_one_module_twice_is_tied_and_one_parameter_given_twice_is_not():
    part = Part()
    twice = Model(parts=[part, part])
    assert [key for key in gp.partition(twice)[0] if "parts" in key] == ["parts[0].scale", "parts[0].weights"]
    p = gp.Parameter(0.5, transform=gp.positive())
    apart = Model(parts=[Part(p), Part(p)])
    assert "parts[1].scale" in gp.partition(apart)[0]
    assert float(gp.assign(apart.at.parts[1].scale, 2.0).parts[0].scale) == pytest.approx(0.5)


def test_stale_tie():
    model = tied()
    moved = {"x": model.parts[1].scale, "y": model.parts[0].scale}
    with pytest.raises(ValueError, match="were tied where they came from.*gp.tie.*gp.untie"):
        gp.partition(moved)
    assert set(gp.partition(gp.untie(moved))[0]) == {"['x']", "['y']"}
