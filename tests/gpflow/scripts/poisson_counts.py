"""Counts with a Poisson likelihood, predict_log_density, a positive(lower) parameter."""

import gpflow
import numpy as np
from gpflow.config import default_float
from gpflow.utilities import positive

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

C = rng.poisson(np.exp(Y)).astype(float)
m = gpflow.models.VGP((X, C), kernel=gpflow.kernels.RBF(lengthscales=0.3), likelihood=gpflow.likelihoods.Poisson())
m.kernel.lengthscales = gpflow.Parameter(
    0.3, transform=positive(lower=0.05), trainable=False, name="ell", dtype=default_float()
)
for _ in range(200):
    gpflow.optimizers.NaturalGradient(0.3).minimize(m.training_loss, [(m.q_mu, m.q_sqrt)])
results = {
    "elbo": m.elbo().numpy(),
    "rate": m.predict_y(Xnew)[0].numpy(),
    "density": m.predict_log_density((X, C)).numpy(),
}
