"""Sparse regression, with inducing points that train."""

import gpflow
import numpy as np
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.SGPR(
    (X, Y), kernel=gpflow.kernels.RBF(lengthscales=0.2), inducing_variable=X[:5].copy(), noise_variance=0.05
)
start = m.elbo().numpy()
set_trainable(m.inducing_variable.Z, False)
opt = gpflow.optimizers.Scipy()
opt.minimize(m.training_loss, m.trainable_variables, options=TIGHT)
held = m.elbo().numpy()
mean, var = m.predict_f(Xnew, full_cov=False)
qmu, qcov = m.compute_qu()
results = {
    "start": start,
    "held": held,
    "mean": mean.numpy(),
    "var": var.numpy(),
    "qmu": qmu.numpy(),
    "upper": m.upper_bound().numpy(),
}
