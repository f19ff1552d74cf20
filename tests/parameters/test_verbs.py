"""The verbs return a new tree with one thing changed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameter_models import Model
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp


def changed(old, new):
    before, after = gp.read_values(old), gp.read_values(new)
    assert list(before) == list(after)
    return [name for name in before if not np.array_equal(before[name], after[name])]


VERBS = {
    "a Parameter": (lambda m: gp.assign(m.at.noise, 0.7), ["noise"]),
    "a Buffer": (lambda m: gp.assign(m.at.counts, [3.0, 4.0]), ["counts"]),
    "elements": (lambda m: gp.assign(m.at.parts[0].weights[1:], 9.0), ["parts[0].weights"]),
    "a glob": (lambda m: gp.assign(gp.at(m, "**.scale"), 0.7), ["parts[0].scale", "parts[1].scale"]),
    "update": (lambda m: gp.update(m.at.parts[1].weights, lambda w: 2 * w), ["parts[1].weights"]),
    "several": (lambda m: gp.multiple_assign(m, {"noise": 0.5, "table['a']": 2.0}), ["noise", "table['a']"]),
    "replace": (lambda m: gp.replace(m.at.noise, gp.Parameter(5.0)), ["noise"]),
}


@pytest.mark.parametrize("name", VERBS)
def test_only_the_place_changes(name):
    act, expected = VERBS[name]
    model = Model()
    assert changed(model, act(model)) == expected
    assert eqx.tree_equal(model, Model())


def test_values_set_by_element():
    model = gp.assign(Model().at.parts[0].weights[[0, 2]], np.array([7.0, 8.0]))
    np.testing.assert_array_equal(model.parts[0].weights.value, [7.0, 2.0, 8.0])


def test_read_values_and_multiple_assign_are_inverse():
    model = gp.assign(Model().at.noise, 0.9)
    again = gp.multiple_assign(Model(), gp.read_values(model))
    assert changed(model, again) == []


def test_set_transform_and_set_prior_keep_the_value():
    model = gp.set_transform(Model().at.noise, gp.bounded(0.0, 1.0))
    model = gp.set_prior(model.at.noise, tfd.Gamma(2.0, 1.0))
    assert float(model.noise) == pytest.approx(0.1, rel=1e-14) and isinstance(model.noise.prior, tfd.Gamma)
    assert gp.set_prior(model.at.noise, None).noise.prior is None


def test_freezing_and_freeing_again():
    model = gp.set_trainable(Model(), False)
    assert gp.trainable_parameters(model) == ()
    assert eqx.tree_equal(gp.set_trainable(model, True), Model())


def test_assign_under_jit_and_grad():
    out = jax.jit(lambda x: gp.assign(gp.at(gp.Parameter(1.0, transform=gp.positive())), x).value)(0.25)
    assert float(out) == pytest.approx(0.25, rel=1e-14)
    slope = jax.grad(lambda x: gp.assign(gp.at(gp.Parameter(1.0)), x).value ** 2)(3.0)
    assert float(slope) == 6.0


def test_a_class_is_no_node():
    with pytest.raises(TypeError, match=r"got the class Matern32; call it: Matern32\(...\)"):
        gp.replace(gp.models.GPR((np.ones((2, 1)),) * 2, gp.kernels.Matern12()).at.kernel, gp.kernels.Matern32)


def test_a_field_declared_as_a_parameter_holds_one():
    class Line(gp.Module):
        slope: gp.Parameter = 2.0

    class Named(gp.Module):
        slope: "gp.Parameter"

    with pytest.raises(TypeError, match="Line.slope is declared as a Parameter.*gp.as_parameter"):
        Line()
    with pytest.raises(TypeError, match="Named.slope is declared as a Parameter"):
        Named(np.ones(2))
    assert Line(gp.Parameter(1.0)).slope == Named(gp.Parameter(1.0)).slope == 1.0


def test_what_jax_can_not_look_into_is_no_model():
    result = gp.fit(gp.Parameter(1.0), lambda p: (p - 1.0) ** 2)
    for verb in (gp.print_summary, gp.parameter_dict, lambda tree: gp.set_trainable(tree, False)):
        with pytest.raises(TypeError, match="got a FitResult; its model is .model"):
            verb(result)
    kernel = gp.gpflow.kernels.SquaredExponential()
    with pytest.raises(TypeError, match="got a SquaredExponential of gparams.gpflow.*functional"):
        gp.set_trainable(kernel, False)
    for take in (gp.partition, gp.Flat, gp.fit):
        with pytest.raises(TypeError, match="got a SquaredExponential of gparams.gpflow.*functional"):
            take(kernel)


def test_replace_by_a_number_keeps_the_parameter():
    kernel = gp.set_trainable(gp.kernels.SquaredExponential().at.variance, False)
    for number in (2.0, np.float64(2.0), jnp.asarray(2.0)):
        replaced = gp.replace(kernel.at.variance, number)
        assert isinstance(replaced.variance, gp.Parameter)
        assert float(replaced.variance) == pytest.approx(2.0, rel=1e-14)
        assert not replaced.variance.trainable and replaced.variance.transform is kernel.variance.transform
    with pytest.raises(ValueError, match=r"variance: -2.0 is outside \(0, inf\)"):
        gp.replace(kernel.at.variance, -2.0)
    assert gp.replace(kernel.at.variance, gp.Parameter(-2.0)).variance.transform is None
