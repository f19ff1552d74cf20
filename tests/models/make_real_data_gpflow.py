"""What GPflow 2.11.2 makes of the data in `real_data`: run by hand, where GPflow is installed, beside real_data.npz.

Prints a JSON object for ``real_data_gpflow.json``: the loss at the optimum, and the mean held-out log density.
"""

import json

import gpflow
import numpy as np
import tensorflow_probability as tfp

data = np.load("real_data.npz")


def pair(name, part):
    return data[f"{name}_{part}_X"], data[f"{name}_{part}_Y"]


def fit(model, closure):
    for _ in range(3):
        options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-14, "gtol": 1e-7}
        gpflow.optimizers.Scipy().minimize(closure, model.trainable_variables, options=options)
    return float(closure())


def report(model, loss, name):
    density = model.predict_log_density(pair(name, "test")).numpy()
    return {"loss": loss, "held_out": float(density.mean())}


cancer = gpflow.models.SVGP(
    gpflow.kernels.SquaredExponential(lengthscales=5.0),
    gpflow.likelihoods.Bernoulli(),
    pair("cancer", "train")[0][:40],
    num_data=400,
)
gpflow.set_trainable(cancer.inducing_variable, False)
cancer.kernel.variance.prior = tfp.distributions.Gamma(np.float64(2.0), np.float64(1.0))
counts = gpflow.models.VGP(
    pair("coal", "train"), gpflow.kernels.SquaredExponential(lengthscales=20.0), gpflow.likelihoods.Poisson()
)
print(
    json.dumps(
        {
            "breast cancer": report(
                cancer, fit(cancer, cancer.training_loss_closure(pair("cancer", "train"))), "cancer"
            ),
            "coal": report(counts, fit(counts, counts.training_loss), "coal"),
        },
        indent=1,
    )
)
