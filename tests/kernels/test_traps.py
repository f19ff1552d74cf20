"""Where ports of GPflow's kernels go wrong: each trap that concerns kernels and means, by formulas written out here."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import quickly
from numpy.testing import assert_allclose

import gparams as gp

k = gp.kernels
X = np.random.default_rng(0).normal(size=(6, 3))
X2 = np.random.default_rng(1).normal(size=(4, 3))
ALL = [
    k.SquaredExponential, k.Exponential, k.Matern12, k.Matern32, k.Matern52, k.RationalQuadratic, k.Cosine, k.Linear,
    k.Polynomial, k.Constant, k.White, k.ArcCosine,
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_1_kernel_parameters_have_no_floor(kind):
    """Plain softplus: a variance of 1e-9 is one, where a likelihood's has a floor of 1e-6."""
    kernel = kind(variance=1e-9)
    assert_allclose(kernel.variance.value, 1e-9, rtol=1e-12)
    assert_allclose(kernel.variance.unconstrained, np.log(np.expm1(1e-9)), rtol=1e-12)
    assert_allclose(gp.likelihoods.Gaussian(1e-3).variance.unconstrained, np.log(np.expm1(1e-3 - 1e-6)), rtol=1e-12)
    with pytest.raises(ValueError):
        gp.likelihoods.Gaussian(1e-9)


@pytest.mark.parametrize("kind", [k.SquaredExponential, k.Matern52, k.RationalQuadratic])
def test_1_softplus_is_plain_for_lengthscales_too(kind):
    assert_allclose(kind(lengthscales=1e-9).lengthscales.unconstrained, np.log(np.expm1(1e-9)), rtol=1e-12)


def test_3_exponential_is_a_matern12_of_twice_the_lengthscale():
    r = np.sqrt((((X[:, None] - X2[None]) / 0.7) ** 2).sum(-1))
    assert_allclose(k.Exponential(1.3, 0.7)(X, X2), 1.3 * np.exp(-0.5 * r))
    assert_allclose(k.Exponential(1.3, 0.7)(X, X2), k.Matern12(1.3, 1.4)(X, X2))
    assert not np.allclose(k.Exponential(1.3, 0.7)(X, X2), k.Matern12(1.3, 0.7)(X, X2))


@pytest.mark.parametrize(
    ("base", "of_r"),
    [
        (k.Exponential, lambda r: np.exp(-0.5 * r)),
        (k.Matern12, lambda r: np.exp(-r)),
        (k.Matern32, lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r)),
        (k.Matern52, lambda r: (1 + np.sqrt(5) * r + 5 / 3 * r**2) * np.exp(-np.sqrt(5) * r)),
    ],
)
def test_4_periodic_over_kernels_of_the_distance_adds_sines(base, of_r):
    """By their absolute values, and not by the Euclidean norm: the two differ beyond one dimension."""
    sines = np.abs(np.sin(np.pi * (X[:, None] - X2[None]) / 1.7)) / 0.8
    found = k.Periodic(base(1.3, 0.8), 1.7)(X, X2)
    assert_allclose(found, 1.3 * of_r(sines.sum(-1)))
    assert not np.allclose(found, 1.3 * of_r(np.sqrt((sines**2).sum(-1))))


@pytest.mark.parametrize("base", [k.SquaredExponential, k.RationalQuadratic])
def test_4_periodic_over_kernels_of_the_square_adds_squares(base):
    squares = (np.sin(np.pi * (X[:, None] - X2[None]) / 1.7) / 0.8) ** 2
    expected = {
        k.SquaredExponential: np.exp(-0.5 * squares.sum(-1)),
        k.RationalQuadratic: 1 / (1 + squares.sum(-1) / 2),
    }
    assert_allclose(k.Periodic(base(lengthscales=0.8), 1.7)(X, X2), expected[base])


def test_5_cosine_of_several_lengthscales_has_no_transform():
    assert k.Cosine(lengthscales=0.7).lengthscales.transform is not None
    ard = k.Cosine(lengthscales=[0.7, -1.2, 2.0])
    assert ard.lengthscales.transform is None
    assert_allclose(ard.lengthscales.unconstrained, [0.7, -1.2, 2.0])
    with pytest.raises(ValueError):
        k.Cosine(lengthscales=-0.7)


