"""A mean function of one's own, with a fixed intercept."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Line(gpflow.mean_functions.MeanFunction):
    def __init__(self, slope):
        super().__init__()
        self.slope = gpflow.Parameter(slope)
        self.intercept = gpflow.Parameter(0.25, trainable=False)

    def __call__(self, X):
        return self.slope * X[:, :1] + self.intercept


m = gpflow.models.GPR((X, Y), kernel=gpflow.kernels.Matern32(), mean_function=Line(0.1), noise_variance=0.05)
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=TIGHT)
other = gpflow.models.GPR(
    (X, Y),
    gpflow.kernels.Matern32(),
    gpflow.mean_functions.Linear(A=np.ones((1, 1))) + gpflow.mean_functions.Constant(),
)
results = {
    "slope": m.mean_function.slope.numpy(),
    "intercept": m.mean_function.intercept.numpy(),
    "mean": m.predict_f(Xnew)[0].numpy(),
    "other": other.training_loss().numpy(),
    "zero": gpflow.mean_functions.Zero()(X).numpy(),
    "identity": gpflow.mean_functions.Identity()(X),
}
