"""set_trainable on kernels[i].kernels[j], a loop over parameters, sums and products."""

import gpflow
import numpy as np
from gpflow.utilities import set_trainable

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

k = (
    gpflow.kernels.RBF() * gpflow.kernels.Periodic(gpflow.kernels.RBF(), period=0.5)
    + gpflow.kernels.RationalQuadratic()
    + gpflow.kernels.Linear() * gpflow.kernels.Linear(variance=0.5)
)
set_trainable(k.kernels[0].kernels[0].lengthscales, False)
set_trainable(k.kernels[0].kernels[1].base_kernel.variance, False)
set_trainable(k.kernels[1], False)
set_trainable(k.kernels[2].kernels[1].variance, False)
m = gpflow.models.GPR((X, Y), kernel=k, noise_variance=0.05)
m.kernel.kernels[1].alpha.assign(2.0)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
total = sum(int(p.shape == ()) for p in m.parameters)
results = {
    "loss": m.training_loss().numpy(),
    "mean": m.predict_f(Xnew)[0].numpy(),
    "trainable": len(m.trainable_parameters),
    "parameters": total,
    "K": k(X[:4], X[:2]).numpy(),
}
