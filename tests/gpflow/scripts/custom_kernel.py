"""A kernel of one's own, in a sum with one of the library's."""

import gpflow
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Brownian(gpflow.kernels.Kernel):
    def __init__(self):
        super().__init__(active_dims=[0])
        self.variance = gpflow.Parameter(1.0, transform=gpflow.utilities.positive())

    def K(self, X, X2=None):
        if X2 is None:
            X2 = X
        return self.variance * tf.minimum(X, tf.transpose(X2))

    def K_diag(self, X):
        return self.variance * tf.reshape(X, (-1,))


m = gpflow.models.GPR((X, Y), kernel=Brownian() + gpflow.kernels.Constant(0.5))
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
gpflow.utilities.print_summary(m)
results = {
    "variance": m.kernel.kernels[0].variance.numpy(),
    "constant": m.kernel.kernels[1].variance.numpy(),
    "mean": m.predict_f(np.abs(Xnew))[0].numpy(),
    "diag": m.kernel(X, full_cov=False).numpy(),
}
