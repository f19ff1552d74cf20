"""Adam in a loop over a local closure, with a log and a learning rate."""

import gpflow
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.Matern12(lengthscales=0.5), noise_variance=0.1)
opt = tf.optimizers.Adam(learning_rate=0.03)


@tf.function
def closure():
    return m.training_loss()


trace = []
for _ in range(40):
    opt.minimize(closure, m.trainable_variables)
    trace.append(float(closure()))
results = {"trace": trace, "lengthscales": m.kernel.lengthscales.numpy(), "noise": m.likelihood.variance.numpy()}
