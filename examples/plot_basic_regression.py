"""
The flow of the Nile: a first regression
========================================

The yearly volume of the Nile at Aswan, 1871 to 1970, fell around 1898. An exact Gaussian process is fitted to it; then
one parameter is frozen, in one line, and the fit is repeated.
"""

# %%
# One hundred numbers, in 10⁸ m³ a year (Statsmodels carries them; the source is Cobb, 1978, *Biometrika*).
import jax
import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = sm.datasets.nile.load_pandas().data
X = record[["year"]].to_numpy(float)
Y = record[["volume"]].to_numpy(float)

# %%
# A Matérn kernel, a constant mean and Gaussian noise. The start is a guess of the right order of magnitude.
kernel = gp.kernels.Matern32(variance=1.5e4, lengthscales=10.0)
mean = gp.mean_functions.Constant([Y.mean()])
model = gp.models.GPR((X, Y), kernel, mean_function=mean, noise_variance=2e4)
result = gp.fit(model)
print(result)
gp.print_summary(result.model)

# %%
# Freezing is one line, and a new model comes back. Here the lengthscale is set to thirty years and held: what would a river
# with a long memory look like?
long = gp.assign(result.model.at.kernel.lengthscales, 30.0)
long = gp.set_trainable(long.at.kernel.lengthscales, False)
long_result = gp.fit(long)
print(long_result)
gp.print_summary(long_result.model)

# %%
# Both, with the bands for the mean and for one year's flow. The log marginal likelihood says which the data prefer.
years = np.linspace(1865.0, 1980.0, 400)[:, None]
fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, fit, title in zip(
    axes, (result, long_result), ("lengthscale free", "lengthscale frozen at 30 years"), strict=True
):
    f, f_var = (np.asarray(a)[:, 0] for a in fit.model.predict_f(years))
    _, y_var = (np.asarray(a)[:, 0] for a in fit.model.predict_y(years))
    ax.fill_between(
        years[:, 0],
        f - 1.96 * y_var**0.5,
        f + 1.96 * y_var**0.5,
        color="tab:blue",
        alpha=0.15,
        lw=0,
        label="95 % for the flow",
    )
    ax.fill_between(
        years[:, 0],
        f - 1.96 * f_var**0.5,
        f + 1.96 * f_var**0.5,
        color="tab:blue",
        alpha=0.35,
        lw=0,
        label="95 % for the mean",
    )
    ax.plot(years[:, 0], f, color="tab:blue", label="mean")
    ax.plot(X, Y, "k.", ms=4, label="record")
    ax.set(xlabel="year", title=f"{title}\nlog marginal likelihood {-fit.loss:.1f}")
axes[0].set_ylabel("volume (10⁸ m³ a year)")
axes[0].legend(frameon=False, loc="upper right", fontsize="small")
plt.show()
