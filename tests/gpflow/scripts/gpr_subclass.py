"""GPR with a penalty on its objective; a Module of parameters beside it."""

import gpflow
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Anchor(gpflow.Module):
    def __init__(self, at):
        self.at = gpflow.Parameter(at)


class Anchored(gpflow.models.GPR):
    def __init__(self, data, kernel, weight=1.0, **kwargs):
        super().__init__(data, kernel, **kwargs)
        self.anchor = Anchor(0.5)
        self.weight = weight

    def maximum_log_likelihood_objective(self):
        penalty = self.weight * tf.square(self.kernel.lengthscales - self.anchor.at) + tf.square(self.anchor.at - 0.2)
        return super().maximum_log_likelihood_objective() - penalty


m = Anchored((X, Y), gpflow.kernels.RBF(), weight=5.0, noise_variance=0.1)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
results = {
    "loss": m.training_loss().numpy(),
    "at": m.anchor.at.numpy(),
    "lengthscales": m.kernel.lengthscales.numpy(),
    "mean": m.predict_f(Xnew)[0].numpy(),
    "names": sorted(gpflow.utilities.parameter_dict(m)),
}
