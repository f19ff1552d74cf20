"""Freeze, set, prior, fit, print, predict: the task that everyone has."""

import gpflow
import numpy as np
import tensorflow_probability as tfp
from gpflow.utilities import to_default_float as f64

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

model = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.SquaredExponential())
gpflow.set_trainable(model.kernel.lengthscales, False)
model.likelihood.variance.assign(0.1)
model.kernel.variance.prior = tfp.distributions.Gamma(f64(2.0), f64(1.0))
opt = gpflow.optimizers.Scipy()
result = opt.minimize(model.training_loss, model.trainable_variables, options=TIGHT)
gpflow.utilities.print_summary(model)
mean, var = model.predict_f(Xnew)
results = {
    "loss": model.training_loss().numpy(),
    "variance": model.kernel.variance.numpy(),
    "noise": model.likelihood.variance.numpy(),
    "mean": mean.numpy(),
    "var": var.numpy(),
    "fun": result.fun,
}
