"""
Natural gradients
=================

A variational process learns a Gaussian besides its parameters. Natural gradients know what a step means for a Gaussian:
where the likelihood is Gaussian, one step is all it takes; elsewhere, tens of steps do what takes Adam hundreds.
"""

# %%
# Wisconsin's tumours once more, by all thirty numbers (scikit-learn). A sparse process with sixty inducing points.
import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
from sklearn.datasets import load_breast_cancer

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = load_breast_cancer()
X = (record.data - record.data.mean(0)) / record.data.std(0)
Y = record.target[:, None].astype(float)
Z = gp.inducing_variables.kmeans(X, 60, key=jax.random.key(0))
kernel = gp.kernels.SquaredExponential(variance=4.0, lengthscales=8.0)

# %%
# First, regression, where the answer is known: take the labels for numbers. The bound of SGPR is the best that any
# Gaussian over the inducing points can do, and one natural step of length one is there. Adam is still on its way.
regression = gp.models.SVGP(kernel, gp.likelihoods.Gaussian(0.1), Z)
best = -float(gp.models.SGPR((X, Y), kernel, Z, noise_variance=0.1).elbo())
natural = gp.fit(regression, data=(X, Y), solver=gp.fitting.NaturalGradient(gamma=1.0, steps=1))
frozen = gp.set_trainable([regression.at.kernel, regression.at.likelihood, regression.at.inducing_variable], False)
adam = gp.fit(frozen, data=(X, Y), solver=gp.fitting.Optax(optax.adam(0.05), steps=300))
print(f"lowest loss possible               {best:.6f}")
print(f"one natural step                   {natural.loss:.6f}")
print(f"{adam.steps} steps of Adam, which began at {adam.history[0]:.0f}: {adam.loss:.6f}")

# %%
# Then classification. Both ways learn kernel and inducing points by Adam at the same rate; only the Gaussian is learnt
# by Adam in the one, and by natural steps in the other. `NaturalGradient` takes turns: a natural step, then one of
# `rest`.
model = gp.models.SVGP(kernel, gp.likelihoods.Bernoulli(), Z)
steps = 300
fits = {
    "Adam for all": gp.fit(model, data=(X, Y), solver=gp.fitting.Optax(optax.adam(0.02), steps=steps)),
    "natural steps, Adam for the rest": gp.fit(
        model, data=(X, Y), solver=gp.fitting.NaturalGradient(gamma=0.5, rest=optax.adam(0.02), steps=steps)
    ),
}
for name, result in fits.items():
    print(f"{name:32s} loss {result.loss:.2f} after {result.steps} steps")
slow, fast = (np.asarray(result.history) for result in fits.values())
overtaken = int(np.argmax(fast <= slow[-1]))
print(f"natural steps are where Adam ends after {overtaken} of them")

# %%
# Left, regression: how far the loss is above the lowest possible. Right, classification: the loss.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
red, blue = gp.plotting.COLORS[1::-1]
gaps = {"Adam": adam.history - best, "one natural step": np.maximum(natural.history - best, 1e-9)}
gp.plotting.plot_history(gaps, colors=(red, blue), lw=2, marker=".", ms=3, ax=left)
left.set(yscale="log", ylabel="loss above the lowest possible (nats)", title="regression")
gp.plotting.plot_history(fits, colors=(red, blue), lw=2, ax=right)
right.set(ylim=(0.9 * fast.min(), 2.0 * fast.min()), ylabel="loss (nats)", title="classification")
right.axvline(overtaken, color="0.6", lw=1, ls=":")
plt.show()
