"""
Training a part of a network
============================

A network of three layers learns to name ten digits. Its middle layer is frozen, and stays what it was, bit for bit.
"""

# %%
# The network is plain Equinox and knows nothing of Parameters: ten inputs, 300 and 100 hidden units, ten classes.
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import gparams as gp

jax.config.update("jax_enable_x64", True)


class Network(eqx.Module):
    layers: list

    def __init__(self, widths, *, key):
        keys = jax.random.split(key, len(widths) - 1)
        sizes = zip(widths[:-1], widths[1:], keys, strict=True)
        self.layers = [eqx.nn.Linear(n, m, key=k) for n, m, k in sizes]

    def __call__(self, x):
        *hidden, last = self.layers
        for layer in hidden:
            x = jax.nn.relu(layer(x))
        return last(x)


# %%
# `parametrize` makes Parameters of its arrays. Then one line freezes the layer, weight and bias. What an optimiser will
# see is a flat dictionary by path, and the middle layer is not in it.
network = gp.parametrize(Network([10, 300, 100, 10], key=jax.random.key(0)))
network = gp.set_trainable(gp.at(network).layers[1], False)
gp.print_summary(network)
params, static = gp.partition(network)
print({path: u.shape for path, u in params.items()})

# %%
# The task: digit in, the same digit out, both one-hot. The loss is the mean cross-entropy.
digits = jnp.eye(10)


def loss(network):
    return optax.softmax_cross_entropy(jax.vmap(network)(digits), digits).mean()


# %%
# Plain gradient descent in one jitted step. The loop is any optax loop: freezing left no trace in it.
optimizer = optax.sgd(0.3)


@jax.jit
def step(params, static, state):
    value, gradient = jax.value_and_grad(lambda p: loss(gp.combine(p, static)))(params)
    updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state, value


state = optimizer.init(params)
losses = []
for _ in range(300):
    params, state, value = step(params, static, state)
    losses.append(value)
trained = gp.combine(params, static)


def right(network):
    return int((jax.vmap(network)(digits).argmax(axis=1) == jnp.arange(10)).sum())


print(f"loss    {loss(network):.4f} -> {loss(trained):.4f}")
print(f"right   {right(network)} of 10 -> {right(trained)} of 10")

# %%
# The frozen layer, in bytes; and how far the others went.
before, after = gp.read_values(network), gp.read_values(trained)
for path in before:
    same = before[path].tobytes() == after[path].tobytes()
    print(f"{path:16s} same bits: {same!s:5s}  largest change: {np.abs(after[path] - before[path]).max():.4f}")

# %%
# All weights before and after, and what came between. Each column has one colour scale. In the middle, the change is
# nothing at all.
weights = [f"layers[{i}].weight" for i in range(3)]
names = ["layers[0]", "layers[1], frozen", "layers[2]"]
fig, axes = plt.subplots(3, 3, figsize=(10, 7), layout="constrained", width_ratios=[1, 2, 1.6])
for column, (path, name) in enumerate(zip(weights, names, strict=True)):
    scale = np.abs(after[path]).max()
    rows = {"before": before[path], "after": after[path], "change": after[path] - before[path]}
    for ax, (row, matrix) in zip(axes[:, column], rows.items(), strict=True):
        image = ax.imshow(matrix, aspect="auto", cmap="RdBu_r", vmin=-scale, vmax=scale, interpolation="nearest")
        ax.set_ylabel(f"{row}\noutput unit" if column == 0 else "output unit")
        ax.tick_params(labelbottom=row == "change")
    axes[0, column].set_title(name)
    axes[2, column].set_xlabel("input unit")
    axes[2, column].xaxis.get_major_locator().set_params(integer=True)
    fig.colorbar(image, ax=axes[:, column], location="bottom", label="weight", shrink=0.9, aspect=30)
plt.show()
