"""Priors of several kinds on both spaces, MAP, log densities, log_prior_density."""

import gpflow
import numpy as np
import tensorflow_probability as tfp
from gpflow.utilities import to_default_float as f64

tfd = tfp.distributions

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.GPR(
    (X, Y), kernel=gpflow.kernels.RBF(), mean_function=gpflow.mean_functions.Constant(0.2), noise_variance=0.1
)
m.kernel.lengthscales.prior = tfd.Gamma(f64(3.0), f64(4.0))
m.kernel.variance.prior = tfd.LogNormal(f64(0.0), f64(1.0))
m.likelihood.variance.prior = tfd.Normal(f64(-2.0), f64(1.0))
m.likelihood.variance.prior_on = "unconstrained"
m.mean_function.c.prior = tfd.Uniform(f64(-1.0), f64(1.0))
start = [
    m.log_prior_density().numpy(),
    m.log_posterior_density().numpy(),
    m.kernel.variance.log_prior_density().numpy(),
]
gpflow.set_trainable(m.kernel.variance, False)
frozen = m.log_prior_density().numpy()
gpflow.set_trainable(m.kernel.variance, True)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
results = {"start": start, "frozen": frozen, "loss": m.training_loss().numpy(), "mean": m.predict_f(Xnew)[0].numpy()}
