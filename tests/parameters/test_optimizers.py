"""Labels by path, and optimiser state that outlives a change of flags."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from parameter_models import Model, loss, rich_model

import gparams as gp

RULES = {"parts[0]": "slow", "**": "fast"}


def multi():
    return optax.multi_transform(
        {"slow": optax.adam(1e-3), "fast": optax.sgd(0.1, momentum=0.9)}, lambda params: gp.labels(params, RULES)
    )


OPTIMIZERS = {
    "adam": lambda: optax.adam(0.05),
    "chain": lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(0.05)),
    "momentum": lambda: optax.sgd(0.05, momentum=0.9),
    "multi_transform": multi,
    "schedule": lambda: optax.adam(optax.exponential_decay(0.1, 10, 0.9)),
    "inject": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.05),
    "rmsprop": lambda: optax.rmsprop(0.05, momentum=0.9),
    "masked": lambda: optax.masked(optax.adam(0.05), lambda params: {key: "scale" in key for key in params}),
    "sgd": lambda: optax.sgd(0.1),
}
each = pytest.mark.parametrize("name", OPTIMIZERS)


def train(optimizer, model, state, steps=3):
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(steps):
            gradient = gp.filter_grad(loss)(model)
            updates, state = optimizer.update(gradient, state, gp.partition(model)[0])
            model = gp.apply_updates(model, updates)
    return model, state


def begun(name):
    optimizer, model = OPTIMIZERS[name](), Model()
    return optimizer, *train(optimizer, model, optimizer.init(gp.partition(model)[0]))


def by_path(state, key):
    """Every array that the state keeps for one Parameter."""
    nodes = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, dict) and key in x)
    return [leaf for node in nodes if isinstance(node, dict) for leaf in jax.tree.leaves(node[key])]


@each
def test_survivors_keep_theirs_and_training_goes_on(name):
    optimizer, model, state = begun(name)
    new = gp.set_trainable(model.at.parts[0].scale, False)
    carried = gp.migrate(optimizer, state, model, new)
    assert jax.tree.structure(carried) == jax.tree.structure(optimizer.init(gp.partition(new)[0]))
    for key in gp.partition(new)[0]:
        kept, old = by_path(carried, key), by_path(state, key)
        assert len(kept) == len(old)
        assert all(np.array_equal(a, b) for a, b in zip(kept, old, strict=True))
    after, _ = train(optimizer, new, carried)
    assert np.isfinite(loss(after))
    assert np.array_equal(after.parts[0].scale.value, new.parts[0].scale.value)
    # What goes on is what would have gone on with the frozen Parameter's step left out.
    if name in ("adam", "momentum", "rmsprop", "schedule", "inject", "multi_transform"):
        whole, _ = train(optimizer, model, state, steps=1)
        one, _ = train(optimizer, new, carried, steps=1)
        for key, value in gp.read_values(one).items():
            if key != "parts[0].scale":
                np.testing.assert_allclose(value, gp.read_values(whole)[key], rtol=1e-12)


@each
def test_the_newly_free_start_afresh(name):
    optimizer, model = OPTIMIZERS[name](), gp.set_trainable(Model().at.parts[0].scale, False)
    model, state = train(optimizer, model, optimizer.init(gp.partition(model)[0]))
    new = gp.set_trainable(model.at.parts[0].scale, True)
    carried = gp.migrate(optimizer, state, model, new)
    fresh = by_path(optimizer.init(gp.partition(new)[0]), "parts[0].scale")
    assert all(np.array_equal(a, b) for a, b in zip(by_path(carried, "parts[0].scale"), fresh, strict=True))
    after, _ = train(optimizer, new, carried)
    assert float(after.parts[0].scale) != float(new.parts[0].scale)


def test_step_counts_and_hyperparameters_stay():
    optimizer, model, state = begun("inject")
    state.hyperparams["learning_rate"] = jnp.asarray(0.01)
    carried = gp.migrate(optimizer, state, model, gp.set_trainable(model.at.noise, False))
    assert int(carried.count) == int(state.count) == 3
    assert float(carried.hyperparams["learning_rate"]) == 0.01


def test_elements_keep_theirs():
    optimizer, model, state = begun("adam")
    mu = state[0].mu["parts[0].weights"]
    assert (mu != 0.0).all()
    first = gp.set_trainable(model.at.parts[0].weights[0], False)
    one = gp.migrate(optimizer, state, model, first)
    np.testing.assert_array_equal(one[0].mu["parts[0].weights"], mu[1:])
    second = gp.set_trainable(gp.set_trainable(first.at.parts[0].weights[0], True).at.parts[0].weights[2], False)
    two = gp.migrate(optimizer, one, first, second)
    np.testing.assert_array_equal(two[0].mu["parts[0].weights"], [0.0, mu[1]])
    whole = gp.set_trainable(second.at.parts[0].weights, True)
    three = gp.migrate(optimizer, two, second, whole)
    np.testing.assert_array_equal(three[0].mu["parts[0].weights"], [0.0, mu[1], 0.0])


def test_lbfgs_memory_is_cleared_and_it_says_so():
    optimizer, model = optax.lbfgs(), Model()
    params, static = gp.partition(model)

    def of_params(params):
        return loss(gp.combine(params, static))

    state = optimizer.init(params)
    with jax.numpy_dtype_promotion("standard"):
        value, gradient = jax.value_and_grad(of_params)(params)
        _, state = optimizer.update(gradient, state, params, value=value, grad=gradient, value_fn=of_params)
    new = gp.set_trainable(model.at.noise, False)
    with pytest.warns(UserWarning, match="LBFGSState and ScaleByZoomLinesearchState start with an empty memory"):
        carried = gp.migrate(optimizer, state, model, new)
    assert jax.tree.structure(carried) == jax.tree.structure(optimizer.init(gp.partition(new)[0]))
    assert gp.migrate(optimizer, state, model, model)[0].count == state[0].count == 1


def test_foreign_states_are_refused():
    optimizer, model, state = begun("adam")
    new = gp.set_trainable(model.at.noise, False)
    with pytest.raises(ValueError, match="not a state of this optimizer"):
        gp.migrate(optax.sgd(0.1, momentum=0.9), state, model, new)
    flat = optax.flatten(optax.adam(0.1))
    with pytest.raises(ValueError, match="raveled vector"):
        gp.migrate(flat, flat.init(gp.partition(model)[0]), model, new)


def test_labels():
    model = gp.set_trainable(Model().at.parts[1].scale, False)
    found = gp.labels(model, {"parts[0].scale": 1, "parts": 3, "table": 4, "**": 5})
    assert found == {
        "parts[0].scale": 1,
        "parts[0].weights": 3,
        "parts[1].weights": 3,
        "noise": 5,
        "table['a']": 4,
        "table['b c']": 4,
    }
    assert found == gp.labels(gp.partition(model)[0], {"parts[0].scale": 1, "parts": 3, "table": 4, "**": 5})


def test_a_tied_parameter_takes_a_rule_for_any_of_its_places():
    found = gp.labels(rich_model(), {"parts[1].weights": "tied", "**": "rest"})
    assert found["parts[0].weights"] == "tied"


def test_label_rules_must_match():
    with pytest.raises(ValueError, match=r"\['kernel'\] match no trainable Parameter; the paths are parts\[0\].scale"):
        gp.labels(Model(), {"kernel": "a", "**": "b"})
    with pytest.raises(ValueError, match=r"no rule matches 'noise'.*'\*\*'"):
        gp.labels(Model(), {"parts": "a", "table": "b"})
    frozen = gp.set_trainable(Model().at.noise, False)
    with pytest.raises(ValueError, match=r"\['noise'\] match no trainable"):
        gp.labels(frozen, {"noise": "a", "**": "b"})
