"""VGP with Bernoulli, then one natural-gradient fit."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

labels = (Y > 0.0).astype(float)
m = gpflow.models.VGP((X, labels), gpflow.kernels.Matern32(lengthscales=0.4), gpflow.likelihoods.Bernoulli())
natgrad = gpflow.optimizers.NaturalGradient(gamma=0.3)
for _ in range(100):
    natgrad.minimize(m.training_loss, [(m.q_mu, m.q_sqrt)])
p, _ = m.predict_y(Xnew)
results = {"elbo": m.elbo().numpy(), "p": p.numpy(), "mean": m.predict_f(Xnew)[0].numpy()}
