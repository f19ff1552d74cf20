"""Mistakes that a reader found once, each kept from coming back."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

SE = gp.kernels.SquaredExponential


def twice(variance):
    kernel = SE(variance, lengthscales=10.0 * variance)
    return kernel + kernel


def test_parts_of_two_models_are_not_tied():
    a, b = twice(1.0), twice(5.0)
    both = a.kernels[0] + b.kernels[1]
    back = gp.combine(*gp.partition(both))
    assert [float(k.variance) for k in back.kernels] == pytest.approx([1.0, 5.0])
    assert len(gp.partition(both)[0]) == 4
    # The two parts of one model go on as one.
    assert len(gp.partition(a.kernels[0] * a.kernels[1])[0]) == 2


def test_parts_that_may_be_of_one_model_are_not_guessed_at():
    a = twice(1.0)
    words = r"'kernels\[0\].variance' and 'kernels\[1\].variance' were each tied in another model"
    with pytest.raises(ValueError, match=words):
        a.kernels[0] + twice(1.0).kernels[1]
    through_jit = jax.jit(lambda k: k)(a)
    with pytest.raises(ValueError, match=words):
        through_jit.kernels[0] * through_jit.kernels[1]
    with pytest.raises(ValueError, match=words):
        jax.jit(lambda k: (k.kernels[0] * k.kernels[1]).kernels[0].variance.value)(a)
    assert len(gp.partition(gp.untie(a).kernels[0] + gp.untie(twice(1.0)).kernels[1])[0]) == 4
    # A whole model keeps its ties on any road.
    assert len(gp.partition(through_jit + SE(3.0))[0]) == 4


@pytest.mark.parametrize(
    "mix",
    [lambda a, b: gp.replace(a.at.kernels[1], b.kernels[1]), lambda a, b: [a.kernels[0], b.kernels[1]]],
    ids=["replace", "list"],
)
def test_tied_places_with_different_numbers_are_refused(mix):
    mixed = mix(twice(1.0), twice(5.0))
    with pytest.raises(ValueError, match=r"\[0\].variance' and .*\[1\].variance' are tied, and hold different numbers"):
        gp.partition(mixed)


def test_an_integer_likelihood_does_not_round_the_prior():
    p = gp.Parameter(1.3, prior=tfd.Normal(0.0, 1.0))
    density = gp.log_density(p, lambda p: 0)
    np.testing.assert_allclose(density(density.initial), -0.5 * 1.3**2 - 0.5 * np.log(2 * np.pi), rtol=1e-12)


def test_elements_of_a_stack():
    kernel = gp.set_trainable(SE(lengthscales=np.ones(3)).at.lengthscales[1], False)
    batch = gp.stack([kernel, kernel])
    with pytest.raises(ValueError, match="a batch of models"):
        gp.set_trainable(batch.at.lengthscales[0], False)
    late = gp.set_trainable(gp.stack([SE(lengthscales=np.ones(3))] * 2).at.lengthscales[0], False)
    with pytest.raises(ValueError, match=r"shape \(3,\) has a mask of frozen elements of shape \(2, 3\)"):
        gp.partition(gp.unstack(late)[0])


def test_migrate_keeps_the_elements_of_a_stack():
    models = [SE(lengthscales=[1.0, 2.0, 3.0]), SE(lengthscales=[4.0, 5.0, 6.0])]
    held = [gp.set_trainable(m.at.lengthscales[1], False) for m in models]
    optimizer = optax.trace(0.9)
    old, new = gp.stack(models), gp.stack(held)
    state = optimizer.init(gp.partition(old)[0])
    state.trace["lengthscales"] = jnp.arange(6.0).reshape(2, 3)
    carried = gp.migrate(optimizer, state, old, new)
    np.testing.assert_array_equal(carried.trace["lengthscales"], [[0.0, 2.0], [3.0, 5.0]])
    back = gp.migrate(optimizer, carried, new, old)
    np.testing.assert_array_equal(back.trace["lengthscales"], [[0.0, 0.0, 2.0], [3.0, 0.0, 5.0]])


def test_migrate_refuses_a_raveled_state_of_the_same_size():
    old = gp.set_trainable({"a": gp.Parameter([1.0, 2.0]), "b": gp.Parameter([1.0, 2.0])}, True)
    old = gp.set_trainable(gp.at(old)["a"], False)
    new = gp.set_trainable(gp.set_trainable(old, True), True)
    new = gp.set_trainable(gp.at(new)["b"], False)
    optimizer = optax.flatten(optax.adam(0.1))
    with pytest.raises(ValueError, match="raveled vector"):
        gp.migrate(optimizer, optimizer.init(gp.partition(old)[0]), old, new)


def test_migrate_to_and_from_all_frozen():
    kernel, optimizer = SE(), optax.adam(0.1)
    state = optimizer.init(gp.partition(kernel)[0])
    none = gp.set_trainable(kernel, False)
    empty = gp.migrate(optimizer, state, kernel, none)
    assert empty[0].mu == {}
    assert set(gp.migrate(optimizer, empty, none, kernel)[0].mu) == {"variance", "lengthscales"}


def test_migrate_with_a_label_for_each_path():
    kernel = SE()
    optimizer = optax.multi_transform(
        {"variance": optax.adam(0.1), "lengthscales": optax.adam(0.2)}, lambda params: {key: key for key in params}
    )
    state = optimizer.init(gp.partition(kernel)[0])
    new = gp.set_trainable(kernel.at.variance, False)
    carried = gp.migrate(optimizer, state, kernel, new)
    assert jax.tree.structure(carried) == jax.tree.structure(optimizer.init(gp.partition(new)[0]))


@pytest.mark.parametrize("verb", ["randomize", "sample_prior", "tie", "untie"])
def test_verbs_for_whole_parameters_refuse_elements(verb):
    kernel = gp.set_prior(SE(lengthscales=np.ones(3)).at.lengthscales, tfd.Gamma(2.0, 1.0))
    place, key = kernel.at.lengthscales[:1], jax.random.key(0)
    calls = {
        "randomize": lambda: gp.randomize(place, key),
        "sample_prior": lambda: gp.sample_prior(place, key),
        "tie": lambda: gp.tie(place, kernel.at.lengthscales[1:2]),
        "untie": lambda: gp.untie(place),
    }
    with pytest.raises(ValueError, match=rf"{verb}: .*is elements of a Parameter"):
        calls[verb]()


def test_a_group_takes_a_tied_parameter_by_any_of_its_paths():
    group, _ = gp.split(twice(1.0), "kernels[1]")
    assert list(group) == ["kernels[0].variance", "kernels[0].lengthscales"]


def test_updates_of_another_shape():
    with pytest.raises(ValueError, match=r"'variance' has shape \(\), and its update \(3,\)"):
        gp.apply_updates(SE(), {"variance": jnp.zeros(3), "lengthscales": jnp.zeros(())})


def test_a_prior_over_another_shape_is_no_sum_over_pairs():
    with pytest.raises(ValueError, match=r"arrays of shape \(3, 1\), and it has shape \(3,\)"):
        gp.Parameter(np.ones(3), prior=tfd.Normal(np.zeros((3, 1)), 1.0))
    three = tfd.Normal(np.zeros(3), 1.0)
    p = gp.Parameter(np.eye(2), transform=gp.triangular(), prior=three, prior_on="unconstrained")
    with pytest.raises(ValueError, match=r"arrays of shape \(3,\), and it has shape \(2, 2\)"):
        gp.log_prior({"a": gp.set_transform(p, None)})


def test_priors_of_two_dtypes_keep_the_finer():
    wide = tfd.Normal(np.float64(0.0), np.float64(1.0))
    parts = [gp.Parameter(1.0, prior=wide, dtype=np.float32), gp.Parameter(1000.3, prior=wide)]
    expected = -0.5 * (1.0 + 1000.3**2) - np.log(2 * np.pi)
    np.testing.assert_allclose(gp.log_prior(parts), expected, rtol=1e-12)


def test_a_bijector_of_lists_is_no_bijector_of_one_number():
    transform = tfb.Sigmoid([0.0, 1.0], [1.0, 2.0])
    flat = gp.Flat([gp.Parameter([0.5, 1.5], transform=transform), gp.Parameter([0.2, 1.2], transform=transform)])
    model = flat.model(flat.vector())
    np.testing.assert_allclose(model[1].value, [0.2, 1.2], rtol=1e-12)
    np.testing.assert_allclose(gp.read_values(model)["[0]"], [0.5, 1.5], rtol=1e-12)


def test_vectors_of_another_length():
    flat = gp.Flat(SE())
    with pytest.raises(ValueError, match=r"a vector of 2 numbers, got shape \(3,\)"):
        flat.model(jnp.ones(3))


def test_keys_of_a_dictionary_that_are_no_paths():
    assert gp.labels({"two words": jnp.ones(2)}, {"**": 1}) == {"two words": 1}


def test_checkpoints_of_odd_arrays(tmp_path):
    file = tmp_path / "odd.safetensors"
    tree = {"half": jnp.asarray(1.5, jnp.bfloat16), "wide": np.arange(3, dtype=np.float64)}
    gp.save(file, tree)
    with jax.enable_x64(False):
        back = gp.load(file, like=tree)
    assert float(back["half"]) == 1.5 and back["wide"].dtype == np.float64
    with pytest.raises(ValueError, match=r"\['text'\].*can't be saved.*holds no numbers"):
        gp.save(file, {"text": np.array(["a", "b"])})


def test_a_checkpoint_fills_a_model_of_shapes(tmp_path):
    file = tmp_path / "kernel.safetensors"
    kernel = gp.set_trainable(SE(2.0, [1.0, 3.0]).at.variance, False)
    gp.save(file, kernel)
    back = gp.load(file, like=eqx.filter_eval_shape(lambda: SE(1.0, [1.0, 1.0])))
    assert eqx.tree_equal(back, kernel)


def test_unstacked_arrays_are_arrays():
    first, _ = gp.unstack({"a": np.arange(2.0)})
    assert isinstance(first["a"], np.ndarray) and first["a"].shape == ()


@pytest.mark.parametrize(("lookup", "said"), [
    (lambda: gp.optimizers, "gparams.gpflow.optimizers"),
    (lambda: gp.kernels.RBF, "it is SquaredExponential"),
    (lambda: gp.Parameter(1.0).assign(2.0), "gp.assign"),
])  # fmt: skip
def test_gpflow_habits_are_answered(lookup, said):
    with pytest.raises(AttributeError, match=said):
        lookup()
    assert (
        not hasattr(gp.Parameter(1.0), "nothing") and not hasattr(gp.kernels, "Nothing") and not hasattr(gp, "nothing")
    )
