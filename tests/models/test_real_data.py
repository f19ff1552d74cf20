"""Real data end to end, against what GPflow 2.11.2 makes of the same split (see `make_real_data_gpflow`)."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

from .real_data import NUM_INDUCING, START, breast_cancer, coal

GPFLOW = json.loads((Path(__file__).parent / "real_data_gpflow.json").read_text())
SOLVER = gp.fitting.LBFGS(max_steps=3000, gtol=1e-4)

pytestmark = pytest.mark.slow


def compare(name, model, data, test):
    result = gp.fit(model, data=data, solver=SOLVER)
    held_out = np.asarray(result.model.predict_log_density(test))
    assert np.isfinite(result.loss) and np.isfinite(held_out).all()
    assert result.loss < GPFLOW[name]["loss"] + 0.01
    assert_allclose(held_out.mean(), GPFLOW[name]["held_out"], atol=2e-3)
    return result.model


def test_diagnoses():
    train, test = breast_cancer()
    model = gp.models.SVGP(
        gp.kernels.SquaredExponential(**START["breast cancer"]),
        gp.likelihoods.Bernoulli(),
        train[0][:NUM_INDUCING],
        num_data=len(train[0]),
    )
    model = gp.set_trainable(model.at.inducing_variable, False)
    model = gp.set_prior(model.at.kernel.variance, tfd.Gamma(2.0, 1.0))
    model = compare("breast cancer", model, train, test)
    right = (np.asarray(model.predict_y(test[0])[0]) > 0.5) == (test[1] > 0.5)
    assert right.mean() > 0.95


def test_counts_of_disasters():
    train, test = coal()
    model = gp.models.VGP(train, gp.kernels.SquaredExponential(**START["coal"]), gp.likelihoods.Poisson())
    model = compare("coal", model, None, test)
    early, late = (float(model.predict_y(np.array([[year]]))[0][0, 0]) for year in (1860.5, 1950.5))
    assert early > 2.5 > 1.5 > late  # disasters a year
