"""Only free elements of trainable Parameters reach an optimiser, whichever it is."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parameter_models import Model, loss

import gparams as gp

OPTIMISERS = {
    "adamw": optax.adamw(0.05, weight_decay=0.3),
    "momentum and decay": optax.chain(optax.add_decayed_weights(0.3), optax.sgd(0.01, momentum=0.9)),
    "clipping": optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.05)),
}


def frozen_model():
    model = gp.set_trainable([(m := Model()).at.parts[0], m.at.table["b c"]], False)
    return gp.set_trainable(model.at.parts[1].weights[1:], False)


def assert_only_the_free_moved(old, new):
    before, after = gp.parameter_dict(old), gp.parameter_dict(new)
    for name in ("parts[0].scale", "parts[0].weights", "table['b c']"):
        assert np.asarray(before[name].unconstrained).tobytes() == np.asarray(after[name].unconstrained).tobytes()
    u, v = (np.asarray(d["parts[1].weights"].unconstrained) for d in (before, after))
    assert u[1:].tobytes() == v[1:].tobytes()
    assert u[0] != v[0]
    for name in ("noise", "parts[1].scale", "table['a']"):
        assert float(before[name].unconstrained) != float(after[name].unconstrained)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("ravel", [True, False])
def test_frozen_values_stay_bit_for_bit_in_fit(name, ravel):
    model = frozen_model()
    fitted = gp.fit(model, loss, solver=gp.fitting.Optax(OPTIMISERS[name], steps=8, ravel=ravel)).model
    assert_only_the_free_moved(model, fitted)


def test_frozen_values_stay_bit_for_bit_under_lbfgs():
    model = frozen_model()
    assert_only_the_free_moved(model, gp.fit(model, loss, solver=gp.fitting.LBFGS(max_steps=8)).model)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_frozen_values_stay_bit_for_bit_in_a_loop_by_hand(name):
    model = start = frozen_model()
    optimiser = OPTIMISERS[name]
    state = optimiser.init(gp.partition(model)[0])
    for _ in range(4):
        gradient = gp.filter_grad(loss)(model)
        params, static = gp.partition(model)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(gradient, state, params)
        moved = gp.combine(optax.apply_updates(params, updates), static)
        np.testing.assert_array_equal(moved.noise.value, gp.apply_updates(model, updates).noise.value)
        model = moved
    assert_only_the_free_moved(start, model)


def test_keys_and_shapes():
    params, static = gp.partition(frozen_model())
    assert {key: u.shape for key, u in params.items()} == {
        "parts[1].scale": (),
        "parts[1].weights": (1,),
        "noise": (),
        "table['a']": (),
    }
    assert static.noise.unconstrained is None
    assert eqx.tree_equal(gp.combine(params, static), frozen_model())


flags = st.sampled_from(["free", "frozen", "masked"])
leaf = st.tuples(flags, st.sampled_from([(), (1,), (3,), (2, 2)]), st.booleans())
trees = st.recursive(
    leaf.map(lambda x: ("leaf", x)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc d"), inner, max_size=3),
    max_leaves=6,
)


def build(shape_of_tree):
    if isinstance(shape_of_tree, list):
        return [build(x) for x in shape_of_tree]
    if isinstance(shape_of_tree, dict):
        return {key: build(x) for key, x in shape_of_tree.items()}
    flag, shape, positive = shape_of_tree[1]
    p = gp.Parameter(np.full(shape, 0.5), transform=gp.positive() if positive else None, trainable=flag == "free")
    if flag == "masked" and shape == (3,):
        return gp.set_trainable(gp.at(p)[1], True)
    return p


@settings(max_examples=25, deadline=None, derandomize=True)
@given(trees)
def test_partition_and_combine_are_inverse(shape_of_tree):
    tree = build(shape_of_tree)
    params, static = gp.partition(tree)
    assert eqx.tree_equal(gp.combine(params, static), tree)
    assert len(params) == len(gp.trainable_parameters(tree))
    moved = gp.combine({key: u + 1.0 for key, u in params.items()}, static)
    assert jax.tree.structure(moved) == jax.tree.structure(tree)
    free = sum(u.size for u in params.values())
    pairs = zip(jax.tree.leaves(moved), jax.tree.leaves(tree), strict=True)
    assert sum(float(np.sum(np.asarray(a) - np.asarray(b))) for a, b in pairs) == pytest.approx(free)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p | {"extra": jnp.ones(())}, "left over: \\['extra'\\]"),
        (lambda p: {k: v for k, v in p.items() if k != "noise"}, "Missing: \\['noise'\\]; left over: none"),
        (lambda p: {}, "Missing: \\['parts\\[0\\].scale'"),
    ],
)
def test_wrong_keys(change, words):
    params, static = gp.partition(Model())
    with pytest.raises(ValueError, match=words):
        gp.combine(change(params), static)
    with pytest.raises(ValueError, match=words):
        gp.apply_updates(Model(), change(params))


def test_gradient_is_by_path_and_of_the_free_numbers():
    model = gp.set_trainable(Model().at.parts[0].weights[0], False)
    gradient = gp.filter_grad(lambda m: jnp.sum(m.parts[0].weights ** 2) + jnp.log(m.noise))(model)
    np.testing.assert_allclose(gradient["parts[0].weights"], [4.0, 6.0])
    u = float(model.noise.unconstrained)
    np.testing.assert_allclose(gradient["noise"], 1 / 0.1 / (1 + np.exp(-u)), rtol=1e-12)
    np.testing.assert_array_equal(gradient["table['a']"], 0.0)


def test_value_auxiliary_and_further_arguments():
    def f(p, scale, *, shift):
        return scale * p**2 + shift, {"twice": 2 * p}

    (value, aux), gradient = gp.filter_value_and_grad(f, has_aux=True)(gp.Parameter(3.0), 2.0, shift=1.0)
    assert (float(value), float(aux["twice"]), float(gradient[""])) == (19.0, 6.0, 12.0)
    gradient, aux = gp.filter_grad(f, has_aux=True)(gp.Parameter(3.0), 2.0, shift=1.0)
    assert (float(aux[1] if isinstance(aux, tuple) else aux["twice"]), float(gradient[""])) == (6.0, 12.0)


def test_gradient_under_jit():
    gradient = eqx.filter_jit(gp.filter_grad(loss))(frozen_model())
    eager = gp.filter_grad(loss)(frozen_model())
    assert set(gradient) == set(eager)
    for key in eager:
        np.testing.assert_allclose(gradient[key], eager[key], rtol=1e-12)


def test_apply_updates_adds_to_the_free_elements():
    p = gp.set_trainable(gp.at(gp.Parameter([1.0, 2.0, 3.0]))[1], False)
    moved = gp.apply_updates(p, {"": jnp.asarray([0.5, -1.0])})
    np.testing.assert_array_equal(moved.value, [1.5, 2.0, 2.0])
    np.testing.assert_array_equal(p.value, [1.0, 2.0, 3.0])


def test_trainable_for_equinox():
    model = gp.set_trainable(Model().at.parts[0], False)
    free, fixed = eqx.partition(model, gp.trainable(model))
    assert free.parts[0].scale.unconstrained is None and fixed.parts[0].scale.unconstrained is not None
    assert free.noise.unconstrained is not None and fixed.noise.unconstrained is None
    assert free.counts.value is None
    assert eqx.tree_equal(eqx.combine(free, fixed), model)


def test_trainable_refuses_what_a_flag_cannot_say():
    with pytest.raises(ValueError, match=r"'parts\[1\].weights' is frozen in part.*gp.partition"):
        gp.trainable(frozen_model())
    with pytest.raises(ValueError, match="is tied.*gp.partition"):
        gp.trainable(gp.tie((m := Model()).at.noise, m.at.parts[0].scale))


def test_alias_in_a_foreign_tree_names_both_paths():
    p = gp.Parameter(1.0)
    with pytest.raises(ValueError, match=r"\['a'\].*\['b'\]\[0\].*one Parameter object in two places.*gp.tie"):
        gp.partition({"a": p, "b": [p]})
    frozen = gp.Parameter(1.0, trainable=False)
    assert gp.partition({"a": frozen, "b": frozen})[0] == {}
