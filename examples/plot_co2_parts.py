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
# Three summands: a smooth trend; a wave of one year whose form may change over decades; and what lasts for a few
# months. The period of the wave is known, and frozen at one year.
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
# Given the data, each summand has a posterior of its own. It is that of the sum, with the one kernel in the place of
# all: covariances between the data stay those of the sum. That is one line, since a posterior is a tree like any other.
posterior = result.model.posterior()
parts = {
    "trend": gp.replace(gp.at(posterior).kernel, posterior.kernel.kernels[0]),
    "seasons": gp.replace(gp.at(posterior).kernel, posterior.kernel.kernels[1]),
    "weather": gp.replace(gp.at(posterior).kernel, posterior.kernel.kernels[2]),
}
x = np.arange(1958.0, 2002.0, 1 / 24)[:, None]
moments = {name: [np.asarray(a)[:, 0] for a in part.predict_f(x)] for name, part in parts.items()}
whole = np.asarray(posterior.predict_f(x)[0])[:, 0]
m = float(result.model.mean_function.c.value[0])  # each part has the constant, and the whole has it once
difference = np.abs(sum(mean for mean, _ in moments.values()) - 2.0 * m - whole).max()
print(f"the three means add up to that of the whole, to {difference:.0e} ppm")

# %%
# How good is the forecast for the ten years held out? A long forecast rests on the trend's kernel; where the band holds
# fewer months than it should, that kernel is too sure of itself.
f, f_var = (np.asarray(a)[:, 0] for a in result.model.predict_y(X[~past]))
error = Y[~past, 0] - f
print(f"root mean square error of the forecast {np.sqrt(np.mean(error**2)):.2f} ppm")
print(f"within the 95 % band: {np.mean(np.abs(error) < 1.96 * np.sqrt(f_var)):.0%} of the months")

# %%
# What is sure, and what isn't? A level can be moved from one summand to another at no cost, so the level of each alone
# is uncertain. Of the seasons one wants the wave about its mean of the year, and that has a posterior too: a linear map
# of theirs.
waves = {}
for start in (1960.0, 1990.0, 2001.0):
    months = start + np.arange(24)[:, None] / 24
    mean, cov = (np.asarray(a) for a in parts["seasons"].predict_f(months, full_cov=True))
    centring = np.eye(24) - 1.0 / 24
    waves[start] = centring @ mean[:, 0], np.sqrt(np.diag(centring @ cov[0] @ centring))
    level = np.sqrt(cov[0].mean())
    deviation, height = waves[start][1].mean(), np.ptp(waves[start][0])
    print(f"{start:.0f}: level known to {level:.2f} ppm, wave to {deviation:.2f} ppm; it is {height:.2f} ppm high")

# %%
# Left, the record and the means of its parts; to the right of the line there is nothing but forecast. Right, the wave
# of three years with its 95 % band: it has grown, and the forecast for 2001 is nearly as sure as the past.
fig = plt.figure(figsize=(12, 6), layout="constrained")
axes = fig.subplot_mosaic([["trend", "year"], ["seasons", "year"], ["weather", "year"]], width_ratios=[1.8, 1])
for (name, (mean, _)), color in zip(moments.items(), gp.plotting.COLORS, strict=False):
    shift = 0.0 if name == "trend" else m
    axes[name].plot(x[:, 0], mean - shift, color=color, lw=1.2, label=name)
    axes[name].axvline(1992.0, color="0.5", lw=1, ls="--")
    axes[name].set_ylabel(f"{name} (ppm)")
    axes[name].tick_params(labelbottom=name == "weather")
axes["trend"].plot(X[past], Y[past], ".", color="black", ms=2, label="record")
axes["trend"].plot(X[~past], Y[~past], ".", color="0.6", ms=2, label="held out")
axes["trend"].legend(frameon=False, loc="upper left")
axes["weather"].set_xlabel("year")
months = np.arange(24) / 2 + 0.5
for (start, (wave, deviation)), color, style in zip(
    waves.items(), gp.plotting.COLORS[3:], ("-", "--", ":"), strict=False
):
    axes["year"].fill_between(months, wave - 1.96 * deviation, wave + 1.96 * deviation, color=color, alpha=0.3, lw=0)
    axes["year"].plot(months, wave, color=color, ls=style, lw=2, label=f"{start:.0f}")
axes["year"].set(
    xlabel="month", ylabel="seasons, less the mean of the year (ppm)", xticks=range(1, 13), title="a year's wave"
)
axes["year"].legend(frameon=False)
plt.show()
