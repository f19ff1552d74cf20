"""posterior(), conditional, Kuu and Kuf, log densities, square_distance."""

import gpflow
import numpy as np
import tensorflow as tf
from gpflow.config import default_jitter
from gpflow.covariances.dispatch import Kuf, Kuu
from gpflow.utilities.ops import square_distance

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.SGPR(
    (X, Y), gpflow.kernels.RBF(lengthscales=0.3), inducing_variable=X[::6].copy(), noise_variance=0.05
)
posterior = m.posterior()
mean, var = posterior.predict_f(Xnew)
iv = m.inducing_variable
K = Kuu(iv, m.kernel, jitter=default_jitter())
C = Kuf(iv, m.kernel, Xnew)
fmean, fvar = gpflow.conditionals.conditional(Xnew, iv, m.kernel, tf.constant(Y[:5]), full_cov=False, white=True)
results = {
    "mean": mean.numpy(),
    "var": var.numpy(),
    "Kuu": K.numpy(),
    "Kuf": C.numpy(),
    "fmean": fmean.numpy(),
    "fvar": fvar.numpy(),
    "gaussian": gpflow.logdensities.gaussian(
        tf.constant(Y), tf.constant(Y) * 0.5, tf.constant(0.3, dtype=tf.float64)
    ).numpy(),
    "distance": np.asarray(square_distance(tf.constant(X[:3]), tf.constant(Xnew))),
}
