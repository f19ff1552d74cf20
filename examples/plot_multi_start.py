"""
Many starts
===========

A likelihood may have several peaks, each a story about the data: much noise and a slow function, or little noise and a fast
one. A fit finds the one that it starts near. `fit_restarts` looks from many places, in one compiled program.
"""

# %%
# Few numbers, so that both stories are possible: twelve draws from a known process, made with the seed that is printed.
import jax
import matplotlib.pyplot as plt
import numpy as np

import gparams as gp

jax.config.update("jax_enable_x64", True)

rng = np.random.default_rng(11)
X = np.sort(rng.uniform(-5.0, 5.0, (12, 1)), axis=0)
Y = np.sin(1.5 * X) + 0.3 * rng.normal(size=X.shape)
kernel = gp.kernels.SquaredExponential(variance=1.0, lengthscales=gp.Parameter(20.0, transform=gp.bounded(0.05, 50.0)))
kernel = gp.set_trainable(kernel.at.variance, False)
noise = gp.Parameter(1.0, transform=gp.positive(lower=1e-6, base="exp"))
model = gp.models.GPR((X, Y), kernel, likelihood=gp.likelihoods.Gaussian(noise))

# %%
# One fit from here, and thirty-two from starts all around. The first of these is the model itself.
one = gp.fit(model)
many = gp.fit_restarts(model, key=jax.random.key(0), num=32, spread=2.0)
print(one)
print(many)
ends = np.round(many.losses[many.converged], 2)
for loss, count in zip(*np.unique(ends, return_counts=True), strict=True):
    print(f"{count} starts ended at a loss of {loss}")

# %%
# With two Parameters the surface can be drawn: the log marginal likelihood by lengthscale and noise, where the starts
# ended, and the two stories.
lengthscales, variances = np.geomspace(0.1, 49.9, 70), np.geomspace(1e-3, 5.0, 60)
columns = np.stack([a.ravel() for a in np.meshgrid(lengthscales, variances)], 1)


@jax.jit
def surface(columns):
    def one(pair):
        moved = gp.assign(model.at.kernel.lengthscales, pair[0])
        return gp.assign(moved.at.likelihood.variance, pair[1]).log_marginal_likelihood()

    return jax.lax.map(one, columns, batch_size=100)


heights = np.asarray(surface(jax.numpy.asarray(columns))).reshape(60, 70)
fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained", width_ratios=[1.2, 1, 1])
levels = heights.max() - np.array([20.0, 12.0, 8.0, 5.0, 3.0, 2.0, 1.0, 0.5, 0.1])
filled = axes[0].contourf(
    lengthscales, np.sqrt(variances), heights, levels=[*levels, heights.max()], cmap="cividis", extend="min"
)
fig.colorbar(filled, ax=axes[0], label="log marginal likelihood (nats)", format="%.1f")
for fitted in many.models:
    place = float(fitted.kernel.lengthscales.value), float(fitted.likelihood.variance.value) ** 0.5
    axes[0].plot(*place, "o", mfc="none", mec="black", mew=1, ms=17, clip_on=False)
for fitted, marker, color in ((one.model, "X", gp.plotting.COLORS[1]), (many.model, "*", gp.plotting.COLORS[5])):
    place = float(fitted.kernel.lengthscales.value), float(fitted.likelihood.variance.value) ** 0.5
    name = "one fit" if fitted is one.model else "best of all"
    axes[0].plot(*place, marker, color=color, mec="black", ms=13, ls="", label=name)
axes[0].set(xscale="log", yscale="log", xlabel="lengthscale", ylabel="standard deviation of the noise")
axes[0].set(xlim=(0.1, 60.0), ylim=np.sqrt(variances[[0, -1]]))
axes[0].legend(loc="lower right", fontsize="small")
x = np.linspace(-6.0, 6.0, 300)[:, None]
stories = (("one fit", one.model, gp.plotting.COLORS[1]), ("best of all", many.model, gp.plotting.COLORS[0]))
for ax, (name, fitted, color) in zip(axes[1:], stories, strict=True):
    gp.plotting.plot_gp(fitted, x, observations=True, color=color, ax=ax)
    ax.set(title=name, xlabel="x", ylabel="y", ylim=(-2.6, 2.6))
axes[1].legend(fontsize="small", frameon=False, ncols=2)
plt.show()
