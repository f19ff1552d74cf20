"""
Parameters and state
====================

Some numbers of a model change in training and are not trained: a running mean, the statistics of a batch norm. They are
state. A `Buffer` holds state inside a model; Equinox keeps it beside the model, in an `eqx.nn.State`. Neither ever reaches
the optimiser.
"""

# %%
# A bias adder with a running mean
# --------------------------------
# The layer takes the mean of what it has seen away from its input, and adds a bias. The bias is a Parameter, the mean a
# Buffer: `set_trainable` on the whole model passes it by, the summary lists it.
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from sklearn.datasets import make_moons

import gparams as gp

jax.config.update("jax_enable_x64", True)


class BiasAdder(gp.Module):
    """``x - mean + bias``, with a running mean of the inputs."""

    bias: gp.Parameter
    mean: gp.Buffer

    def __init__(self, size):
        self.bias = gp.Parameter(np.zeros(size))
        self.mean = gp.Buffer(np.zeros(size))

    def __call__(self, x, decay=0.95):
        mean = decay * self.mean + (1.0 - decay) * x.mean(axis=0)
        return x - mean + self.bias, gp.assign(self.at.mean, mean)


model = gp.set_trainable(BiasAdder(2), True)
gp.print_summary(model)

# %%
# One step: the loss returns the model with its new state beside the value. The gradient has the bias alone. `split` takes
# the state out of the one and `merge` puts it into the other.


def loss(model, x, y):
    out, after = model(x)
    state, _ = gp.split(after, gp.Buffer)
    return jnp.mean((out - y) ** 2), state


optimizer = optax.sgd(0.1)


@eqx.filter_jit
def step(model, opt_state, x, y):
    (value, state), gradient = gp.filter_value_and_grad(loss, has_aux=True)(model, x, y)
    params, _, rest = gp.split(model, gp.is_trainable, gp.Buffer)
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    return gp.merge(optax.apply_updates(params, updates), state, rest), opt_state, value


rng = np.random.default_rng(0)
center, target = np.array([5.0, -1.0]), np.array([2.0, 0.5])
opt_state = optimizer.init(gp.partition(model)[0])
print("the optimiser sees", list(gp.partition(model)[0]))
path = []
for _ in range(150):
    x = center + rng.normal(size=(64, 2))
    model, opt_state, value = step(model, opt_state, x, x - center + target)
    path.append([*np.asarray(model.mean), *np.asarray(model.bias), float(value)])
path = np.array(path)
print(f"running mean {np.asarray(model.mean).round(2)} of inputs around {center}")
print(f"bias {np.asarray(model.bias).round(2)}, wanted {target}")

# %%
# The mean finds the centre of the inputs, the bias the target; each in its own way.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharex=True)
for ax, columns, ends, title in (
    (axes[0], path[:, :2], center, "running mean (state)"),
    (axes[1], path[:, 2:4], target, "bias (Parameter)"),
):
    for k, color in enumerate(("tab:blue", "tab:orange")):
        ax.plot(columns[:, k], color=color, label=f"column {k}")
        ax.axhline(ends[k], color=color, ls="--", lw=0.8)
    ax.set(xlabel="step", title=title)
axes[0].set_ylabel("value (dashed: where it should go)")
axes[0].legend(frameon=False)
plt.show()

# %%
# A network with batch norm
# -------------------------
# `eqx.nn.BatchNorm` takes its statistics over a named axis of `vmap`, and keeps running ones in an `eqx.nn.State` that goes
# in and comes out. `parametrize` makes Parameters of the network's arrays; the State is not touched by it.


class Net(eqx.Module):
    layers: list
    norms: list

    def __init__(self, key):
        sizes = (2, 16, 16, 1)
        keys = jax.random.split(key, 3)
        self.layers = [eqx.nn.Linear(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)]
        self.norms = [eqx.nn.BatchNorm(16, axis_name="batch", mode="batch") for _ in range(2)]

    def __call__(self, x, state):
        for layer, norm in zip(self.layers[:-1], self.norms, strict=True):
            x, state = norm(layer(x), state)
            x = jax.nn.relu(x)
        return self.layers[-1](x)[0], state


net, state = eqx.nn.make_with_state(Net)(jax.random.key(0))
net = gp.parametrize(net)
X, labels = make_moons(400, noise=0.15, random_state=0)


def logits(net, state, X):
    batched = jax.vmap(gp.values(net), axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    return batched(X, state)


def net_loss(net, state, X, labels):
    out, state = logits(net, state, X)
    return optax.sigmoid_binary_cross_entropy(out, labels).mean(), state


adam = optax.adam(1e-2)


@eqx.filter_jit
def net_step(net, state, opt_state, X, labels):
    (value, state), gradient = gp.filter_value_and_grad(net_loss, has_aux=True)(net, state, X, labels)
    updates, opt_state = adam.update(gradient, opt_state, gp.partition(net)[0])
    return gp.apply_updates(net, updates), state, opt_state, value


opt_state = adam.init(gp.partition(net)[0])
for _ in range(300):
    rows = rng.choice(len(X), 64, replace=False)
    net, state, opt_state, value = net_step(net, state, opt_state, X[rows], labels[rows].astype(float))

# %%
# For predictions the network goes into inference mode, where the batch norm reads its running statistics. Then one point
# gets the same answer alone as among others.
trained = eqx.nn.inference_mode(net)
predict = eqx.filter_jit(lambda X: logits(trained, state, X)[0])
together = predict(X)
alone = jnp.concatenate([predict(X[i : i + 1]) for i in range(5)])
print(f"accuracy {np.mean((together > 0) == labels):.3f}")
print("one by one as together:", bool(jnp.allclose(alone, together[:5])))
print("of the batch norms the optimiser sees", [name for name in gp.partition(net)[0] if "norms" in name])

# %%
# The classes and the probability that the network gives.
grid = np.stack(np.meshgrid(np.linspace(-1.7, 2.7, 150), np.linspace(-1.2, 1.7, 100)), -1)
probability = jax.nn.sigmoid(predict(grid.reshape(-1, 2))).reshape(grid.shape[:2])
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
filled = ax.contourf(grid[..., 0], grid[..., 1], probability, levels=np.linspace(0, 1, 11), cmap="cividis", alpha=0.7)
for value, marker in ((0, "o"), (1, "^")):
    ax.plot(*X[labels == value].T, marker, ms=4, mec="black", mfc="white" if value else "black", label=f"class {value}")
ax.set(xlabel="first input", ylabel="second input", title="MLP with batch norm")
ax.legend(frameon=True, loc="upper right")
fig.colorbar(filled, label="probability of class 1")
plt.show()
