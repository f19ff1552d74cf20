"""A GPModel of one's own on the training-loss mixin."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.config import default_float
from gpflow.models.model import GPModel
from gpflow.models.training_mixins import InternalDataTrainingLossMixin
from gpflow.models.util import data_input_to_tensor

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Exact(GPModel, InternalDataTrainingLossMixin):
    def __init__(self, data, kernel, noise):
        likelihood = gpflow.likelihoods.Gaussian(noise)
        super().__init__(kernel, likelihood, num_latent_gps=1)
        self.data = data_input_to_tensor(data)

    def maximum_log_likelihood_objective(self):
        X, Y = self.data
        K = self.kernel(X) + self.likelihood.variance * tf.eye(tf.shape(X)[0], dtype=default_float())
        L = tf.linalg.cholesky(K)
        white = tf.linalg.triangular_solve(L, Y - self.mean_function(X), lower=True)
        size = tf.cast(tf.shape(X)[0], default_float())
        return (
            -0.5 * tf.reduce_sum(tf.square(white))
            - tf.reduce_sum(tf.math.log(tf.linalg.diag_part(L)))
            - 0.5 * size * np.log(2.0 * np.pi)
        )

    def predict_f(self, Xnew, full_cov=False, full_output_cov=False):
        X, Y = self.data
        K = self.kernel(X) + self.likelihood.variance * tf.eye(tf.shape(X)[0], dtype=default_float())
        L = tf.linalg.cholesky(K)
        A = tf.linalg.triangular_solve(L, self.kernel(X, Xnew))
        mean = tf.matmul(A, tf.linalg.triangular_solve(L, Y), transpose_a=True)
        return mean, self.kernel(Xnew, full_cov=False)[:, None] - tf.reduce_sum(tf.square(A), axis=0)[:, None]


m = Exact((X, Y), gpflow.kernels.RBF(lengthscales=0.3), 0.1)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
mean, var = m.predict_f(Xnew)
results = {
    "loss": m.training_loss().numpy(),
    "mean": mean.numpy(),
    "var": var.numpy(),
    "y": m.predict_y(Xnew)[1].numpy(),
}
