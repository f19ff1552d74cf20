"""A scalar likelihood of one's own in a variational model."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Counts(gpflow.likelihoods.ScalarLikelihood):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = gpflow.Parameter(1.5, transform=gpflow.utilities.positive())

    def _scalar_log_prob(self, X, F, Y):
        rate = self.scale * tf.exp(F)
        return Y * tf.math.log(rate) - rate - tf.math.lgamma(Y + 1.0)

    def _conditional_mean(self, X, F):
        return self.scale * tf.exp(F)

    def _conditional_variance(self, X, F):
        return self.scale * tf.exp(F)


C = rng.poisson(np.exp(Y)).astype(float)
m = gpflow.models.VGP((X, C), kernel=gpflow.kernels.RBF(lengthscales=0.3), likelihood=Counts())
set_trainable(m.kernel.lengthscales, False)
gpflow.optimizers.Scipy().minimize(
    m.training_loss, m.trainable_variables, options=dict(maxiter=5000, ftol=1e-15, gtol=1e-10)
)
mean, var = m.predict_f(Xnew)
results = {"elbo": m.elbo().numpy(), "mean": mean.numpy(), "rate": m.predict_y(Xnew)[0].numpy()}
