"""
A network inside a kernel
=========================

A stationary kernel has one lengthscale everywhere. A network in front of it can stretch the input here and press it
together there, and finds out where by itself.
"""

# %%
# A made record: a slow wave, a jump, and a fast wave, at a hundred places with a little noise. One that is known helps
# to see what comes out.
import equinox as eqx
import jax
import matplotlib.pyplot as plt
import numpy as np

import gparams as gp

jax.config.update("jax_enable_x64", True)


def truth(x):
    return np.where(x < 0.0, np.sin(2.0 * x) - 1.0, 1.0 + 0.5 * np.sin(12.0 * x))


rng = np.random.default_rng(0)
X = np.sort(rng.uniform(-3.0, 3.0, (100, 1)), axis=0)
Y = truth(X) + 0.1 * rng.normal(size=X.shape)

# %%
# A plain kernel, and one with a network of two small hidden layers in front. The network is plain Equinox; inside the
# kernel its weights are Parameters, and train with all others on the marginal likelihood.
plain = gp.models.GPR((X, Y), gp.kernels.Matern52(lengthscales=0.5), noise_variance=0.05)
mlp = eqx.nn.MLP(in_size=1, out_size=2, width_size=16, depth=2, activation=jax.nn.tanh, key=jax.random.key(4))
deep = gp.models.GPR((X, Y), gp.kernels.DeepKernel(gp.kernels.Matern52(), mlp), noise_variance=0.05)
fits = {"plain": gp.fit(plain), "deep": gp.fit(deep, solver=gp.fitting.LBFGS(max_steps=300))}

x = np.linspace(-3.0, 3.0, 500)[:, None]
for name, result in fits.items():
    mean = np.asarray(result.model.predict_f(x)[0])
    count = sum(np.size(u) for u in gp.partition(result.model)[0].values())
    print(
        f"{name:5s} {count:4d} numbers trained, log marginal likelihood {-result.loss:6.1f}, "
        f"error against the truth {np.sqrt(np.mean((mean - truth(x)) ** 2)):.3f}"
    )

# %%
# Many weights and one likelihood can overfit, with no penalty on the weights; so look at new observations too.
fresh = rng.uniform(-3.0, 3.0, (500, 1))
new = truth(fresh) + 0.1 * rng.normal(size=fresh.shape)
for name, result in fits.items():
    print(f"{name:5s} log density of a new observation {np.mean(result.model.predict_log_density((fresh, new))):.3f}")

# %%
# Left and middle, the two fits. Right, how alike the deep kernel takes two inputs to be: the jump is a cut, and the
# ridge along the diagonal is narrow where the wave is fast.
fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for ax, (name, result), color in zip(axes, fits.items(), gp.plotting.COLORS, strict=False):
    ax.plot(x, truth(x), color="0.3", ls="--", lw=1, label="truth")
    gp.plotting.plot_gp(result.model, x, color=color, ax=ax)
    ax.set(title=f"{name} kernel", xlabel="x", ylim=(-3.0, 2.5))
axes[0].set_ylabel("y")
axes[0].legend(frameon=False, fontsize="small", loc="upper left")
gp.plotting.plot_kernel(fits["deep"].model.kernel, x[::3], show="matrix", ax=axes[2])
axes[2].set_title("deep kernel")
plt.show()
