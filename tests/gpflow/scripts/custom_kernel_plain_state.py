"""A kernel with plain Python state, attributes before the base constructor, and parameters in arithmetic."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow import Parameter
from gpflow.utilities import positive, set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Weighted(gpflow.kernels.Kernel):
    def __init__(self, order, scales):
        self.order = order
        self.scales = np.asarray(scales)
        super().__init__(name="weighted")
        self.weights = Parameter(np.ones(order), transform=positive(lower=1e-3))
        self.lengthscale = Parameter(0.4, transform=positive())

    def K(self, X, X2=None):
        X2 = X if X2 is None else X2
        r = tf.abs(X - tf.transpose(X2)) / self.lengthscale
        total = 0.0
        for i in range(self.order):
            total += self.weights[i] * tf.exp(-r / self.scales[i])
        return total

    def K_diag(self, X):
        return tf.fill(tf.shape(X)[:-1], tf.reduce_sum(self.weights))


k = Weighted(2, [0.5, 2.0])
k.extra = 3
set_trainable(k.lengthscale, False)
m = gpflow.models.GPR((X, Y), kernel=k, noise_variance=0.02)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
results = {"loss": m.training_loss().numpy(), "mean": m.predict_f(Xnew)[0].numpy(), "extra": k.extra}
