"""What variational models say to input that can't be right."""

import numpy as np
import pytest
from cases import data

import gparams as gp

X, Y = data()
Z, M = X[:3], 3
KERNEL, GAUSSIAN = gp.kernels.SquaredExponential(), gp.likelihoods.Gaussian()
WRONG = {
    "q_mu of another shape": (dict(q_mu=np.zeros((2, 1))), r"q_mu of shape \(3, 1\).*got \(2, 1\)"),
    "q_sqrt of another shape": (dict(q_sqrt=np.eye(2)[None]), r"q_sqrt of shape \(1, 3, 3\), got \(1, 2, 2\)"),
    "q_sqrt full above": (dict(q_sqrt=np.ones((1, 3, 3))), r"not lower triangular: element \(0, 0, 1\) is 1"),
    "a diagonal without q_diag": (dict(q_sqrt=np.ones((3, 1)), num_latent_gps=1), "q_diag=True"),
    "a negative diagonal": (dict(q_sqrt=-np.ones((3, 1)), q_diag=True), "outside \\(0, inf\\)"),
    "more inducing points than data": (dict(num_data=2), "3 inducing variables for 2 data"),
    "points without columns": (dict(inducing_variable=Z[:, 0]), r"pass Z\[:, None\]"),
}


@pytest.mark.parametrize("what", WRONG)
def test_svgp_refuses(what):
    arguments, message = WRONG[what]
    with pytest.raises(ValueError, match=message):
        gp.models.SVGP(KERNEL, GAUSSIAN, arguments.pop("inducing_variable", Z), **arguments)


def test_latent_functions_are_those_of_the_kernel():
    kernel = gp.kernels.SharedIndependent(KERNEL, output_dim=2)
    shared = gp.inducing_variables.SharedIndependentInducingVariables(gp.inducing_variables.InducingPoints(Z))
    with pytest.raises(ValueError, match="num_latent_gps=3, and SharedIndependent has 2"):
        gp.models.SVGP(kernel, GAUSSIAN, shared, num_latent_gps=3)
    assert gp.models.SVGP(kernel, GAUSSIAN, shared).num_latent_gps == 2


def test_batches_are_checked():
    model = gp.models.SVGP(KERNEL, GAUSSIAN, Z)
    with pytest.raises(ValueError, match="X has 11 rows and Y has 10"):
        model.elbo((X, Y[:10, :1]))
    with pytest.raises(ValueError, match="row 2"):
        model.elbo((X, np.where(np.arange(11)[:, None] == 2, np.nan, Y[:, :1])))


@pytest.mark.parametrize("kind", [gp.models.SGPR, gp.models.GPRFITC, gp.models.CGLB])
def test_sparse_regression_refuses(kind):
    with pytest.raises(ValueError, match="22 inducing variables for 11 data"):
        kind((X, Y), KERNEL, np.concatenate([X, X + 0.1]))
    with pytest.raises(ValueError, match="not both"):
        kind((X, Y), KERNEL, Z, noise_variance=0.1, likelihood=GAUSSIAN)
    with pytest.raises(TypeError, match="Gaussian|likelihood"):
        kind((X, Y), KERNEL, Z, likelihood=gp.likelihoods.StudentT())
    with pytest.raises(TypeError, match="one output"):
        kind((X, Y), gp.kernels.SharedIndependent(KERNEL, 2), Z)


LABELS = {
    "bernoulli": (gp.likelihoods.Bernoulli, np.where(np.arange(11)[:, None] == 4, 2.0, 1.0)),
    "poisson": (gp.likelihoods.Poisson, np.where(np.arange(11)[:, None] == 4, -1.0, 1.0)),
    "multi-class": (lambda: gp.likelihoods.MultiClass(3), np.where(np.arange(11)[:, None] == 4, 3.0, 1.0)),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_outside_the_range_are_refused_everywhere(name):
    likelihood, labels = LABELS[name]
    latent = 3 if name == "multi-class" else None
    with pytest.raises(ValueError, match=r"Y\[4, 0\] is"):
        gp.models.VGP((X, labels), KERNEL, likelihood(), num_latent_gps=latent)
    with pytest.raises(ValueError, match=r"Y\[4, 0\] is"):
        gp.models.GPMC((X, labels), KERNEL, likelihood(), num_latent_gps=latent)
    with pytest.raises(ValueError, match=r"Y\[4, 0\] is"):
        gp.models.SVGP(KERNEL, likelihood(), Z, num_latent_gps=latent).elbo((X, labels))


def test_sgpmc_needs_inducing_variables():
    with pytest.raises(TypeError, match="GPMC needs none"):
        gp.models.SGPMC((X, Y), KERNEL, GAUSSIAN)


def test_latent_variable_models_refuse():
    with pytest.raises(ValueError, match="3 latent dimensions for 2 columns"):
        gp.models.GPLVM(Y, 3)
    with pytest.raises(ValueError, match=r"X_data_mean of shape \(11, 1\), got \(10, 1\)"):
        gp.models.GPLVM(Y, 1, X[:10, :1])
    parts = Y, X[:, :1], 1.0 + 0.0 * X[:, :1], KERNEL
    with pytest.raises(ValueError, match="either"):
        gp.models.BayesianGPLVM(*parts)
    with pytest.raises(ValueError, match="of one shape"):
        gp.models.BayesianGPLVM(Y, X, X[:, :1] ** 2 + 1.0, KERNEL, inducing_variable=Z)
    model = gp.models.BayesianGPLVM(*parts, num_inducing_variables=4)
    assert model.inducing_variable.num_inducing == 4
