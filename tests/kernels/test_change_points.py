"""ChangePoints: weights that add up, ends that are one kernel alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

SE, M32, CONSTANT = gp.kernels.SquaredExponential, gp.kernels.Matern32, gp.kernels.Constant
CP = gp.kernels.ChangePoints
X = np.random.default_rng(0).normal(size=(6, 2))
X2 = np.random.default_rng(1).normal(size=(4, 2))


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def test_is_lloyds_formula():
    a, b, c = SE(1.3), M32(0.7), CONSTANT(0.4)
    s, s2 = (sigmoid(2.0 * (A[:, 1] - 0.3)) for A in (X, X2))
    expected = np.outer(1 - s, 1 - s2) * a(X, X2) + np.outer(s, s2) * b(X, X2)
    assert_allclose(CP([a, b], [0.3], 2.0, switch_dim=1)(X, X2), expected)
    t, t2 = (sigmoid(5.0 * (A[:, 1] - 0.9)) for A in (X, X2))
    three = (
        np.outer(1 - s, 1 - s2) * a(X, X2)
        + np.outer(s * (1 - t), s2 * (1 - t2)) * b(X, X2)
        + np.outer(t, t2) * c(X, X2)
    )
    assert_allclose(CP([a, b, c], [0.3, 0.9], [2.0, 5.0], switch_dim=1)(X, X2), three)


def test_far_from_the_point_one_kernel_is_left():
    a, b = SE(1.3), M32(0.7)
    kernel = CP([a, b], [0.0], 100.0)
    before, after = X - [[50.0, 0.0]], X + [[50.0, 0.0]]
    assert_allclose(kernel(before), a(before), rtol=1e-12)
    assert_allclose(kernel(after), b(after), rtol=1e-12)
    assert np.abs(kernel(before, after)).max() == 0
    assert np.isfinite(jax.grad(lambda A: jnp.sum(kernel(A)))(after)).all()


def test_locations_are_sorted():
    kernels = [SE(), M32(), CONSTANT()]
    assert_allclose(CP(kernels, [0.9, -0.4], 3.0)(X), CP(kernels, [-0.4, 0.9], 3.0)(X))


def test_the_first_column_by_default_and_others_by_name():
    kernel = CP([CONSTANT(1.0), CONSTANT(2.0)], [0.0], 3.0, switch_dim=-1)
    assert_allclose(kernel(X), CP([CONSTANT(1.0), CONSTANT(2.0)], [0.0], 3.0)(X[:, ::-1]))
    with pytest.raises(ValueError, match="switch_dim 2 is no column of an input of 2"):
        CP([SE(), M32()], [0.0], switch_dim=2)(X)


def test_inner_kernels_read_their_own_columns():
    kernel = CP([SE(active_dims=[1]), SE(active_dims=[0])], [0.0], 200.0)
    left = X - [[50.0, 0.0]]
    assert_allclose(kernel(left), SE()(X[:, 1:]))


def test_change_points_in_change_points_stay_whole():
    inner = CP([SE(), M32()], [-0.5])
    assert len(CP([inner, CONSTANT()], [0.5]).kernels) == 2


@pytest.mark.parametrize("locations", [[], [0.0, 1.0], 0.0, [[0.0]]])
def test_one_location_fewer_than_kernels(locations):
    with pytest.raises(ValueError, match="one location fewer than kernels"):
        CP([SE(), M32()], locations)


@pytest.mark.parametrize("steepness", [[1.0, 2.0], [[1.0]], -1.0])
def test_steepness_is_checked(steepness):
    with pytest.raises(ValueError):
        CP([SE(), M32()], [0.0], steepness)


@pytest.mark.slow
def test_finds_the_change():
    t = np.linspace(-3.0, 3.0, 60)[:, None]
    y = np.where(t < 0.7, 0.0, np.sin(6.0 * t))
    kernel = CP([CONSTANT(0.1), SE(1.0, 0.3)], [0.0], 3.0)
    fitted = gp.fit(gp.models.GPR((t, y), kernel, noise_variance=0.01)).model
    assert abs(float(fitted.kernel.locations[0]) - 0.7) < 0.3
