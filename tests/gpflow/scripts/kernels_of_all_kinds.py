"""Each kernel of the library evaluated, with active dimensions and ARD."""

import gpflow
import numpy as np

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)

Z = rng.rand(6, 3)
kernels = {
    "rbf": gpflow.kernels.RBF(variance=1.3, lengthscales=[0.5, 1.0, 2.0]),
    "m12": gpflow.kernels.Matern12(lengthscales=0.7, active_dims=[0]),
    "m32": gpflow.kernels.Matern32(active_dims=slice(0, 2)),
    "m52": gpflow.kernels.Matern52(active_dims=[2, 0]),
    "exponential": gpflow.kernels.Exponential(lengthscales=0.5),
    "rq": gpflow.kernels.RationalQuadratic(alpha=0.7),
    "cosine": gpflow.kernels.Cosine(lengthscales=0.8),
    "periodic": gpflow.kernels.Periodic(gpflow.kernels.Matern32(), period=0.6),
    "linear": gpflow.kernels.Linear(variance=[0.5, 1.0, 2.0]),
    "polynomial": gpflow.kernels.Polynomial(degree=3.0, offset=0.7),
    "constant": gpflow.kernels.Constant(0.4),
    "bias": gpflow.kernels.Bias(0.3),
    "white": gpflow.kernels.White(0.2),
    "arccosine": gpflow.kernels.ArcCosine(order=1),
    "coregion": gpflow.kernels.Coregion(output_dim=3, rank=2, active_dims=[0]),
}
Zi = np.hstack([rng.randint(0, 3, (6, 1)), Z]).astype(float)
results = {name: k(Zi if name == "coregion" else Z).numpy() for name, k in kernels.items()}
results["diag"] = kernels["polynomial"](Z, full_cov=False).numpy()
