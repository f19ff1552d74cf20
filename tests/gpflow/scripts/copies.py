"""deepcopy of a model, a kernel put in another's place, freeze."""

import copy

import gpflow
import numpy as np
from gpflow.utilities import deepcopy

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

k = gpflow.kernels.RBF(lengthscales=0.3)
m = gpflow.models.GPR((X, Y), kernel=k, noise_variance=0.1)
m2 = deepcopy(m)
m2.kernel.lengthscales.assign(0.9)
m3 = copy.deepcopy(m)
m3.kernel = deepcopy(k)
m3.kernel.variance.assign(2.0)
m3.likelihood = gpflow.likelihoods.Gaussian(0.5)
frozen = gpflow.utilities.freeze(m)
k.variance.assign(1.5)
results = {
    "losses": [float(q.training_loss().numpy()) for q in (m, m2, m3)],
    "lengthscales": [float(q.kernel.lengthscales.numpy()) for q in (m, m2, m3)],
    "frozen": frozen.predict_f(Xnew)[0].numpy(),
    "none": len(frozen.trainable_variables),
}
