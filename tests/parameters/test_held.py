"""TFP objects behind their holder: equal structures are one object, and none reaches the tree."""

import copy
import pickle

import jax
import numpy as np
import pytest
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
from gparams.parameters._held import hold

MAKERS = {
    "Gamma": lambda: tfd.Gamma(2.0, 3.0),
    "Gamma of arrays": lambda: tfd.Gamma(np.array([1.0, 2.0]), np.array([3.0, 4.0])),
    "Chain": lambda: tfb.Chain([tfb.Shift(1e-6), tfb.Scale(2.0), tfb.Softplus()]),
    "Softplus": lambda: tfb.Softplus(low=1e-6),
    "Sigmoid": lambda: tfb.Sigmoid(0.0, 2.0),
    "Independent": lambda: tfd.Independent(tfd.Normal(np.zeros((2, 3)), np.ones(3)), 1),
    "Transformed": lambda: tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Exp()),
    "Mixture": lambda: tfd.MixtureSameFamily(tfd.Categorical(probs=[0.3, 0.7]), tfd.Normal([0.0, 1.0], [1.0, 2.0])),
}
makers = pytest.mark.parametrize("name", MAKERS)


@makers
def test_equal_structures_share_one_holder(name):
    a, b = MAKERS[name](), MAKERS[name]()
    assert a is not b
    assert hold(a, np.float64) is hold(b, np.float64)
    assert hold(a, np.float64) is hold(a, np.float64)


@makers
def test_dtypes_are_told_apart(name):
    assert hold(MAKERS[name](), np.float32) is not hold(MAKERS[name](), np.float64)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (tfd.Gamma(2.0, 3.0), tfd.Gamma(2.0, 3.5)),
        (tfd.Gamma(2.0, 3.0), tfd.InverseGamma(2.0, 3.0)),
        (tfb.Shift(0.0), tfb.Shift(-0.0)),
        (tfb.Chain([tfb.Exp(), tfb.Softplus()]), tfb.Chain([tfb.Softplus(), tfb.Exp()])),
        (tfd.Normal(np.zeros(1), 1.0), tfd.Normal(0.0, 1.0)),
    ],
)
def test_different_structures_are_told_apart(a, b):
    assert hold(a, np.float64) is not hold(b, np.float64)


@makers
@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_is_the_same_holder(name, clone):
    held = hold(MAKERS[name](), np.float64)
    assert clone(held) is held


@makers
def test_a_pickle_comes_back_as_the_same_holder(name):
    held = hold(MAKERS[name](), np.float64)
    assert pickle.loads(pickle.dumps(held)) is held


def test_holder_is_immutable_and_no_node():
    held = hold(tfd.Gamma(2.0, 3.0), np.float64)
    with pytest.raises(AttributeError, match="immutable"):
        held.obj = None
    assert jax.tree.leaves(held) == [held]


def test_a_cast_keeps_every_argument():
    given = tfd.Independent(tfd.Normal(np.zeros((2, 3)), np.ones(3)), 1)
    held = hold(given, np.float32).obj
    assert held.dtype == np.float32
    assert (held.batch_shape, held.event_shape) == (given.batch_shape, given.event_shape) == ((2,), (3,))


def test_python_floats_become_float64():
    held = hold(tfd.Gamma(2.0, 0.1), np.float64)
    assert held.obj.dtype == np.float64
    assert float(held.obj.rate) == 0.1
    nested = hold(tfb.Chain([tfb.Shift(0.1), tfb.Softplus(low=0.1)]), np.float64)
    assert float(nested.obj.forward(np.float64(-800.0))) == 0.2


def test_name_of_a_chain_reads_from_the_inside_out():
    assert hold(tfb.Chain([tfb.Shift(1.0), tfb.Softplus()]), np.float64).name == "Softplus + Shift"
    assert repr(hold(tfd.Gamma(1.0, 1.0), np.float64)) == "Gamma"


def test_class_of_ones_own():
    class Square(tfb.Bijector):
        def __init__(self):
            super().__init__(forward_min_event_ndims=0, parameters={})

        def _forward(self, x):
            return x**2

        def _inverse(self, y):
            return y**0.5

        def _forward_log_det_jacobian(self, x):
            return 0.0 * x

    p = gp.Parameter(4.0, transform=Square())
    assert float(p) == 4.0 and float(p.unconstrained) == 2.0


@pytest.mark.parametrize(
    "make", [lambda x: gp.Parameter(1.0, prior=tfd.Gamma(x, 1.0)), lambda x: gp.Parameter(1.0, transform=tfb.Shift(x))]
)
def test_built_from_a_traced_value(make):
    with pytest.raises(TypeError, match="built from a traced value"):
        jax.jit(lambda x: make(x).value)(1.0)


def test_built_inside_jit_from_fixed_numbers():
    def f(x):
        p = gp.Parameter(0.5, transform=tfb.Chain([tfb.Shift(0.125), tfb.Softplus()]), prior=tfd.Gamma(2.0, 1.0))
        return p.value * x, gp.log_prior(p)

    value, density = jax.jit(f)(2.0)
    assert float(value) == pytest.approx(1.0)
    assert float(density) == pytest.approx(np.log(0.5) - 0.5)
    again = gp.Parameter(0.5, transform=tfb.Chain([tfb.Shift(0.125), tfb.Softplus()]))
    assert float(again) == pytest.approx(0.5)  # nothing leaked from the trace
