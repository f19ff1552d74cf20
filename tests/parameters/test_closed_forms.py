"""Transforms of a few numbers, in NumPy: what TFP's own code gives, without a compiler."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from tensorflow_probability.substrates.jax import bijectors as tfb

import gparams as gp
from gparams.parameters import hold
from gparams.parameters._closed_forms import closed_form

TRANSFORMS = {
    "softplus": tfb.Softplus,
    "exp": tfb.Exp,
    "shifted softplus": lambda: gp.positive(lower=1e-6),
    "shifted exp": lambda: gp.positive(lower=0.5, base="exp"),
}
UNKNOWN = {
    "sharper softplus": lambda: tfb.Softplus(hinge_softness=0.5),
    "softplus from a low": lambda: tfb.Softplus(low=1.0),
    "several shifts": lambda: tfb.Chain([tfb.Shift(np.ones(2)), tfb.Exp()]),
    "another chain": lambda: tfb.Chain([tfb.Scale(2.0), tfb.Exp()]),
    "sigmoid": lambda: gp.bounded(0.0, 1.0),
    "inverted": lambda: tfb.Invert(tfb.Exp()),
}
ENDS = [-np.inf, np.inf, np.nan, 0.0, -1.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("method", ["forward", "inverse"])
def test_are_what_tfp_gives(name, method, dtype):
    transform = hold(TRANSFORMS[name](), dtype)
    within = np.linspace(-80.0, 80.0, 4001) if method == "forward" else np.logspace(-30.0, 30.0, 4001)
    x = np.concatenate([within, ENDS]).astype(dtype)
    form = closed_form(transform, method)
    assert form is not None
    with np.errstate(all="ignore"):
        out = form(x)
    expected = np.asarray(jax.jit(getattr(transform.obj, method))(x))
    eps = float(np.finfo(dtype).eps)
    assert out.dtype == x.dtype
    assert np.array_equal(np.isfinite(out), np.isfinite(expected))
    assert_allclose(out, expected, rtol=20 * eps, atol=4 * eps if method == "inverse" else 0.0)


@pytest.mark.parametrize("name", UNKNOWN)
def test_others_are_left_to_tfp(name):
    assert closed_form(hold(UNKNOWN[name](), "float64"), "forward") is None


def test_a_parameter_is_made_and_read_without_a_compiler(caplog):
    with jax.log_compiles():
        p = gp.Parameter([0.5, 2.0, 1e-3], transform=gp.positive(lower=0.0001234))  # of this test alone
        assert_allclose(p.value, [0.5, 2.0, 1e-3], rtol=1e-14)
    assert "_compiled" not in caplog.text
