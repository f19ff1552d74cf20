"""
Several devices
===============

The rows of the data are spread over whatever devices there are: the cores of a TPU, several GPUs, or, as here when there is
nothing else, one CPU. The model and the training code stay as they are, and so does the result.
"""

# %%
# What is there? On a machine without accelerators this is one CPU; setting
# ``XLA_FLAGS=--xla_force_host_platform_device_count=8`` before the start makes eight of it, to try things out.
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import gparams as gp

jax.config.update("jax_enable_x64", True)

print(f"{jax.device_count()} device(s):", ", ".join(f"{d.platform} {d.device_kind}" for d in jax.devices()))

# %%
# Counts along a line, 4096 of them, made with a known rate.
keys = jax.random.split(jax.random.key(0))
X = jnp.sort(jax.random.uniform(keys[0], (4096, 1), maxval=10.0), axis=0)
rate = jnp.exp(1.0 + jnp.sin(X) + 0.1 * X)
Y = jax.random.poisson(keys[1], rate).astype(float)
Z = np.linspace(0.0, 10.0, 20)[:, None]
model = gp.models.SVGP(gp.kernels.SquaredExponential(), gp.likelihoods.Poisson(), Z, num_data=len(X))

# %%
# A mesh names the devices, and `mesh=` is all that changes. Each device finds the loss and gradient of its rows, and
# XLA adds them up.
mesh = jax.make_mesh((jax.device_count(),), ("data",))
solver = gp.fitting.Optax(optax.adam(0.02), steps=300, batch_size=512)
spread = gp.fit(model, data=(X, Y), solver=solver, key=jax.random.key(1), mesh=mesh)
alone = gp.fit(model, data=(X, Y), solver=solver, key=jax.random.key(1))
apart = max(
    np.abs(a - b).max() for a, b in zip(jax.tree.leaves(spread.model), jax.tree.leaves(alone.model), strict=True)
)
print(spread)
print(f"largest difference from the fit on one device: {apart:.1e}")

# %%
# The fit, and its loss batch by batch.
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
inputs = np.linspace(0.0, 10.0, 300)[:, None]
left.plot(
    X, Y + 0.25 * np.random.default_rng(0).uniform(-1, 1, Y.shape), ".", color="0.75", ms=2, label="counts, jittered"
)
gp.plotting.plot_gp(spread.model, inputs, invlink=jnp.exp, label="median of the rate", ax=left)
left.plot(inputs, np.exp(1.0 + np.sin(inputs) + 0.1 * inputs), "k--", lw=1, label="true rate")
left.set(xlabel="x", ylabel="count")
left.legend(frameon=False, fontsize="small", loc="upper left")
gp.plotting.plot_history({"over the mesh": spread, "one device": alone}, ax=right, lw=1)
right.lines[1].set(linestyle=":", linewidth=2)
right.set(ylabel="loss (nats)")
plt.show()
