"""Batches of models: one structure, a leading axis on every array."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS
from parameter_models import Model, loss, rich_model

import gparams as gp


def same(a, b):
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def several(make, num=3):
    return [gp.randomize(make(), jax.random.key(k), spread=0.2) for k in range(num)]


@pytest.mark.parametrize("make", [Model, rich_model, MODELS["gpr"]], ids=["plain", "rich", "gpr"])
def test_unstack_undoes_stack(make):
    models = several(make)
    assert all(same(a, b) for a, b in zip(gp.unstack(gp.stack(models)), models, strict=True))


def test_vmap_over_models_equals_a_loop():
    models = several(MODELS["gpr"])
    batch = gp.stack(models)
    losses = eqx.filter_vmap(lambda m: m.training_loss())(batch)
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(losses, [m.training_loss() for m in models], rtol=1e-12)
    gradients = eqx.filter_vmap(gp.filter_grad(lambda m: m.training_loss()))(batch)
    for k, model in enumerate(models):
        one = gp.filter_grad(lambda m: m.training_loss())(model)
        assert one.keys() == gradients.keys()
        for key in one:
            np.testing.assert_allclose(gradients[key][k], one[key], rtol=1e-9)


def test_a_batch_reads_and_is_cut_as_a_whole():
    models = several(lambda: gp.set_trainable(rich_model().at.parts[0].weights[:1], False))
    batch = gp.stack(models)
    assert batch.noise.shape == (3,) and batch.parts[0].weights.shape == (3, 3)
    params, static = gp.partition(batch)
    assert params["parts[0].weights"].shape == (3, 2)
    assert same(gp.combine(params, static), batch)
    values = gp.read_values(batch)
    for k, model in enumerate(models):
        for name, value in gp.read_values(model).items():
            np.testing.assert_allclose(values[name][k], value, rtol=1e-14)
    assert np.isfinite(eqx.filter_vmap(loss)(batch)).all()


def test_triangular_parameters_stack():
    batch = gp.stack([gp.Parameter(k * np.tri(3), transform=gp.triangular()) for k in (1.0, 2.0)])
    assert batch.shape == (2, 3, 3)
    np.testing.assert_array_equal(batch.value[1], 2.0 * np.tri(3))


def test_refusals():
    with pytest.raises(ValueError, match="at least one model"):
        gp.stack([])
    with pytest.raises(ValueError, match="model 1 is of another structure"):
        gp.stack([Model(), gp.set_trainable(Model(), False)])
    with pytest.raises(ValueError, match=r"'a' has shapes \[\(\), \(2,\)\]".replace("'a'", r"\"\['a'\]\"")):
        gp.stack([{"a": jnp.ones(())}, {"a": jnp.ones(2)}])
    with pytest.raises(ValueError, match="no array, and differs"):
        gp.stack([{"a": "x"}, {"a": "y"}])
    with pytest.raises(ValueError, match="no array to take apart"):
        gp.unstack({"a": "x"})
    with pytest.raises(ValueError, match=r"has shape \(\): expected one leading axis"):
        gp.unstack(gp.Parameter(1.0))
    with pytest.raises(ValueError, match=r"shape \(2,\) and .* has shape \(3,\)"):
        gp.unstack({"a": jnp.ones(2), "b": jnp.ones(3)})
