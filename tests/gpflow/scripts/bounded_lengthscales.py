"""GPflow's own way to bound: another Parameter with a Sigmoid in the place."""

import gpflow
import numpy as np
import tensorflow_probability as tfp
from gpflow.utilities import to_default_float as f64

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

k = gpflow.kernels.RBF()
low, high = f64(0.2), f64(0.25)
k.lengthscales = gpflow.Parameter(0.22, transform=tfp.bijectors.Sigmoid(low, high))
m = gpflow.models.GPR((X, Y), kernel=k, noise_variance=0.05)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
inside = gpflow.kernels.Matern32(lengthscales=gpflow.Parameter([0.5], transform=tfp.bijectors.Exp(), trainable=False))
m2 = gpflow.models.GPR((X, Y), kernel=inside, noise_variance=0.05)
gpflow.optimizers.Scipy().minimize(m2.training_loss, m2.trainable_variables, options=TIGHT)
results = {
    "lengthscales": m.kernel.lengthscales.numpy(),
    "variance": m.kernel.variance.numpy(),
    "loss": m.training_loss().numpy(),
    "held": m2.kernel.lengthscales.numpy(),
    "loss2": m2.training_loss().numpy(),
}
