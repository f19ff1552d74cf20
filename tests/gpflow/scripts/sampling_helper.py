"""A model's log density for a sampler: SamplingHelper, its state, and samples turned into values."""

import gpflow
import numpy as np
import tensorflow_probability as tfp
from gpflow.utilities import to_default_float as f64

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)

m = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.RBF(lengthscales=0.3), noise_variance=0.1)
m.kernel.lengthscales.prior = tfp.distributions.Gamma(f64(3.0), f64(4.0))
m.kernel.variance.prior = tfp.distributions.LogNormal(f64(0.0), f64(1.0))
m.likelihood.variance.prior = tfp.distributions.Normal(f64(-2.0), f64(1.0))
m.likelihood.variance.prior_on = gpflow.base.PriorOn.UNCONSTRAINED
helper = gpflow.optimizers.SamplingHelper(m.log_posterior_density, m.trainable_parameters)
state = [np.array(s.numpy() if hasattr(s, "numpy") else s) for s in helper.current_state]
samples = [np.stack([s, s + 0.5]) for s in state]
results = {
    "state": np.array(state),
    "density": np.asarray(helper.target_log_prob_fn(*helper.current_state)),
    "values": np.array([np.asarray(v) for v in helper.convert_to_constrained_values(samples)]),
}
