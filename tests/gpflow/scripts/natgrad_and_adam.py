"""Natural gradients on frozen q_mu and q_sqrt, in turn with Adam on the rest."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.optimizers import NaturalGradient
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.SVGP(gpflow.kernels.RBF(lengthscales=0.3), gpflow.likelihoods.Bernoulli(), X[::6].copy(), num_data=30)
labels = (Y > 0.0).astype(float)
set_trainable(m.q_mu, False)
set_trainable(m.q_sqrt, False)
variational = [(m.q_mu, m.q_sqrt)]
natgrad = NaturalGradient(gamma=0.5)
adam = tf.optimizers.Adam(0.05)
loss = m.training_loss_closure((X, labels))
for _ in range(15):
    adam.minimize(loss, var_list=m.trainable_variables)
    natgrad.minimize(loss, var_list=variational)
results = {
    "elbo": m.elbo((X, labels)).numpy(),
    "q_mu": m.q_mu.numpy(),
    "q_sqrt": m.q_sqrt.numpy(),
    "Z": m.inducing_variable.Z.numpy(),
    "lengthscales": m.kernel.lengthscales.numpy(),
    "p": m.predict_y(Xnew)[0].numpy(),
}
