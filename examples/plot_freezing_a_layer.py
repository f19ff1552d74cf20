"""
Freezing a layer
================

A layer with one parameter sits inside a model. It is frozen, given another value, and set free again. The loss and the
training code stay as they are.
"""

# %%
# A leaf in weak light takes up carbon dioxide in proportion to the light; in strong light it takes up no more. The layer
# is the bend, with one parameter `a`. The model around it has a height and a respiration. The data are made up, with
# ``a = 3``.
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import gparams as gp

jax.config.update("jax_enable_x64", True)


class Bend(gp.Module):
    a: gp.Parameter

    def __init__(self, a):
        self.a = gp.Parameter(a, transform=gp.positive())

    def __call__(self, light):
        return jnp.tanh(self.a * light)


class Leaf(gp.Module):
    layer: Bend
    height: gp.Parameter
    respiration: gp.Parameter

    def __init__(self, a=1.0, height=10.0, respiration=0.0):
        self.layer = Bend(a)
        self.height = gp.Parameter(height)
        self.respiration = gp.Parameter(respiration)

    def __call__(self, light):
        return self.height * self.layer(light) - self.respiration


def loss(model, light, uptake):
    return jnp.mean((model(light) - uptake) ** 2)


light = jnp.linspace(0.0, 2.0, 40)
noise = jax.random.normal(jax.random.key(1), light.shape)
uptake = Leaf(a=3.0, height=20.0, respiration=2.0)(light) + 0.7 * noise

# %%
# Freezing is one line. The loss is the same number, and the gradient has no entry for `a`: not a zero, no entry.
free = Leaf()
model = gp.set_trainable(free.at.layer.a, False)
print("loss, free and frozen: ", loss(free, light, uptake), loss(model, light, uptake))
print("gradient while free:   ", list(gp.filter_grad(loss)(free, light, uptake)))
print("gradient while frozen: ", list(gp.filter_grad(loss)(model, light, uptake)))

# %%
# One jitted step serves to the end. The model goes in as an argument, so the step always reads the numbers it holds now,
# the frozen ones too.
optimizer = optax.adam(0.1)
compilations = []


@jax.jit
def step(model, state):
    compilations.append("once more")
    value, gradient = gp.filter_value_and_grad(loss)(model, light, uptake)
    updates, state = optimizer.update(gradient, state)
    return gp.apply_updates(model, updates), state, value


history = []


def train(model, steps):
    state = optimizer.init(gp.partition(model)[0])
    for _ in range(steps):
        history.append((model.layer.a.value, loss_now(model)))
        model, state, _ = step(model, state)
    return model


@jax.jit
def loss_now(model):
    return loss(model, light, uptake)


stiff = train(model, 300)
print(f"trained with a frozen:  a = {stiff.layer.a}, loss {loss_now(stiff):.3f}")

# %%
# A frozen value can be replaced. The output is another one at once, also from a function that was compiled before, and
# nothing is compiled for it.
moved = gp.replace(stiff.at.layer.a, gp.Parameter(6.0, transform=gp.positive(), trainable=False))
print(f"uptake in weak light:   {np.round(stiff(light[1:5]), 2)} for a = {stiff.layer.a}")
print(f"                        {np.round(moved(light[1:5]), 2)} for a = {moved.layer.a}")
print(f"loss before and after:  {loss_now(stiff):.3f}  {loss_now(moved):.3f}")
print("assign does the same:  ", loss_now(gp.assign(stiff.at.layer.a, 6.0)) == loss_now(moved))
steep = train(moved, 300)
print(f"trained with a = 6:     a = {steep.layer.a}, loss {loss_now(steep):.3f}, compilations {len(compilations)}")

# %%
# Free again, in the same model, with what the other parameters have learnt. A changed flag is another structure, and
# costs one compilation.
fitted = train(gp.set_trainable(steep.at.layer.a, True), 600)
print(
    f"trained with a free:    a = {fitted.layer.a:.3f}, loss {loss_now(fitted):.3f}, compilations {len(compilations)}"
)
gp.print_summary(fitted)

# %%
# Left, the three fits. Right, `a` and the loss over all the steps: `a` is flat while frozen, moved by hand once, and
# trained at the end.
fig, axes = plt.subplot_mosaic([["fits", "a"], ["fits", "loss"]], figsize=(10, 4.5), layout="constrained")
axes["fits"].plot(light, uptake, "k.", ms=5, label="data")
for fit, colour, style, name in (
    (stiff, "tab:orange", "--", "a frozen at 1"),
    (steep, "tab:purple", ":", "a frozen at 6"),
    (fitted, "tab:blue", "-", f"a free: {fitted.layer.a:.2f}"),
):
    axes["fits"].plot(light, fit(light), color=colour, ls=style, lw=2, label=name)
axes["fits"].set(xlabel="light (mmol photons m⁻² s⁻¹)", ylabel="CO₂ uptake (µmol m⁻² s⁻¹)")
axes["fits"].legend(frameon=False)

a, losses = np.asarray(history).T
axes["a"].plot(a, color="tab:blue")
axes["a"].axhline(3.0, color="0.5", lw=1, ls="--")
axes["a"].text(1200, 3.15, "the truth", color="0.35", ha="right")
axes["a"].set(ylabel="a (m² s mmol⁻¹)", ylim=(0, 8.5))
axes["a"].tick_params(labelbottom=False)
axes["loss"].semilogy(losses, color="tab:blue")
axes["loss"].set(xlabel="step", ylabel="loss (µmol² m⁻⁴ s⁻²)")
for start, name in ((0, "frozen"), (300, "replaced"), (600, "free")):
    axes["a"].text(start + 10, 7.3, name)
    for ax in (axes["a"], axes["loss"]):
        ax.axvline(start, color="0.8", lw=1, zorder=0)
plt.show()
