"""The model's arguments by position, `gpf` for the package, predict_y and samples' shape, a summary in a notebook."""

import gpflow as gpf
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpf.models.GPR((X, Y), gpf.kernels.Matern52(variance=1.0, lengthscales=0.3), gpf.mean_functions.Constant(0.5))
m.likelihood.variance.assign(0.01)
gpf.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, method="L-BFGS-B", options=TIGHT)
gpf.config.set_default_summary_fmt("notebook")
gpf.utilities.print_summary(m, fmt="notebook")
gpf.config.set_default_summary_fmt(None)
mean, var = m.predict_y(Xnew)
cov = m.predict_f(Xnew, full_cov=True)[1]
samples = m.predict_f_samples(Xnew, 5)
results = {
    "lml": m.log_marginal_likelihood().numpy(),
    "c": m.mean_function.c.numpy(),
    "lower": mean[:, 0] - 2.0 * np.sqrt(var[:, 0]),
    "cov": cov.numpy(),
    "density": m.predict_log_density((X, Y)).numpy(),
    "shape": np.array(samples.shape),
}
