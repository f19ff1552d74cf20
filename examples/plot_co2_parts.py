"""
Trend and seasons pulled apart
==============================

The carbon dioxide of the air over Mauna Loa rises, and breathes with the year. A kernel that is a sum fits both at once;
then each summand is asked for its own share of the record.
"""

# %%
# Monthly means, 1958 to 2001. The last ten years are kept aside.
import jax
import matplotlib.pyplot as plt
import numpy as np

import gparams as gp

jax.config.update("jax_enable_x64", True)

X, Y = gp.datasets.co2()
past = X[:, 0] < 1992.0
print(f"{past.sum()} months to learn from, {(~past).sum()} held out")

# %%
# Three summands: a smooth trend; a wave of one year whose form may change over decades; and what lasts for a few months.
# The period of the wave is known, and frozen at one year.
one = gp.Parameter(1.0, trainable=False)
trend = gp.kernels.Matern52(variance=gp.Parameter(2500.0, transform=gp.positive(base="exp")), lengthscales=50.0)
year = gp.kernels.Periodic(gp.kernels.SquaredExponential(variance=one), period=one)
seasons = gp.kernels.SquaredExponential(variance=4.0, lengthscales=60.0) * year
weather = gp.kernels.Matern32(variance=0.5, lengthscales=1.0)
mean = gp.mean_functions.Constant([float(Y[past].mean())])
model = gp.models.GPR((X[past], Y[past]), trend + seasons + weather, mean_function=mean, noise_variance=0.1)
result = gp.fit(model)
print(result)
gp.print_summary(result.model)

# %%
# Given the data, each summand has a posterior of its own. It is that of the sum, with the one kernel in the place of all:
# covariances between the data stay those of the sum. That is one line, since a posterior is a tree like any other.
posterior = result.model.posterior()
parts = {
    "trend": gp.replace(posterior.at.kernel, posterior.kernel.kernels[0]),
    "seasons": gp.replace(posterior.at.kernel, posterior.kernel.kernels[1]),
    "weather": gp.replace(posterior.at.kernel, posterior.kernel.kernels[2]),
}
constant = float(mean.c.value[0])
x = np.arange(1958.0, 2002.0, 1 / 24)[:, None]
moments = {name: [np.asarray(a)[:, 0] for a in part.predict_f(x)] for name, part in parts.items()}
whole = np.asarray(posterior.predict_f(x)[0])[:, 0]
m = float(result.model.mean_function.c.value[0])  # each part has the constant, and the whole has it once
difference = np.abs(sum(mean for mean, _ in moments.values()) - 2.0 * m - whole).max()
print(f"the three means add up to that of the whole, to {difference:.0e} ppm")

# %%
# How good is the forecast for the ten years held out?
f, f_var = (np.asarray(a)[:, 0] for a in result.model.predict_y(X[~past]))
error = Y[~past, 0] - f
print(f"root mean square error of the forecast {np.sqrt(np.mean(error**2)):.2f} ppm")
print(f"within the 95 % band: {np.mean(np.abs(error) < 1.96 * np.sqrt(f_var)):.0%} of the months")

# %%
# From top to bottom: the record and its trend; the seasons, whose wave has grown a little; what is left. To the right of
# the line there is nothing but forecast, and the bands show which part of it is sure: the seasons are, the trend is not.
fig, axes = plt.subplots(3, 1, figsize=(9, 7.5), sharex=True, height_ratios=[2.2, 1.2, 1.2], layout="constrained")
blue, red, green = gp.plotting.COLORS[:3]
for ax, (name, (mean, var)), color in zip(axes, moments.items(), (blue, red, green), strict=True):
    shift = 0.0 if name == "trend" else m
    half = 1.96 * np.sqrt(var)
    ax.fill_between(x[:, 0], mean - shift - half, mean - shift + half, color=color, alpha=0.3, lw=0, label="95 %")
    ax.plot(x[:, 0], mean - shift, color=color, lw=1.2, label=name)
    ax.axvline(1992.0, color="0.5", lw=1, ls="--")
    ax.set_ylabel(f"{name} (ppm)")
axes[0].plot(X[past], Y[past], ".", color="black", ms=2, label="record")
axes[0].plot(X[~past], Y[~past], ".", color="0.6", ms=2, label="held out")
axes[0].legend(frameon=False, loc="upper left")
axes[2].set_xlabel("year")
plt.show()
