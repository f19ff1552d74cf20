"""
Surgery on a model in training
==============================

A quarter of a network's hidden units are dead. They are cut out of its layers, the moments of Adam are cut to match, and
training goes on as if nothing had happened.
"""

# %%
# A network with one hidden layer of 64 rectified units learns a curve that swings ever faster.
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

    def __init__(self, width, *, key):
        first, second = jax.random.split(key)
        self.layers = [eqx.nn.Linear(1, width, key=first), eqx.nn.Linear(width, 1, key=second)]

    def __call__(self, x):
        return self.layers[1](jax.nn.relu(self.layers[0](x)))


x = jnp.linspace(-1.0, 1.0, 200)[:, None]
y = jnp.sin(10.0 * jnp.exp(x))


@jax.jit
def loss(network):
    return jnp.mean((jax.vmap(network)(x) - y) ** 2)


optimizer = optax.adam(0.005)


@jax.jit
def step(network, state):
    value, gradient = gp.filter_value_and_grad(loss)(network)
    updates, state = optimizer.update(gradient, state)
    return gp.apply_updates(network, updates), state, value


def train(network, state, steps=1500):
    losses = []
    for _ in range(steps):
        network, state, value = step(network, state)
        losses.append(value)
    return network, state, np.asarray(losses)


network = gp.parametrize(Network(64, key=jax.random.key(2)))
network, state, losses = train(network, optimizer.init(gp.partition(network)[0]))

# %%
# The network is a flat dictionary by path. The state of Adam holds two more with the same keys: `mu`, the running mean of
# the gradient, and `nu`, that of its square.
params, _ = gp.partition(network)
print("network:", {path: u.shape for path, u in params.items()})
print("moments:", {path: u.shape for path, u in state[0].mu.items()})
print("steps:  ", state[0].count)

# %%
# A hidden unit that answers to no input has no gradient. It will never learn anything, and costs as much as another.
active = np.asarray(jax.vmap(network.layers[0])(x) > 0).any(axis=0)
alive = np.flatnonzero(active)
print(f"dead units: {np.sum(~active)} of {active.size}")

# %%
# Three arrays have an axis of hidden units. What is kept of them fills two smaller layers, and these take the places of
# the old ones. The loss does not change.
hidden_axis = {"layers[0].weight": 0, "layers[0].bias": 0, "layers[1].weight": 1}


def cut(arrays):
    return {path: u.take(alive, axis=hidden_axis[path]) if path in hidden_axis else u for path, u in arrays.items()}


kept = cut(gp.read_values(network))
layers = gp.parametrize(Network(alive.size, key=jax.random.key(0))).layers
smaller = gp.replace(gp.at(network).layers[0], layers[0])
smaller = gp.replace(gp.at(smaller).layers[1], layers[1])
smaller = gp.multiple_assign(smaller, kept)
sizes = [sum(u.size for u in gp.partition(n)[0].values()) for n in (network, smaller)]
print(f"numbers: {sizes[0]} -> {sizes[1]}    loss: {loss(network):.12f} -> {loss(smaller):.12f}")

# %%
# The moments have the same paths, so the same function cuts them. The count of steps stays.
adam, *rest = state
fitting = (adam._replace(mu=cut(adam.mu), nu=cut(adam.nu)), *rest)

# %%
# Training goes on. Beside it, the network that was left whole, and the smaller one with Adam begun afresh.
runs = {
    "left whole": (network, state),
    "cut, moments too": (smaller, fitting),
    "cut, Adam afresh": (smaller, optimizer.init(gp.partition(smaller)[0])),
}
results = {name: train(*start) for name, start in runs.items()}
whole = results["left whole"][2]
for name, (_, after, history) in results.items():
    apart = np.abs(history - whole)[:300].max()
    print(
        f"{name:17s} count {after[0].count}   highest loss of the next 100 steps {history[:100].max():.4f}   "
        f"farthest from the whole in 300 steps {apart:.0e}"
    )

# %%
# Left, each hidden unit by its weight and bias: for inputs between -1 and 1 it is dead below the two lines. Right, the
# loss: with the moments cut by path, the smaller network goes the way of the whole one.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
weight, bias = (gp.read_values(network)[path].ravel() for path in ("layers[0].weight", "layers[0].bias"))
edge = 1.1 * np.abs(weight).max()
left.fill_between([-edge, 0.0, edge], [-edge, 0.0, -edge], -edge, color="0.92", lw=0)
left.plot(weight[active], bias[active], "o", color="tab:blue", ms=5, label="alive")
left.plot(weight[~active], bias[~active], "X", color="tab:orange", ms=7, label="dead")
left.set(xlabel="weight of a hidden unit", ylabel="bias of a hidden unit", xlim=(-edge, edge))
left.set_ylim(-1.5, 1.1 * bias.max())
left.legend(frameon=False, loc="upper right")

right.semilogy(losses, color="0.4", lw=1)
styles = {
    "left whole": {"color": "0.75", "lw": 5},
    "cut, Adam afresh": {"color": "tab:orange", "lw": 1},
    "cut, moments too": {"color": "tab:blue", "lw": 1.5},
}
for name, style in styles.items():
    history = results[name][2]
    right.semilogy(losses.size + np.arange(history.size), history, **style, label=name)
right.axvline(losses.size, color="0.8", lw=1, zorder=0)
right.text(losses.size - 40, 0.5, "surgery", ha="right", color="0.35")
right.set(xlabel="step", ylabel="mean squared error")
right.legend(frameon=False)
plt.show()
