"""
Freezing and staged training
============================

The period of sunspots is known to be about eleven years. A fit that is free to move everything at once may miss it. One
that holds the period first, and lets it go later, doesn't.
"""

# %%
# Sunspots by the year, 1700 to 2008 (Statsmodels; the Royal Observatory of Belgium), as square roots, which makes their
# scatter even. The last forty years are held out.
import jax
import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = sm.datasets.sunspots.load_pandas().data
X, Y = record[["YEAR"]].to_numpy(float), np.sqrt(record[["SUNACTIVITY"]].to_numpy(float))
past = X[:, 0] < 1969
train = X[past], Y[past]


def build(period):
    wave = gp.kernels.Periodic(gp.kernels.SquaredExponential(variance=10.0), period=period)
    fading = gp.kernels.Matern32(lengthscales=30.0)
    fading = gp.set_trainable(fading.at.variance, False)  # one variance is enough for a product
    mean = gp.mean_functions.Constant([Y[past].mean()])
    return gp.models.GPR(train, fading * wave + gp.kernels.Matern32(), mean_function=mean, noise_variance=1.0)


# %%
# First, everything at once, from guesses that are far off. Each ends in a valley of its own.
for guess in (3.0, 20.0):
    result = gp.fit(build(guess), solver=gp.fitting.LBFGS(max_steps=80))
    period = float(result.model.kernel.kernels[0].kernels[1].period.value)
    print(f"period {guess:4.1f} -> {period:6.3f} years, loss {result.loss:.2f}")

# %%
# Then in stages. A place is named once, and frozen or set free in one line; nothing else changes from stage to stage.
# In the first the period is held at eleven years; in the second it alone moves; in the third, all.
model = build(11.0)
stages = []


def train_stage(name, model):
    result = gp.fit(model, solver=gp.fitting.LBFGS(max_steps=80))
    stages.append((name, result))
    print(f"{name:14s} {len(gp.partition(model)[0])} Parameters move, loss {result.loss:.3f}")
    return result.model


def period_of(model):
    return gp.at(model, "**.period")


model = train_stage("period held", gp.set_trainable(period_of(model), False))
model = gp.set_trainable(model, False)
model = train_stage("period alone", gp.set_trainable(period_of(model), True))
model = gp.set_trainable(model, True)
model = train_stage("all", gp.set_trainable(gp.at(model, "kernel.kernels[0].kernels[0].variance"), False))
gp.print_summary(model)

# %%
# Left, the loss over the three stages. Right, the years held out: the process goes on with the cycle while it can.
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[1, 2], layout="constrained")
step = 0
for (name, result), color, style in zip(stages, gp.plotting.COLORS, ("-", "--", ":"), strict=False):
    steps = step + np.arange(len(result.history))
    left.plot(steps, result.history, color=color, ls=style, lw=2.5, label=name)
    step = steps[-1]
left.set(xlabel="step", ylabel="loss (nats)", ylim=(stages[-1][1].loss - 5, stages[0][1].loss + 60))
left.legend(frameon=False)
x = np.linspace(1930.0, 2009.0, 500)[:, None]
mean, var = (np.asarray(a)[:, 0] for a in model.predict_y(x))
low, middle, high = (np.maximum(mean + z * np.sqrt(var), 0.0) ** 2 for z in (-1.96, 0.0, 1.96))
right.fill_between(x[:, 0], low, high, color=gp.plotting.COLORS[0], alpha=0.25, lw=0, label="95 %")
right.plot(x, middle, color=gp.plotting.COLORS[0], label="median")
shown = X[:, 0] >= 1930
right.plot(X[past & shown], Y[past & shown] ** 2, "k.", ms=5, label="seen")
right.plot(X[~past], Y[~past] ** 2, "o", mfc="white", mec="black", ms=4, label="held out")
right.axvline(1968.5, color="0.5", ls="--", lw=1)
right.set(xlabel="year", ylabel="sunspots")
right.legend(frameon=False, ncols=2, loc="upper left")
plt.show()
