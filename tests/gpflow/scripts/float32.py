"""float32 throughout, set as the default."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

gpflow.config.set_default_float(np.float32)
gpflow.config.set_default_jitter(1e-4)
k = gpflow.kernels.RBF(lengthscales=0.3)
K = k(X.astype(np.float32))
m = gpflow.models.GPR((X.astype(np.float32), Y.astype(np.float32)), kernel=k, noise_variance=0.1)
results = {
    "dtypes": [
        str(np.asarray(a).dtype) for a in (K, m.training_loss(), k.variance.numpy(), m.likelihood.variance.numpy())
    ],
    "K": K.numpy(),
    "loss": np.round(float(m.training_loss()), 2),
    "jitter": gpflow.config.default_jitter(),
}
gpflow.config.set_default_float(np.float64)
gpflow.config.set_default_jitter(1e-6)
