"""Coregionalised outputs through SVGP: shared and separate kernels and inducing points."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

Y2 = np.hstack([Y, 0.5 * Y + 0.1])
Z = X[::6].copy()
shared = gpflow.kernels.SharedIndependent(gpflow.kernels.RBF(lengthscales=0.3), output_dim=2)
separate = gpflow.kernels.SeparateIndependent([gpflow.kernels.RBF(lengthscales=0.3), gpflow.kernels.Matern52()])
mixed = gpflow.kernels.LinearCoregionalization(
    [gpflow.kernels.RBF(lengthscales=0.3), gpflow.kernels.Matern32()], W=np.array([[1.0, 0.2], [0.3, 0.8]])
)
results = {}
for name, kernel in dict(shared=shared, separate=separate, mixed=mixed).items():
    iv = gpflow.inducing_variables.SharedIndependentInducingVariables(
        gpflow.inducing_variables.InducingPoints(Z.copy())
    )
    m = gpflow.models.SVGP(kernel, gpflow.likelihoods.Gaussian(0.1), inducing_variable=iv, num_latent_gps=2)
    set_trainable(m.inducing_variable, False)
    opt = tf.optimizers.Adam(0.05)
    loss = m.training_loss_closure((X, Y2))
    for _ in range(15):
        opt.minimize(loss, m.trainable_variables)
    mean, cov = m.predict_f(Xnew, full_output_cov=True)
    results[f"{name}.elbo"] = m.elbo((X, Y2)).numpy()
    results[f"{name}.mean"] = mean.numpy()
    results[f"{name}.cov"] = cov.numpy()
