"""SVGP to its optimum: an optimum that GPR and SGPR share a side of."""

import gpflow
import numpy as np
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

Z = np.linspace(0.0, 1.0, 6)[:, None]
m = gpflow.models.SVGP(
    kernel=gpflow.kernels.Matern52(lengthscales=0.3),
    likelihood=gpflow.likelihoods.Gaussian(0.05),
    inducing_variable=gpflow.inducing_variables.InducingPoints(Z),
    whiten=True,
    num_latent_gps=1,
)
set_trainable(m.inducing_variable, False)
set_trainable(m.kernel.lengthscales, False)
data = (X, Y)
gpflow.optimizers.Scipy().minimize(
    m.training_loss_closure(data), variables=m.trainable_variables, options=dict(maxiter=10000, ftol=1e-15, gtol=1e-10)
)
mean, var = m.predict_f(Xnew)
results = {
    "elbo": m.elbo(data).numpy(),
    "mean": mean.numpy(),
    "var": var.numpy(),
    "Z": m.inducing_variable.Z.numpy(),
    "noise": m.likelihood.variance.numpy(),
}
