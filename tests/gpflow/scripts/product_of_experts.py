"""One kernel object in three models, trained on the sum of their losses."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

kernel = gpflow.kernels.RBF(lengthscales=0.3)
experts = [gpflow.models.GPR((X[i::3], Y[i::3]), kernel=kernel) for i in range(3)]
for expert in experts:
    expert.likelihood.variance.assign(0.05)


def loss():
    return sum(expert.training_loss() for expert in experts)


variables = list(kernel.trainable_variables)
for expert in experts:
    variables += list(expert.likelihood.trainable_variables)
gpflow.optimizers.Scipy().minimize(loss, variables, options=TIGHT)
means = np.array([e.predict_f(Xnew)[0].numpy() for e in experts])
variances = np.array([e.predict_f(Xnew)[1].numpy() for e in experts])
precision = (1.0 / variances).sum(0)
results = {
    "mean": (means / variances).sum(0) / precision,
    "var": 1.0 / precision,
    "lengthscales": experts[2].kernel.lengthscales.numpy(),
    "same": experts[0].kernel is experts[1].kernel,
}