def test_11_covariances_by_default():
    se = k.SquaredExponential()
    assert se(X).shape == (6, 6) and se(X, full_cov=False).shape == (6,) and se(X, X2).shape == (6, 4)
    for kernel, P in ((k.SharedIndependent(se, 2), 2), (k.LinearCoregionalization([se], [[1.0], [2.0], [0.5]]), 3)):
        assert kernel(X, full_cov=True).shape == (6, P, 6, P)
        assert kernel(X, full_cov=False).shape == (6, P, P)
        assert kernel(X, X2).shape == (6, P, 4, P)
        assert kernel(X).shape == (6, P, P)  # GPflow's own default for several outputs


def test_11_variances_by_default_in_predictions():
    parameters = inspect.signature(gp.models.GPR.predict_f).parameters
    assert parameters["full_cov"].default is False and parameters["full_output_cov"].default is False


def test_12_outputs_come_first_where_they_are_apart():
    kernel = k.SeparateIndependent([k.SquaredExponential(1.3), k.Matern32(0.7)])
    alone = kernel(X, full_cov=True, full_output_cov=False)
    assert alone.shape == (2, 6, 6)
    assert_allclose(alone, np.stack([one(X) for one in kernel.kernels]))
    whole = kernel(X, full_cov=True, full_output_cov=True)
    assert whole.shape == (6, 2, 6, 2)
    assert_allclose(whole[:, 0, :, 0], alone[0])
    assert_allclose(whole[:, 1, :, 1], alone[1])
    assert not np.any(whole[:, 0, :, 1])
    assert kernel(X, full_cov=False, full_output_cov=False).shape == (6, 2)


@quickly
def slopes_at_one_point(kernel, point):
    """Of k(x, x) by either x and by the parameters, and of the sum of K over one point thrice, and another beside it."""
    params, static = gp.partition(kernel)
    value, slopes = jax.value_and_grad(lambda p, A, B: gp.combine(p, static)(A, B)[0, 0], argnums=(0, 1, 2))(
        params, point, point
    )
    repeated = jnp.repeat(point, 3, 0)
    mixed = jnp.concatenate([repeated, point + 1.0])
    return value, slopes, [jax.grad(lambda A: jnp.sum(kernel(A)))(A) for A in (repeated, mixed)]


@pytest.mark.parametrize("kind", [k.Matern12, k.Matern32, k.Matern52, k.Exponential])
def test_15_the_gradient_at_coincident_points_is_zero(kind):
    value, (by_params, *by_inputs), (repeated, mixed) = slopes_at_one_point(kind(1.5, 0.7), np.array([[0.3, -1.2]]))
    assert_allclose(value, 1.5, rtol=1e-12)
    assert not np.any(by_inputs[0]) and not np.any(by_inputs[1])
    assert by_params["lengthscales"] == 0.0 and by_params["variance"] > 0
    assert not np.any(repeated)
    # a pair that is one point must not spoil what lies apart
    assert np.isfinite(mixed).all() and np.any(mixed != 0)


def test_18_white_noise_has_no_cross_covariance():
    white = k.White(0.7)
    assert not np.any(white(X, X)) and white(X, X).shape == (6, 6)
    assert_allclose(white(X), 0.7 * np.eye(6))
    assert not np.any((white * k.SquaredExponential())(X, X))


def test_18_coregion_starts_at_a_tenth_and_one():
    kernel = k.Coregion(3, 2)
    assert_allclose(kernel.W, np.full((3, 2), 0.1))
    assert kernel.W.transform is None
    assert_allclose(kernel.kappa, np.ones(3))
    assert_allclose(kernel.kappa.unconstrained, np.log(np.expm1(1.0)))
    assert_allclose(kernel.output_covariance(), 0.02 + np.eye(3))


def test_degree_of_a_polynomial_may_be_written_as_an_integer():
    assert_allclose(k.Polynomial(degree=2)(X), (X @ X.T + 1.0) ** 2)


@pytest.mark.parametrize("degree", [-1, 2.5, np.nan, np.inf])
def test_degree_of_a_polynomial_is_a_whole_number(degree):
    with pytest.raises(ValueError, match="whole number from 0 on, got"):
        k.Polynomial(degree)


def test_no_lengthscale_of_a_cosine_is_zero():
    for given in ([0.0, 1.0], gp.Parameter(0.0)):
        with pytest.raises(ValueError, match="other than zero"):
            k.Cosine(lengthscales=given)
    # Under jit it can't be looked at.
    out = jax.jit(lambda ell: k.Cosine(lengthscales=ell)(np.eye(2)))(jnp.array([-2.0, 1.0]))
    assert_allclose(out, k.Cosine(lengthscales=[-2.0, 1.0])(np.eye(2)))
