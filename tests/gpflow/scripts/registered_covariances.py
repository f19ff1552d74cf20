"""Inducing variables of one's own, with Kuu and Kuf registered by type."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.covariances.dispatch import Kuf, Kuu

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Shifted(gpflow.inducing_variables.InducingVariables):
    def __init__(self, Z, shift):
        super().__init__()
        self.Z = gpflow.Parameter(Z, trainable=False)
        self.by = shift

    @property
    def num_inducing(self):
        return self.Z.shape[0]

    @property
    def shape(self):
        return self.Z.shape


@Kuu.register(Shifted, gpflow.kernels.Kernel)
def _(inducing_variable, kernel, *, jitter=0.0):
    return kernel(inducing_variable.Z + inducing_variable.by) + jitter * tf.eye(4, dtype=tf.float64)


@Kuf.register(Shifted, gpflow.kernels.Kernel, object)
def _(inducing_variable, kernel, Xnew):
    return kernel(inducing_variable.Z + inducing_variable.by, Xnew)


Z = np.linspace(0.0, 0.9, 4)[:, None]
m = gpflow.models.SGPR(
    (X, Y), gpflow.kernels.RBF(lengthscales=0.3), inducing_variable=Shifted(Z, 0.05), noise_variance=0.05
)
plain = gpflow.models.SGPR(
    (X, Y), gpflow.kernels.RBF(lengthscales=0.3), inducing_variable=Z + 0.05, noise_variance=0.05
)
results = {
    "elbo": m.elbo().numpy(),
    "plain": plain.elbo().numpy(),
    "Kuf": Kuf(m.inducing_variable, m.kernel, Xnew).numpy(),
}
