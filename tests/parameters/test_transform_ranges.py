"""Transforms keep values and gradients over twenty orders of magnitude."""

import jax
import numpy as np
import pytest

import gparams as gp
from gparams.parameters._transforms import _compiled

POSITIVE = {"softplus": gp.positive(), "exp": gp.positive(base="exp"), "floor": gp.positive(1e-13)}
RANGES = {
    np.float64: (np.logspace(-12, 8, 81), 1e-9),
    # float32 holds 24 bits: 1e-12 ... 1e8 lies inside its exponents, too.
    np.float32: (np.logspace(-12, 8, 81), 1e-4),
}
dtypes = pytest.mark.parametrize("dtype", RANGES, ids=["float64", "float32"])


@dtypes
@pytest.mark.parametrize("name", ["softplus", "exp"])
def test_positive_round_trip(name, dtype):
    values, tolerance = RANGES[dtype]
    values = values.astype(dtype)
    p = gp.Parameter(values, transform=POSITIVE[name])
    assert np.isfinite(p.unconstrained).all() and np.isfinite(p.value).all()
    # log(v) is rounded, and its rounding is a relative error of |log v| units in the last place.
    np.testing.assert_allclose(p.value, values, rtol=64 * float(np.finfo(dtype).eps))
    assert 64 * float(np.finfo(dtype).eps) < tolerance


@dtypes
@pytest.mark.parametrize("name", ["softplus", "exp"])
def test_positive_gradients_are_finite_and_right(name, dtype):
    values = RANGES[dtype][0].astype(dtype)
    p = gp.Parameter(values, transform=POSITIVE[name])
    gradient = gp.filter_grad(lambda p: p.value.sum())(p)[""]
    expected = values if name == "exp" else -np.expm1(-values.astype(np.float64))
    assert np.isfinite(gradient).all() and (gradient > 0.0).all()
    np.testing.assert_allclose(gradient, expected, rtol=64 * float(np.finfo(dtype).eps))
    second = jax.vmap(jax.grad(jax.grad(lambda u: POSITIVE[name].forward(u))))(p.unconstrained)
    assert np.isfinite(second).all()


@dtypes
def test_bounded_round_trip_up_to_the_ends(dtype):
    eps = float(np.finfo(dtype).eps)
    inside = np.concatenate([np.logspace(-12, -1, 23), np.linspace(0.1, 0.9, 17), 1.0 - np.logspace(-5, -1, 9)])
    inside = inside.astype(dtype)
    p = gp.Parameter(inside, transform=gp.bounded(0.0, 1.0))
    assert np.isfinite(p.unconstrained).all()
    np.testing.assert_allclose(p.value, inside, rtol=64 * eps)
    gradient = gp.filter_grad(lambda p: p.value.sum())(p)[""]
    assert np.isfinite(gradient).all() and (gradient > 0.0).all()
    np.testing.assert_allclose(
        gradient, inside * (1.0 - inside.astype(np.float64)), rtol=1e-4 if dtype == np.float32 else 1e-9
    )


@pytest.mark.parametrize("end", [-700.0, -40.0, 40.0, 700.0])
@pytest.mark.parametrize("name", POSITIVE)
def test_gradients_at_extreme_numbers(name, end):
    with jax.debug_nans(False):
        value, slope = jax.value_and_grad(lambda u: POSITIVE[name].forward(u))(end)
    assert np.isfinite(value) and np.isfinite(slope) and value >= 0.0 and slope >= 0.0


def test_shapes_share_a_compilation():
    transform = gp.bounded(0.0123, 3.0)  # of this test alone
    before = _compiled._cache_size()
    for shape in ((), (1,), (3,), (2, 4), (8,)):
        values = np.linspace(1.0, 2.0, int(np.prod(shape))).reshape(shape)
        p = gp.Parameter(values, transform=transform)
        assert p.shape == shape
        np.testing.assert_allclose(p.value, values, rtol=1e-14)
    assert _compiled._cache_size() == before + 2  # there and back
    for shape in ((0,), (3, 0), (9,), (64,), (65,), (10, 20)):
        values = np.linspace(1.0, 2.0, int(np.prod(shape))).reshape(shape)
        np.testing.assert_allclose(gp.Parameter(values, transform=transform).value, values, rtol=1e-14)


def test_a_parameter_is_a_constant_in_a_function_that_is_compiled():
    p = gp.Parameter([0.5, 2.0], transform=gp.positive())
    seen = jax.jit(lambda x: x * p.value)(3.0)
    np.testing.assert_allclose(seen, [1.5, 6.0], rtol=1e-14)
    made = jax.jit(lambda x: x * gp.Parameter(np.float64(0.25), transform=gp.positive(lower=0.0321)).value)(2.0)
    np.testing.assert_allclose(made, 0.5, rtol=1e-14)
