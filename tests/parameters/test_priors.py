"""log_prior against closed forms."""

import numpy as np
import pytest
import scipy.stats as ss
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

Y = np.array([0.4, 1.7])
X = np.log(np.expm1(Y))
LOG_JACOBIAN = -np.log1p(np.exp(-X)).sum()
PRIORS = {
    "Gamma": (tfd.Gamma(2.0, 3.0), ss.gamma(2.0, scale=1 / 3.0)),
    "LogNormal": (tfd.LogNormal(0.3, 0.8), ss.lognorm(0.8, scale=np.exp(0.3))),
    "Normal": (tfd.Normal(0.1, 2.0), ss.norm(0.1, 2.0)),
}


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("space", ["constrained", "unconstrained"])
def test_closed_form(name, space):
    prior, reference = PRIORS[name]
    p = gp.Parameter(Y, transform=gp.positive(), prior=prior)
    expected = reference.logpdf(Y).sum() + (LOG_JACOBIAN if space == "unconstrained" else 0.0)
    np.testing.assert_allclose(gp.log_prior(p, space), expected, rtol=1e-12)


@pytest.mark.parametrize("space", ["constrained", "unconstrained"])
def test_prior_on_the_unconstrained_space(space):
    p = gp.Parameter(Y, transform=gp.positive(), prior=tfd.Normal(0.1, 2.0), prior_on="unconstrained")
    expected = ss.norm(0.1, 2.0).logpdf(X).sum() - (LOG_JACOBIAN if space == "constrained" else 0.0)
    np.testing.assert_allclose(gp.log_prior(p, space), expected, rtol=1e-12)


def test_frozen_tied_and_none():
    one = gp.Parameter(1.0, prior=tfd.Normal(0.0, 1.0))
    tree = {"a": one, "b": gp.Parameter(one, trainable=False), "c": gp.Parameter(2.0)}
    density = ss.norm.logpdf(1.0)
    np.testing.assert_allclose(gp.log_prior(tree), density, rtol=1e-12)
    np.testing.assert_allclose(gp.log_prior(tree, include_frozen=True), 2 * density, rtol=1e-12)
    tied = gp.tie(gp.at(tree)["a"], gp.at(tree)["c"])
    np.testing.assert_allclose(gp.log_prior(tied), density, rtol=1e-12)
    assert float(gp.log_prior(tree["c"])) == 0.0


def test_a_prior_of_a_shape_that_does_not_fit_is_refused_at_once():
    three = tfd.Normal([0.0, 1.0, 2.0], 1.0)
    pair = tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 1.0)])
    p = gp.Parameter(Y, transform=gp.positive())
    for prior in (three, tfd.Normal(np.zeros((2, 2)), 1.0), tfd.MultivariateNormalDiag(np.zeros(3)), pair):
        with pytest.raises(ValueError, match=r"is over arrays of shape .*, and it has shape \(2,\)"):
            gp.set_prior(p, prior)
        with pytest.raises(ValueError, match=r"Parameter: its prior, .* is over arrays of shape"):
            gp.Parameter(Y, transform=gp.positive(), prior=prior)
    for prior in (tfd.Normal(0.0, 1.0), tfd.Normal([0.0, 1.0], 1.0), tfd.MultivariateNormalDiag(np.zeros(2))):
        gp.log_prior(gp.set_prior(p, prior))
    # On the unconstrained space, of which there are three numbers here.
    root = gp.Parameter(np.eye(2), transform=gp.triangular())
    gp.log_prior(gp.set_prior(root, three, "unconstrained"))
    with pytest.raises(ValueError, match=r"shape \(3,\), and it has shape \(2, 2\)"):
        gp.set_prior(root, three)
    # A batch of models has the shape of the one and an axis more.
    batch = gp.set_prior(gp.stack([p, p, p]), tfd.MultivariateNormalDiag(np.zeros(2)))
    np.testing.assert_allclose(gp.log_prior(batch), 3 * ss.norm.logpdf(Y).sum(), rtol=1e-12)


def test_unknown_space(unchecked):
    with pytest.raises(ValueError, match="space: expected 'constrained' or 'unconstrained', got 'x'"):
        gp.log_prior(gp.Parameter(1.0), "x")
