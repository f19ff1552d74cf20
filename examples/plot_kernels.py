"""
Kernels, drawn
==============

A kernel says which functions are likely before any data. Here are eleven of them, and one that is a sum and a product:
the covariance with one point, and functions drawn from the prior, all from the same random numbers.
"""

# %%
# Each has a variance of one, and a lengthscale of one where it has any. `plot_kernel` draws the covariance of every
# input with a given one, here 0.5, and functions of zero mean.
import jax
import matplotlib.pyplot as plt
import numpy as np

import gparams as gp

jax.config.update("jax_enable_x64", True)

k = gp.kernels
kernels = {
    "SquaredExponential": k.SquaredExponential(),
    "Matern52": k.Matern52(),
    "Matern32": k.Matern32(),
    "Matern12": k.Matern12(),
    "RationalQuadratic, α = 0.3": k.RationalQuadratic(alpha=0.3),
    "Periodic, period 2": k.Periodic(k.SquaredExponential(), period=2.0),
    "Cosine, period 2": k.Cosine(lengthscales=2.0),
    "Linear": k.Linear(variance=0.3),
    "Polynomial, degree 3": k.Polynomial(degree=3, variance=0.15, offset=1.0),
    "ArcCosine, order 1": k.ArcCosine(order=1, variance=0.5, bias_variance=1.0),
    "ChangePoints": k.ChangePoints([k.Matern32(lengthscales=3.0), k.Matern32(lengthscales=0.3)], [0.0], steepness=10.0),
    "(Matern52 + Linear) × Cosine": (k.Matern52(2.0) + k.Linear(0.3)) * k.Cosine(lengthscales=1.0),
}
X = np.linspace(-4.0, 4.0, 241)[:, None]

# %%
# Above, covariances with x = 0.5; below, three functions each.
fig, axes = plt.subplots(6, 4, figsize=(12, 13), sharex=True, layout="constrained", height_ratios=[0.7, 1] * 3)
for i, (name, kernel) in enumerate(kernels.items()):
    row, column = divmod(i, 4)
    above, below = axes[2 * row, column], axes[2 * row + 1, column]
    gp.plotting.plot_kernel(kernel, X, at=0.5, ax=above)
    gp.plotting.plot_kernel(kernel, X, show="samples", num_samples=3, key=jax.random.key(2), ax=below)
    above.set_title(name, fontsize="medium")
    above.set_xlabel("")
    above.axvline(0.5, color="0.7", lw=0.8, ls="--", zorder=0)
    if row < 2:
        below.set_xlabel("")
    if column:
        above.set_ylabel("")
        below.set_ylabel("")
plt.show()

# %%
# The matrix of a kernel shows at a glance whether it is stationary: a stationary one has the same number along each
# diagonal.
chosen = ["Matern32", "Periodic, period 2", "Linear", "ChangePoints"]
fig, axes = plt.subplots(1, 4, figsize=(13, 2.8), layout="constrained")
for ax, name in zip(axes, chosen, strict=True):
    gp.plotting.plot_kernel(kernels[name], X, show="matrix", ax=ax)
    ax.set_title(name)
plt.show()

# %%
# Numbers agree with pictures: the eigenvalues of such a matrix are never below zero, but for rounding.
for name, kernel in kernels.items():
    eigenvalues = np.linalg.eigvalsh(np.asarray(kernel(X)))
    effective = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    print(f"{name:30s} lowest eigenvalue {eigenvalues[0]: .0e}   effective dimensions {effective:6.1f}")
