"""Three classes with RobustMax, latent functions of one kernel."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

labels = np.digitize(Y[:, 0], [-0.4, 0.4])[:, None]
likelihood = gpflow.likelihoods.MultiClass(3, invlink=gpflow.likelihoods.RobustMax(3))
m = gpflow.models.SVGP(
    gpflow.kernels.Matern32(lengthscales=0.3) + gpflow.kernels.White(0.01),
    likelihood,
    X[::4].copy(),
    num_latent_gps=3,
    whiten=True,
    q_diag=True,
)
set_trainable(m.inducing_variable, False)
set_trainable(m.kernel.kernels[1].variance, False)
opt = tf.optimizers.Adam(0.05)
for _ in range(25):
    opt.minimize(m.training_loss_closure((X, labels)), m.trainable_variables)
p, _ = m.predict_y(Xnew)
results = {"elbo": m.elbo((X, labels)).numpy(), "p": p.numpy(), "q_mu": m.q_mu.numpy()}
