"""SVGP on minibatches with Adam, closures over an iterator."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.ci_utils import reduce_in_tests as ci_niter
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

Z = X[::5].copy()
m = gpflow.models.SVGP(
    gpflow.kernels.RBF(lengthscales=0.2), gpflow.likelihoods.Gaussian(0.05), inducing_variable=Z, num_data=len(X)
)
set_trainable(m.inducing_variable, False)
batches = iter(tf.data.Dataset.from_tensor_slices((X, Y)).repeat().batch(7))
loss = m.training_loss_closure(batches, compile=True)
opt = tf.optimizers.Adam(0.02)
logf = []
for step in range(ci_niter(60)):
    opt.minimize(loss, m.trainable_variables)
    if step % 20 == 0:
        logf.append(float(m.elbo((X, Y)).numpy()))
results = {
    "trace": logf,
    "elbo": m.elbo((X, Y)).numpy(),
    "mean": m.predict_f(Xnew)[0].numpy(),
    "q_mu": m.q_mu.numpy(),
    "q_sqrt": m.q_sqrt.numpy(),
}
