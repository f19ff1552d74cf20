"""New data into the model, a raw array over a Parameter, parameters copied by a constructor."""

import gpflow
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.RBF(lengthscales=0.3), noise_variance=0.1)
before = m.training_loss().numpy()
m.data = (tf.convert_to_tensor(X[:10]), tf.convert_to_tensor(Y[:10]))
after = m.training_loss().numpy()
m.kernel.variance = tf.constant(2.0, dtype=tf.float64)
count = len(m.trainable_variables)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
p = gpflow.Parameter(0.7, trainable=False, transform=gpflow.utilities.positive())
a, b = gpflow.kernels.RBF(lengthscales=p), gpflow.kernels.Matern32(lengthscales=p)
p.assign(2.0)
results = {
    "before": before,
    "after": after,
    "count": count,
    "loss": m.training_loss().numpy(),
    "copied": [a.lengthscales.numpy(), b.lengthscales.numpy()],
    "flags": [a.lengthscales.trainable, b.lengthscales.trainable],
}
