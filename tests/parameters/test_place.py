"""All the forms of `at`, and the errors of places that are not there."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from parameter_models import Model, Part

import gparams as gp


def names(place):
    """The paths of the Parameters that a verb would reach, told by which ones it freezes."""
    model = gp.set_trainable(place, False)
    return [name for name, p in gp.parameter_dict(model).items() if isinstance(p, gp.Parameter) and not p.trainable]


SCALES = ["parts[0].scale", "parts[1].scale"]
FIRST = ["parts[0].scale", "parts[0].weights"]
ALL = [*FIRST, "parts[1].scale", "parts[1].weights", "noise", "table['a']", "table['b c']"]

FORMS = {
    "attribute": (lambda m: gp.at(m).noise, ["noise"]),
    "method of a module": (lambda m: m.at.noise, ["noise"]),
    "index": (lambda m: m.at.parts[0].scale, ["parts[0].scale"]),
    "negative index": (lambda m: m.at.parts[-1].scale, ["parts[1].scale"]),
    "NumPy index": (lambda m: m.at.parts[np.int64(1)].scale, ["parts[1].scale"]),
    "slice": (lambda m: m.at.parts[:].scale, SCALES),
    "slice of one": (lambda m: m.at.parts[1:].scale, SCALES[1:]),
    "whole module": (lambda m: m.at.parts[0], FIRST),
    "dictionary": (lambda m: m.at.table["b c"], ["table['b c']"]),
    "whole tree": (lambda m: m, ALL),
    "place of the tree": (lambda m: gp.at(m), ALL),
    "path": (lambda m: gp.at(m, "parts[0].scale"), ["parts[0].scale"]),
    "path with a dot": (lambda m: gp.at(m, ".parts[0].scale"), ["parts[0].scale"]),
    "path with the class name": (lambda m: gp.at(m, "Model.parts[0].scale"), ["parts[0].scale"]),
    "path with a dot and the class name": (lambda m: gp.at(m, ".Model.noise"), ["noise"]),
    "path of a module": (lambda m: gp.at(m, "parts[0]"), FIRST),
    "path with a key": (lambda m: gp.at(m, "table['b c']"), ["table['b c']"]),
    "path, then attributes": (lambda m: gp.at(m, "parts[1]").scale, ["parts[1].scale"]),
    "glob of an index": (lambda m: gp.at(m, "parts[*].scale"), SCALES),
    "glob of a step": (lambda m: gp.at(m, "parts[0].*"), FIRST),
    "glob of part of a name": (lambda m: gp.at(m, "parts[0].sc*"), ["parts[0].scale"]),
    "glob of one letter": (lambda m: gp.at(m, "nois?"), ["noise"]),
    "glob at any depth": (lambda m: gp.at(m, "**.scale"), SCALES),
    "glob of none between": (lambda m: gp.at(m, "**.noise"), ["noise"]),
    "glob below": (lambda m: gp.at(m, "parts.**"), [*FIRST, "parts[1].scale", "parts[1].weights"]),
    "glob with the class name": (lambda m: gp.at(m, "Model.**.scale"), SCALES),
    "function": (lambda m: gp.at(m, lambda m: m.parts[0].scale), ["parts[0].scale"]),
    "function of a module": (lambda m: gp.at(m, lambda m: m.parts[0]), FIRST),
    "function of several": (lambda m: gp.at(m, lambda m: (m.noise, m.parts[1].scale)), ["parts[1].scale", "noise"]),
    "filter": (lambda m: gp.at(m, filter=lambda path, p: path.endswith("scale")), SCALES),
    "filter on the Parameter": (lambda m: gp.at(m, filter=lambda path, p: p.shape == (2,)), ["table['b c']"]),
    "filter below a path": (lambda m: gp.at(m, "parts[0]", filter=lambda path, p: p.ndim == 1), FIRST[1:]),
    "list of paths": (lambda m: gp.at(m, ["noise", "parts[0].scale"]), ["parts[0].scale", "noise"]),
    "mixed list": (lambda m: gp.at(m, ["noise", lambda m: m.parts[1].scale]), ["parts[1].scale", "noise"]),
    "list of places": (lambda m: [m.at.noise, m.at.parts[0].scale], ["parts[0].scale", "noise"]),
    "overlapping list": (lambda m: gp.at(m, ["parts[0]", "**.scale"]), [*FIRST, "parts[1].scale"]),
}


def test_a_glob_matches_parameters_before_arrays():
    X = np.linspace(0.0, 1.0, 5)[:, None]
    model = gp.models.GPR((X, X), gp.kernels.Matern32())
    frozen = gp.set_trainable(gp.at(model, "**"), False)
    assert len(gp.parameters(frozen)) == 3 and not gp.partition(frozen)[0]
    doubled = gp.update(gp.at(model, "**"), lambda x: 2.0 * x)
    assert np.array_equal(doubled.data[0], X) and float(doubled.kernel.variance) == pytest.approx(2.0)
    assert np.array_equal(gp.update(gp.at(model, "data[*]"), lambda x: 2.0 * x).data[0], 2.0 * X)
    mixed = {"seen": gp.Buffer(0.0), "scale": gp.Parameter(1.0)}
    assert not gp.set_trainable(gp.at(mixed, "**"), False)["scale"].trainable
    assert gp.set_prior(gp.at(mixed, "**"), None)["seen"] is not None
    assert len(gp.parameter_dict(gp.at(mixed, "**"))) == 2


@pytest.mark.parametrize("form", FORMS)
def test_form(form):
    place, expected = FORMS[form]
    assert names(place(Model())) == expected


ELEMENTS = {
    "one": (lambda w: w[0], [True, False, False]),
    "negative": (lambda w: w[-1], [False, False, True]),
    "slice": (lambda w: w[:2], [True, True, False]),
    "step": (lambda w: w[::2], [True, False, True]),
    "list": (lambda w: w[[0, 2]], [True, False, True]),
    "Boolean": (lambda w: w[np.array([False, True, True])], [False, True, True]),
    "JAX array": (lambda w: w[jnp.asarray([1])], [False, True, False]),
    "tuple": (lambda w: w[(1,)], [False, True, False]),
}


@pytest.mark.parametrize("form", ELEMENTS)
def test_elements(form):
    pick, frozen = ELEMENTS[form]
    model = gp.set_trainable(pick(Model().at.parts[0].weights), False)
    np.testing.assert_array_equal(model.parts[0].weights.frozen_elements, frozen)


def test_elements_of_a_matrix():
    p = gp.set_trainable(gp.at(gp.Parameter(np.ones((2, 3))))[0, 1:], False)
    np.testing.assert_array_equal(p.frozen_elements, [[False, True, True], [False, False, False]])


def test_places_of_a_list_can_be_iterated_over():
    m = Model()
    assert len(m.at.parts) == 2
    assert [names(part.scale) for part in m.at.parts] == [[name] for name in SCALES]
    with pytest.raises(TypeError, match="not a list or a tuple"):
        iter(m.at.noise)


def test_plain_trees():
    tree = {"a": [gp.Parameter(1.0), gp.Parameter(2.0)], "b": (gp.Parameter(3.0),)}
    assert names(gp.at(tree)["a"][1]) == ["['a'][1]"]
    assert names(gp.at(tree, "['b'][0]")) == ["['b'][0]"]
    assert float(gp.assign(gp.at(tree)["b"][0], 9.0)["b"][0]) == 9.0


def test_fields_named_as_verbs_can_be_reached():
    class Odd(gp.Module):
        value: gp.Parameter
        assign: gp.Parameter

        def __init__(self):
            self.value, self.assign = gp.Parameter(1.0), gp.Parameter(2.0)

    odd = gp.assign(gp.at(Odd()).assign, 5.0)
    assert (float(odd.value), float(odd.assign)) == (1.0, 5.0)


def test_repr_names_the_places():
    m = Model()
    assert repr(m.at.parts[:].scale) == "<place in Model: parts[0].scale, parts[1].scale>"
    assert repr(m.at.parts[0].weights[1:]) == "<place in Model: parts[0].weights[1:]>"


MISSING = {
    "attribute": (lambda m: m.at.nois, ["Model", "'nois'", "Nearest: noise"]),
    "deep attribute": (lambda m: m.at.parts[0].scales, ["'parts[0].scales'", "no 'scales' in 'parts[0]'", "scale"]),
    "path": (lambda m: gp.at(m, "parts[0].wieghts"), ["'parts[0].wieghts'", "parts[0].weights"]),
    "index in a path": (lambda m: gp.at(m, "parts[5].scale"), ["'parts[5].scale'", "parts[0].scale"]),
    "index": (lambda m: m.at.parts[5], ["'parts'", "2 items", "5"]),
    "key": (lambda m: m.at.table["c"], ["table['c']", "table['a']"]),
    "glob": (lambda m: gp.at(m, "**.scal"), ["'**.scal'", "scale"]),
    "glob on a module": (lambda m: gp.at(m, "par*"), ["'par*'", ".**"]),
    "not a path": (lambda m: gp.at(m, "parts[0"), ["'parts[0' is not a path"]),
    "filter": (lambda m: gp.at(m, filter=lambda path, p: False), ["filter picked no Parameter", "Model"]),
    "function": (lambda m: gp.at(m, lambda m: 3), ["returned 3", "not a node of this Model"]),
    "function of some": (lambda m: gp.at(m, lambda m: [m.noise, 3]), ["item 1", "not a node"]),
    "function of none": (lambda m: gp.at(m, lambda m: []), ["no node"]),
    "elements": (lambda m: m.at.parts[0].weights[7], ["'parts[0].weights'", "shape (3,)", "7"]),
    "no elements": (lambda m: m.at.parts[0].weights[3:], ["weights[3:]", "no element", "(3,)"]),
    "below elements": (lambda m: m.at.parts[0].weights[0].x, ["weights[0]", "'x'"]),
    "elements twice": (lambda m: m.at.parts[0].weights[0][0], ["weights[0]", "one index"]),
    "index of a module": (lambda m: m.at[0], ["no items"]),
    "another tree": (lambda m: gp.at(m, Model().at.noise), ["another tree"]),
}


@pytest.mark.parametrize("case", MISSING)
def test_place_that_is_not_there(case):
    place, words = MISSING[case]
    with pytest.raises(gp.PlaceError) as caught:
        place(Model())
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_place_error_is_a_lookup_error_and_an_attribute_error():
    with pytest.raises(LookupError):
        _ = Model().at.nothing
    assert not hasattr(Model().at, "nothing")


def test_what_is_no_place_at_all():
    with pytest.raises(TypeError, match="expected a path"):
        gp.at(Model(), 3)


def test_a_place_cannot_be_assigned_to():
    m = Model()
    with pytest.raises(AttributeError, match=r"gp\.assign\(at\(model\)\.noise, value\)"):
        m.at.noise = 3.0
    assert float(m.noise) == pytest.approx(0.1)


def test_at_leaves_the_tree_alone():
    m = Model()
    gp.at(m, "**.scale")
    _ = m.at.parts[0].weights[0]
    assert eqx.tree_equal(m, Model())


def test_part_in_its_own_right():
    assert names(gp.at(Part(), "Part.scale")) == ["scale"]
