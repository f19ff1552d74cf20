"""Freeze, fit, thaw, fit again, on one target."""

import gpflow
import numpy as np
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.GPR(data=(X, Y), kernel=gpflow.kernels.RBF(), noise_variance=0.05)
opt = gpflow.optimizers.Scipy()
set_trainable(m.kernel, False)
opt.minimize(m.training_loss, m.trainable_variables, options=TIGHT)
first = m.likelihood.variance.numpy()
set_trainable(m.kernel, True)
set_trainable(m.likelihood, False)
opt.minimize(m.training_loss, m.trainable_variables, options=TIGHT)
second = m.kernel.lengthscales.numpy()
for p in m.parameters:
    set_trainable(p, True)
opt.minimize(m.training_loss, m.trainable_variables, options=TIGHT)
results = {"first": first, "second": second, "loss": m.training_loss().numpy(), "count": len(m.trainable_parameters)}
