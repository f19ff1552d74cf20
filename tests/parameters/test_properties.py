"""Laws of the parameter layer, over models drawn at random: nesting, shapes, transforms, flags, masks and ties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gparams as gp

TRANSFORMS = [None, gp.positive(), gp.positive(1e-3), gp.positive(base="exp"), gp.bounded(0.0, 4.0)]
NAMES = st.sampled_from(["a", "b", "variance", "x 1", "['q']"])
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


class Node(gp.Module):
    """A module whose children are what it is given."""

    left: object
    right: object


# Strategies draw recipes, plain Python; the models are built from them in the tests.
PARAMETERS = st.fixed_dictionaries(
    {
        "shape": st.sampled_from([(), (3,), (2, 2)]),
        "seed": st.integers(0, 99),
        "dtype": st.sampled_from([np.float64, np.float32]),
        "transform": st.sampled_from(range(len(TRANSFORMS))),
        "trainable": st.booleans(),
    }
)


def grown(inner):
    return (
        st.tuples(inner, inner)
        | st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(lambda d: ("dict", d))
    )


TREES = st.recursive(PARAMETERS | PARAMETERS | st.integers(1, 3) | st.just("text"), grown, max_leaves=6)
RECIPES = st.tuples(TREES, PARAMETERS, PARAMETERS, st.lists(st.integers(0, 5), min_size=12, max_size=12))


def built(recipe):
    if isinstance(recipe, dict):
        values = np.random.default_rng(recipe["seed"]).uniform(0.1, 3.9, recipe["shape"])
        transform = TRANSFORMS[recipe["transform"]]
        return gp.Parameter(values, transform=transform, trainable=recipe["trainable"], dtype=recipe["dtype"])
    if isinstance(recipe, int):
        return gp.Buffer(np.arange(recipe, dtype=float))
    if isinstance(recipe, list):
        return [built(part) for part in recipe]
    if isinstance(recipe, tuple) and recipe[0] == "dict":
        return {name: built(part) for name, part in recipe[1].items()}
    return Node(built(recipe[0]), built(recipe[1])) if isinstance(recipe, tuple) else recipe


def model_of(recipe):
    """A tree with some elements frozen and some Parameters tied, as the recipe's last numbers say."""
    tree, first, second, numbers = recipe
    tree = Node(built(tree), [built(first), built(second)])
    choices = iter(numbers * 4)
    for path, p in gp.parameter_dict(tree).items():
        if isinstance(p, gp.Parameter) and p.ndim and next(choices) % 2:
            tree = gp.set_trainable(gp.at(tree, path)[next(choices) % p.shape[0]], bool(next(choices) % 2))
    alike = {}
    for path, p in gp.parameter_dict(tree).items():
        if isinstance(p, gp.Parameter):
            alike.setdefault((p.shape, p.dtype), []).append(path)
    for paths in alike.values():
        if len(paths) > 1 and next(choices) % 2:
            tree = gp.tie(*[gp.at(tree, path) for path in paths[: 2 + next(choices) % (len(paths) - 1)]])
    return tree


def same(a, b):
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@quick
@given(RECIPES)
def test_partition_then_combine_is_the_identity(recipe):
    tree = model_of(recipe)
    params, static = gp.partition(tree)
    assert same(gp.combine(params, static), tree)
    moved = {key: u + 0.25 for key, u in params.items()}
    other = gp.combine(moved, static)
    assert all(np.array_equal(a, moved[key]) for key, a in gp.partition(other)[0].items())
    # What is not in the dictionary has not moved.
    for path, p in gp.parameter_dict(tree).items():
        if isinstance(p, gp.Parameter) and not p.trainable:
            assert np.array_equal(p.unconstrained, gp.parameter_dict(other)[path].unconstrained)


@quick
@given(RECIPES)
def test_split_then_merge_is_the_identity(recipe):
    tree = model_of(recipe)
    assert same(gp.merge(*gp.split(tree, gp.is_trainable, gp.Buffer, gp.is_frozen)), tree)


@quick
@given(RECIPES, st.data())
def test_what_is_assigned_is_read(recipe, data):
    tree = model_of(recipe)
    path = data.draw(st.sampled_from([k for k, p in gp.parameter_dict(tree).items() if isinstance(p, gp.Parameter)]))
    p = gp.parameter_dict(tree)[path]
    value = np.random.default_rng(data.draw(st.integers(0, 99))).uniform(0.1, 3.9, p.shape)
    after = gp.read_values(gp.assign(gp.at(tree, path), value))
    tolerance = 1e-13 if p.dtype == np.float64 else 3e-6
    np.testing.assert_allclose(after[path], value, rtol=tolerance)
    before = gp.read_values(tree)
    changed = {k for k in before if not np.array_equal(before[k], after[k])}
    assert changed <= {
        k
        for k, q in gp.parameter_dict(tree).items()
        if k == path or (isinstance(q, gp.Parameter) and "tied" in repr(q))
    }


@quick
@given(RECIPES, st.sampled_from([np.nan, np.inf, "shape", "place", "flag"]))
def test_errors_leave_the_model_as_it_was(recipe, trouble):
    tree = model_of(recipe)
    path = next(k for k, p in gp.parameter_dict(tree).items() if isinstance(p, gp.Parameter))
    leaves, structure = jax.tree.flatten(tree)
    copies = [np.array(leaf) for leaf in leaves]
    with pytest.raises((ValueError, TypeError, LookupError)):
        if trouble == "shape":
            gp.assign(gp.at(tree, path), np.ones(7))
        elif trouble == "place":
            gp.set_trainable(gp.at(tree, "no.such.path"), False)
        elif trouble == "flag":
            gp.set_trainable(gp.at(tree, path), "no")
        else:
            gp.multiple_assign(tree, {path: np.full(gp.parameter_dict(tree)[path].shape, trouble)})
    assert jax.tree.structure(tree) == structure
    assert all(a is b for a, b in zip(jax.tree.leaves(tree), leaves, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(leaves, copies, strict=True))


@quick
@given(RECIPES)
def test_save_then_load_is_the_identity(tmp_path_factory, recipe):
    tree = model_of(recipe)
    file = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    gp.save(file, tree)
    assert same(gp.load(file, like=jax.tree.map(lambda x: x if isinstance(x, str) else x * 0, tree)), tree)


@quick
@given(RECIPES)
def test_text_and_place_are_one_to_one(recipe):
    tree = model_of(recipe)
    paths = gp.parameter_dict(tree)
    for path, p in paths.items():
        assert list(gp.parameter_dict(gp.at(tree, path))) == [path]
        assert gp.parameter_dict(gp.at(tree, f".{path}"))[path] is p
    assert len(set(paths)) == len(paths) == len(gp.parameter_dict(gp.at(tree, "**")))


@quick
@given(RECIPES)
def test_a_sound_tree_passes_the_check(recipe):
    tree = model_of(recipe)
    assert gp.check(tree) is tree
    moved = gp.combine(
        {k: u + jnp.asarray(0.5, u.dtype) for k, u in gp.partition(tree)[0].items()}, gp.partition(tree)[1]
    )
    assert gp.check(moved) is moved
