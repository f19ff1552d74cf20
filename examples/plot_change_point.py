"""
When did it change? The Nile once more
======================================

A kernel may hand over to another one at a point in time, and the point is a Parameter like any other. It finds the year in
which the flow of the Nile fell.
"""

# %%
# The yearly flow at Aswan, 1871 to 1970 (Statsmodels; Cobb, 1978), as a deviation from its mean.
import jax
import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = sm.datasets.nile.load_pandas().data
X, flow = (record[[name]].to_numpy(float) for name in ("year", "volume"))
level = flow.mean()
Y = flow - level

# %%
# Before the point the flow has one level, after it another, each unknown: two constant kernels. The steepness is the
# pace of the change; at 5 it is over within a year. It is frozen, and the year isn't. The start is the middle of the
# record.
free = gp.Parameter(3e4, transform=gp.positive(base="exp"))
change = gp.kernels.ChangePoints(
    [gp.kernels.Constant(free), gp.kernels.Constant(free)], locations=[1920.0], steepness=5.0
)
change = gp.set_trainable(change.at.steepness, False)
noise = gp.Parameter(2e4, transform=gp.positive(base="exp"))
model = gp.models.GPR((X, Y), change, likelihood=gp.likelihoods.Gaussian(noise))

# %%
# A step has no slope anywhere but at itself, so the loss is nearly flat in the year, with a dip for each gap between
# two years. Looking is better than descending: `assign` puts the point into every gap in turn. (The first dam at Aswan
# was begun in 1898.)
years = np.arange(1875.5, 1966.0)
losses = np.array([float(gp.assign(model.at.kernel.locations, [year]).training_loss()) for year in years])
best = years[losses.argmin()]
result = gp.fit(gp.assign(model.at.kernel.locations, [best]))
print(f"lowest loss with the change at {best}")
print(result)
gp.print_summary(result.model)

# %%
# Against it: no change at all, and a slow one, a Matérn kernel. Which does the record prefer?
rivals = {"one level": gp.kernels.Constant(3e4), "slow change": gp.kernels.Matern32(variance=3e4, lengthscales=20.0)}
for name, kernel in rivals.items():
    kernel = gp.replace(kernel.at.variance, free)
    rival = gp.fit(gp.models.GPR((X, Y), kernel, likelihood=gp.likelihoods.Gaussian(noise)))
    print(f"log marginal likelihood, {name}: {-rival.loss:.1f}")
print(f"log marginal likelihood, change point: {-result.loss:.1f}")

# %%
# Above, the flow and the two levels. Below, what the record says of the year, if all years were as likely beforehand.
fig, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5.5), sharex=True, height_ratios=[2.5, 1], layout="constrained")
x = np.linspace(1868.0, 1973.0, 600)[:, None]
mean, var = (np.asarray(a)[:, 0] for a in result.model.predict_f(x))
half = 1.96 * np.sqrt(var)
blue, red = gp.plotting.COLORS[:2]
top.fill_between(
    x[:, 0], level + mean - half, level + mean + half, color=blue, alpha=0.3, lw=0, label="95 % for the level"
)
top.plot(x, level + mean, color=blue, lw=2, label="level")
top.plot(X, flow, "k.-", lw=0.4, ms=5, label="flow")
top.set_ylabel("flow (10⁸ m³ a year)")
top.legend(frameon=False, ncols=3)
weight = np.exp(-(losses - losses.min()))
bottom.bar(years, weight / weight.sum(), width=0.9, color=red)
bottom.set(xlabel="year", ylabel="probability\nof the change")
plt.show()
