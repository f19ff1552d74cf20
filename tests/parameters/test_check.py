"""`check` finds what an edit by hand can break."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import KERNELS, MODELS
from parameter_models import Model, rich_model
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp


@pytest.mark.parametrize("make", [Model, rich_model, *KERNELS.values(), *MODELS.values()])
def test_whole_models_pass(make):
    model = make()
    assert gp.check(model) is model
    assert gp.check(jax.tree.map(lambda x: x, model)) is not None


def test_it_passes_under_jit():
    kernel = gp.kernels.SquaredExponential()
    assert float(jax.jit(lambda k: gp.check(k).variance.value)(kernel)) == pytest.approx(1.0)


def noise(array):
    return eqx.tree_at(lambda m: m.noise.unconstrained, Model(), array)


BROKEN = {
    "nan": (lambda: noise(jnp.asarray(jnp.nan)), "noise: its unconstrained array is not finite"),
    "dtype": (lambda: noise(jnp.asarray(1)), "noise: holds int64, expected a floating dtype"),
    "float32": (
        lambda: noise(jnp.asarray(1.0, jnp.float32)),
        r"holds float32, and its Softplus \+ Shift computes in float64",
    ),
    "edge": (lambda: noise(jnp.asarray(-800.0)), r"noise: its value is at the edge of the domain of Softplus \+ Shift"),
    "number": (lambda: noise(1.0), "noise: holds a float where an array belongs"),
    "static half": (lambda: gp.partition(Model())[1], "noise: holds no array"),
    "mask": (
        lambda: eqx.tree_at(
            lambda m: m.parts[0].weights.unconstrained,
            gp.set_trainable(Model().at.parts[0].weights[0], False),
            jnp.ones(4),
        ),
        r"weights: has shape \(4,\), and the mask of its frozen elements \(3,\)",
    ),
    "triangle": (
        lambda: eqx.tree_at(lambda p: p.unconstrained, gp.Parameter(np.tri(3), transform=gp.triangular()), jnp.ones(4)),
        r"its transform FillTriangular does not take shape \(4,\)",
    ),
    "tie": (
        lambda: eqx.tree_at(lambda m: m.parts[1].weights.unconstrained, rich_model(), jnp.zeros(3)),
        r"parts\[0\].weights and parts\[1\].weights: tied, and hold different numbers",
    ),
    "alias": (
        lambda: [gp.Parameter(1.0)] * 2,
        r"\[0\] and \[1\]: one Parameter object in two places, not tied",
    ),
    "buffer": (
        lambda: eqx.tree_at(lambda m: m.counts.value, Model(), "text"),
        "counts: holds a str where an array belongs",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named(name):
    make, words = BROKEN[name]
    with pytest.raises(ValueError, match=words):
        gp.check(make())


def test_all_problems_are_listed():
    broken = eqx.tree_at(lambda m: m.parts[0].weights.unconstrained, noise(jnp.asarray(jnp.inf)), jnp.full(3, jnp.nan))
    with pytest.raises(ValueError, match=r"2 problems in this Model\n  parts\[0\].weights: .*\n  noise: ") as caught:
        gp.check(broken)
    assert len(str(caught.value).splitlines()) == 3


def test_a_tie_with_two_flags():
    model = rich_model()
    p = model.parts[1].weights
    other = gp.set_prior(gp.at(gp.untie(gp.at({"p": p})["p"]))["p"], tfd.Normal(0.0, 1.0))["p"]
    object.__setattr__(other, "_spec", other._spec.replace(tie=p._spec.tie))
    with pytest.raises(ValueError, match="tied, and differ in transform, prior or flag"):
        gp.check(eqx.tree_at(lambda m: m.parts[1].weights, model, other))
