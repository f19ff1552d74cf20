"""try/except around minimise, restarts from drawn values, the best kept."""

import gpflow
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

best, values = np.inf, None
m = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.RBF(), noise_variance=0.1)
for start in (0.1, 0.3, 1.0):
    m.kernel.lengthscales.assign(start)
    m.kernel.variance.assign(1.0)
    m.likelihood.variance.assign(0.1)
    try:
        gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
    except tf.errors.InvalidArgumentError:
        continue
    if m.training_loss() < best:
        best, values = m.training_loss(), gpflow.utilities.read_values(m)
gpflow.utilities.multiple_assign(m, values)
results = {"best": float(best), "mean": m.predict_f(Xnew)[0].numpy()}
