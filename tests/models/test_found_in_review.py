"""What a second reading of the sparse and variational models found, each as a test."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from cases import data
from numpy.testing import assert_allclose

import gparams as gp
from gparams.models._parts import read_kernel, read_mean_function

X, Y = data()
Z = X[:3]
SE, GAUSSIAN = gp.kernels.SquaredExponential, gp.likelihoods.Gaussian


def twice(kernel):
    return kernel + kernel


def tied():
    kernel = SE() + gp.kernels.Matern32()
    return gp.tie(gp.at(kernel).kernels[0].variance, gp.at(kernel).kernels[1].variance)


def separate():
    k = SE()
    points = gp.inducing_variables.InducingPoints(Z)
    shared = gp.inducing_variables.SeparateIndependentInducingVariables([points, points])
    return gp.models.SVGP(gp.kernels.SeparateIndependent([k, k]), GAUSSIAN(0.1), shared)


TIED = {
    "SVGP": (lambda: gp.models.SVGP(twice(SE()), GAUSSIAN(0.1), Z, num_latent_gps=2), ((X, Y),)),
    "SVGP, tied by hand": (lambda: gp.models.SVGP(tied(), GAUSSIAN(0.1), Z, num_latent_gps=2), ((X, Y),)),
    "SVGP, one kernel for each output": (separate, ((X, Y),)),
    "SGPR": (lambda: gp.models.SGPR((X, Y), twice(SE()), Z), ()),
    "GPR": (lambda: gp.models.GPR((X, Y), twice(SE())), ()),
    "VGP": (lambda: gp.models.VGP((X, Y), twice(SE()), GAUSSIAN(0.1)), ()),
}


@pytest.mark.parametrize("name", TIED)
def test_ties_inside_a_kernel_live_through_everything(name):
    make, args = TIED[name]
    model = make()
    before = float(model.training_loss(*args))
    assert np.isfinite(before)
    assert np.isfinite(model.predict_f(X)[0]).all()
    assert np.isfinite(model.posterior().predict_f(jnp.asarray(X))[0]).all()
    result = gp.fit(model, data=args[0] if args else None, solver=gp.fitting.LBFGS(max_steps=3))
    assert result.loss < before


def test_a_second_factor_that_fails_is_not_handed_on():
    model = gp.models.SGPR((X, Y), SE(), Z)
    broken = eqx.tree_at(lambda m: m.data, model, (model.data[0], model.data[1].at[0, 0].set(jnp.nan)))
    with pytest.raises(np.linalg.LinAlgError, match="noise near zero"):
        broken.predict_f(X)
    with pytest.raises(np.linalg.LinAlgError):
        broken.posterior()


def test_fit_looks_at_the_data_of_a_batch_model():
    model = gp.models.SVGP(SE(), gp.likelihoods.Bernoulli(), Z)
    labels = np.where(Y[:, :1] > 0, 1.0, -1.0)
    with pytest.raises(ValueError, match="expected 0 or 1"):
        gp.fit(model, data=(X, labels))
    with pytest.raises(ValueError, match="row 1"):
        gp.fit(model, data=(np.where(np.arange(11)[:, None] == 1, np.nan, X), labels > 0))
    with pytest.raises(TypeError, match=r"fit\(model, data=\(X, Y\)\)"):
        gp.fit(model)
    with pytest.raises(ValueError, match="num_data=5 in all"):
        gp.models.SVGP(SE(), GAUSSIAN(), Z, num_data=5).elbo((X, Y[:, :1]))


def test_widths_must_agree():
    one = gp.models.SVGP(SE(), GAUSSIAN(), Z)
    with pytest.raises(ValueError, match="observations of 1 columns for 1 latent functions, got 2"):
        one.elbo((X, Y))
    wide = gp.mean_functions.Constant([1.0, 2.0])
    for model, args in (
        (gp.models.SVGP(SE(), GAUSSIAN(), Z, mean_function=wide), ((X, Y[:, :1]),)),
        (gp.models.VGP((X, Y[:, :1]), SE(), GAUSSIAN(), wide), ()),
        (gp.models.SGPR((X, Y[:, :1]), SE(), Z, mean_function=wide), ()),
        (gp.models.GPR((X, Y[:, :1]), SE(), wide), ()),
    ):
        with pytest.raises(ValueError, match="Constant has 2 columns for 1 outputs"):
            model.training_loss(*args)


class Bent(gp.kernels.Kernel):
    """A kernel whose first field is no array."""

    power: float
    variance: gp.Parameter

    def __init__(self):
        self.power, self.variance = 2.0, gp.as_parameter(1.0, transform=gp.positive())

    def K(self, X, X2=None):
        X2 = X if X2 is None else X2
        return self.variance.value * (1.0 + X @ X2.T) ** self.power

    def K_diag(self, X):
        return self.variance.value * (1.0 + jnp.sum(X**2, -1)) ** self.power


def test_a_kernel_may_have_any_fields():
    model = gp.models.SGPR((X, Y), Bent(), Z)
    mean, var = model.predict_f(X)
    assert np.isfinite(mean).all() and np.all(np.asarray(var) >= 0)


def test_inducing_points_tell_the_columns():
    with pytest.raises(ValueError, match=r"expected shape \[N, 2\]"):
        gp.models.SVGP(SE(), GAUSSIAN(), Z).predict_f(X[:, :1])


def test_kernels_of_several_outputs_have_no_expectation():
    p = gp.expectations.DiagonalGaussian(jnp.asarray(X), 0.1 + 0.0 * jnp.asarray(X))
    with pytest.raises(TypeError, match="kernels of one output"):
        gp.expectations.expectation(p, gp.kernels.SharedIndependent(SE(), 2))


def test_uncertain_inputs_take_what_conditionals_take():
    x = jnp.asarray(X[:2]), jnp.zeros((2, 2, 2))
    f = jnp.asarray(Y[:3])
    known = gp.conditionals.uncertain_conditional(*x, Z, SE(), f)
    for actual, expected in zip(known, gp.conditionals.conditional(X[:2], Z, SE(), f), strict=True):
        assert_allclose(actual, expected, atol=1e-8)
    sd = jnp.full((3, 2), 0.3)
    root = jnp.broadcast_to(0.3 * jnp.eye(3), (2, 3, 3))
    for white in (True, False):
        one = gp.conditionals.uncertain_conditional(*x, Z, SE(), f, sd, white=white)
        other = gp.conditionals.uncertain_conditional(*x, Z, SE(), f, root, white=white)
        assert_allclose(one[1], other[1], atol=1e-10)
    with pytest.raises(ValueError, match="full_cov=False"):
        gp.conditionals.uncertain_conditional(*x, Z, SE(), f, full_cov=True)


@pytest.mark.parametrize(("part", "said"), [
    (gp.kernels.Matern32, r"the class Matern32; call it: Matern32\(...\)"),
    (np.ones((500, 2)), r"an array of shape \(500, 2\)"),
    (gp.gpflow.kernels.Matern32(), "Matern32 of gparams.gpflow, which changes in place"),
], ids=["class", "array", "stateful"])  # fmt: skip
def test_what_is_no_kernel_is_described(part, said):
    # The checks of argument types that the tests run under would speak first.
    with pytest.raises(TypeError, match=f"GPR: expected a kernel, got {said}"):
        read_kernel("GPR", part)


@pytest.mark.parametrize(("part", "said"), [
    (gp.mean_functions.Zero, r"the class Zero; call it: Zero\(...\)"),
    (gp.kernels.Matern32(), "an object of type Matern32"),
    (1.0, "1.0 of type float"),
], ids=["class", "kernel", "number"])  # fmt: skip
def test_what_is_no_mean_function_is_described(part, said):
    with pytest.raises(TypeError, match=f"GPR: expected a mean function, got {said}"):
        read_mean_function("GPR", part)
