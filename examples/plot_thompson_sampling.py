"""
Functions drawn from the posterior, and Thompson sampling
=========================================================

A sample of a process is usually a list of numbers at given inputs. Here it is a function: it can be called anywhere, again
and again, and has gradients. That makes a search for the lowest point of an unknown function short.
"""

# %%
# The unknown function is a made one, with two dips (Forrester, Sóbester & Keane, 2008). It is seen at three places,
# with a little noise.
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gparams as gp

jax.config.update("jax_enable_x64", True)


def unknown(x):
    return (6.0 * x - 2.0) ** 2 * jnp.sin(12.0 * x - 4.0)


def observe(x, key):
    return unknown(x) + 0.2 * jax.random.normal(key, x.shape)


key, data_key = jax.random.split(jax.random.key(3))
X = jnp.array([[0.1], [0.45], [0.9]])
Y = observe(X, data_key)
model = gp.models.GPR((X, Y), kernel=gp.kernels.Matern52(variance=25.0, lengthscales=0.2), noise_variance=0.2**2)

# %%
# Eight functions from the posterior. Each is a sum of random waves, the prior's share, put right where the observations
# are. Calling them at a million places costs no more than a mean there.
f = model.sample_functions(8, key=jax.random.key(0))
grid = jnp.linspace(0.0, 1.0, 500)[:, None]
slope = jax.vmap(jax.grad(lambda x: f(x[None, None])[0, 0, 0]))(grid[:, 0])
print("values ", f(grid).shape, "  the same when asked again:", bool(jnp.all(f(grid) == f(grid))))
print("slopes of the first", slope.shape)

# %%
# Thompson sampling: draw a function, and go where it is lowest. It goes to low places and to unknown ones, each as
# often as it is likely to be the best. Three functions a round are three observations that can be made side by side.
rounds = []
for _ in range(4):
    key, draw_key, data_key = jax.random.split(key, 3)
    functions = model.sample_functions(3, key=draw_key)
    values = functions(grid)[:, :, 0]
    chosen = grid[jnp.argmin(values, axis=1)]  # [3, 1]
    rounds.append((model, np.asarray(values), np.asarray(chosen)))
    X, Y = jnp.concatenate([X, chosen]), jnp.concatenate([Y, observe(chosen, data_key)])
    model = gp.models.GPR((X, Y), kernel=model.kernel, likelihood=model.likelihood)
    at_best = float(unknown(X[jnp.argmin(Y)])[0])
    print(f"after {len(X)} observations the best is at x = {float(X[jnp.argmin(Y), 0]):.3f}, value {at_best:.3f}")
print(f"the lowest value of all is {float(unknown(grid).min()):.3f}")

# %%
# Round by round: the process, the three functions drawn, and their lowest points. The
# more is known, the fewer places are worth a look.
fig, axes = plt.subplots(2, 2, figsize=(10, 6.5), sharex=True, sharey=True, layout="constrained")
for i, (ax, (fitted, values, chosen)) in enumerate(zip(axes.flat, rounds, strict=True)):
    ax.plot(grid, unknown(grid), color="0.55", ls="--", lw=1, label="unknown function")
    for values_of_one, x in zip(values, chosen, strict=True):
        ax.plot(grid, values_of_one, color=gp.plotting.COLORS[1], lw=0.9, label="functions drawn")
        ax.plot(
            x, values_of_one.min(), "v", color=gp.plotting.COLORS[1], mec="black", ms=8, label="their lowest points"
        )
    gp.plotting.plot_gp(fitted, grid, ax=ax)
    ax.set(title=f"round {i + 1}: {len(fitted.data[0])} observations", ylim=(-13.0, 17.0))
names = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1], strict=True))
fig.legend(names.values(), names, loc="outside lower center", ncols=6, frameon=False)
for ax in axes[1]:
    ax.set_xlabel("x")
for ax in axes[:, 0]:
    ax.set_ylabel("f(x)")
plt.show()
