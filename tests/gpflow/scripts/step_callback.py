"""minimise with every keyword: variables, method, step_callback, compile, options."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

m = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.RBF(lengthscales=0.3), noise_variance=0.1)
log = []


def callback(step, variables, values):
    log.append((step, len(variables), float(np.sum(values[0]))))


result = gpflow.optimizers.Scipy().minimize(
    closure=m.training_loss,
    variables=m.trainable_variables,
    method="BFGS",
    step_callback=callback,
    compile=True,
    options=dict(maxiter=4),
)
end = gpflow.optimizers.Scipy().minimize(
    m.training_loss, m.trainable_variables, method="L-BFGS-B", options=TIGHT, tol=1e-14
)
results = {"steps": [entry[:2] for entry in log], "nit": result.nit, "loss": end.fun, "values": log[-1][2]}
