"""The models that scripts use less: FITC, MCMC models at given whitened values, a latent variable model, Softmax."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]

Z = X[::6].copy()
fitc = gpflow.models.GPRFITC((X, Y), gpflow.kernels.RBF(lengthscales=0.3), Z.copy(), noise_variance=0.05)
gpmc = gpflow.models.GPMC((X, Y), gpflow.kernels.Matern32(lengthscales=0.3), gpflow.likelihoods.StudentT(scale=0.2))
gpmc.V.assign(0.1 * rng.randn(30, 1))
sgpmc = gpflow.models.SGPMC(
    (X, (Y > 0.0).astype(float)),
    gpflow.kernels.RBF(lengthscales=0.3),
    gpflow.likelihoods.Bernoulli(),
    inducing_variable=Z.copy(),
)
sgpmc.V.assign(0.1 * rng.randn(5, 1))
latent = gpflow.models.GPLVM(np.hstack([Y, Y**2, X]), latent_dim=2, X_data_mean=np.hstack([X, Y]))
softmax = gpflow.likelihoods.Softmax(3)
results = {
    "fitc": fitc.training_loss().numpy(),
    "fitc mean": fitc.predict_f(Xnew)[0].numpy(),
    "gpmc": gpmc.log_posterior_density().numpy(),
    "gpmc mean": gpmc.predict_f(Xnew)[0].numpy(),
    "sgpmc": sgpmc.log_posterior_density().numpy(),
    "sgpmc mean": sgpmc.predict_f(Xnew)[0].numpy(),
    "latent": latent.training_loss().numpy(),
    "softmax": softmax.conditional_mean(X[:2], np.array([[0.1, 0.2, 0.3], [1.0, 0.0, -1.0]])).numpy(),
}
