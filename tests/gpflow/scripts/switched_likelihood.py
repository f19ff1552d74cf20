"""Two noise levels told by a label in the last column of Y."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

labels = (np.arange(30) % 2).astype(float)[:, None]
data = (X, np.hstack([Y, labels]))
likelihood = gpflow.likelihoods.SwitchedLikelihood([gpflow.likelihoods.Gaussian(0.1), gpflow.likelihoods.Gaussian(0.4)])
m = gpflow.models.VGP(data, kernel=gpflow.kernels.RBF(lengthscales=0.3), likelihood=likelihood, num_latent_gps=1)
natgrad = gpflow.optimizers.NaturalGradient(gamma=1.0)
natgrad.minimize(m.training_loss, [(m.q_mu, m.q_sqrt)])
results = {
    "elbo": m.elbo().numpy(),
    "mean": m.predict_f(Xnew)[0].numpy(),
    "noise": [part.variance.numpy() for part in m.likelihood.likelihoods],
}
