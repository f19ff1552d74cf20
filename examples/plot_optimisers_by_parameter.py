"""
An optimiser for each parameter, and a projection
=================================================

Two scans of one object differ by a turn, a size and a shift. Each of the three gets the optimiser that suits it, and the
turn is put back among the rotations after every step.
"""

# %%
# Twelve landmarks on a flat object, in centimetres, and where a noisy scanner saw them, in voxels. The object is five
# times thinner than it is wide, so the data say little about the third direction. Two hundred more points, further off
# the plane and without noise, tell later how good the answer is.
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import gparams as gp

jax.config.update("jax_enable_x64", True)


class Registration(gp.Module):
    rotation: gp.Parameter
    size: gp.Parameter
    shift: gp.Parameter

    def __init__(self, rotation, size, shift):
        self.rotation = gp.Parameter(rotation)
        self.size = gp.Parameter(size, transform=gp.positive())
        self.shift = gp.Parameter(shift)

    def __call__(self, points):
        return self.size * points @ self.rotation.T + self.shift


def loss(model, points, seen):
    return jnp.mean(jnp.sum((model(points) - seen) ** 2, axis=1))


def orthogonal(matrix):
    q, r = jnp.linalg.qr(matrix)
    return q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0)  # QR up to signs; these make the diagonal of R positive


keys = jax.random.split(jax.random.key(0), 4)
angle = jnp.deg2rad(100.0)
axis = jnp.cross(jnp.array([1.0, 2.0, 2.0]) / 3.0, jnp.eye(3))
turn = jax.scipy.linalg.expm(angle * axis)
truth = Registration(turn, size=1.6, shift=[3.0, -2.0, 1.0])
points = jax.random.normal(keys[0], (12, 3)) * jnp.array([1.0, 1.0, 0.2])
seen = truth(points) + 0.15 * jax.random.normal(keys[1], (12, 3))
others = jax.random.normal(keys[2], (200, 3))

# %%
# The keys of `partition`'s dictionary are paths, so labels are written by path, and `optax.multi_transform` does the
# rest. The turn gets plain gradient descent along the rotations: the part of the gradient that would stretch is taken
# off, since a stretch undone by QR comes out as a turn. The size gets Adam, the shift gets momentum.
along = optax.stateless_with_tree_map(lambda g, w: g - w @ (w.T @ g + g.T @ w) / 2)
optimizers = {"turn": optax.chain(along, optax.sgd(0.05)), "size": optax.adam(0.02), "shift": optax.sgd(0.02, 0.9)}
plain = optimizers | {"turn": optax.sgd(0.05)}
labels = {"rotation": "turn", "size": "size", "shift": "shift"}
start = Registration(jnp.eye(3), size=1.0, shift=jnp.zeros(3))
print("paths:", list(gp.partition(start)[0]))

# %%
# `update` applies a function to what stands at a place. After each step it brings the matrix back to the rotations. The
# second run goes without, and with plain gradient descent.


def train(model, optimizer, project, steps=1500):
    @jax.jit
    def step(model, state):
        gradient = gp.filter_grad(loss)(model, points, seen)
        updates, state = optimizer.update(gradient, state, gp.partition(model)[0])
        model = gp.apply_updates(model, updates)
        return (gp.update(model.at.rotation, orthogonal) if project else model), state

    state = optimizer.init(gp.partition(model)[0])
    history = []
    for _ in range(steps):
        model, state = step(model, state)
        history.append(measure(model))
    return model, np.asarray(history)


@jax.jit
def measure(model):
    w = model.rotation.value
    bent = jnp.linalg.norm(w.T @ w - jnp.eye(3))
    return bent, loss(model, points, seen) ** 0.5, loss(model, others, truth(others)) ** 0.5


held, held_history = train(start, optax.multi_transform(optimizers, labels), project=True)
loose, loose_history = train(start, optax.multi_transform(plain, labels), project=False)
for name, history in (("with projection", held_history), ("without", loose_history)):
    bent, near, far = history[-1]
    print(f"{name:16s} |W'W - 1| {bent:.1e}   error at the landmarks {near:.3f}   at the other points {far:.3f} voxels")

# %%
# For this problem the least-squares answer is known: the singular vectors of the two scans' cross-covariance (Umeyama,
# 1991, *IEEE TPAMI* 13(4)). The projected run has found it.
A, B = points - points.mean(0), seen - seen.mean(0)
U, s, Vt = jnp.linalg.svd(B.T @ A)
signs = jnp.array([1.0, 1.0, jnp.sign(jnp.linalg.det(U @ Vt))])
rotation, size = (U * signs) @ Vt, (s * signs).sum() / (A**2).sum()
print(f"distance to the closed form: rotation {jnp.abs(held.rotation - rotation).max():.1e}", end=", ")
print(f"size {jnp.abs(held.size - size):.1e}")
print(f"size: truth {truth.size:.3f}, with projection {held.size:.3f}, without {loose.size:.3f}")

# %%
# Without the projection the matrix also bends towards the noise, and the loss can't tell size from stretch. It fits the
# landmarks better, and all the rest worse.
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
runs = (("with projection", held_history, "tab:blue", "-"), ("without", loose_history, "tab:orange", "--"))
for name, history, colour, style in runs:
    steps = np.arange(1, len(history) + 1)
    left.semilogy(steps, np.maximum(history[:, 0], 1e-17), color=colour, ls=style, lw=1, label=name)
    middle.plot(steps, history[:, 1], color=colour, ls=style, label=name)
    right.plot(steps, history[:, 2], color=colour, ls=style, label=name)
left.set(title="distance from the rotations", ylabel="‖WᵀW − 1‖", xlabel="step", ylim=(1e-17, 10))
middle.set(title="at the twelve landmarks", ylabel="root mean square error (voxels)", xlabel="step", ylim=(0, 1))
right.set(title="at 200 other points", ylabel="root mean square error (voxels)", xlabel="step", ylim=(0, 1))
left.legend(frameon=False)
plt.show()
