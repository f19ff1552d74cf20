"""
A map of handwritten digits
===========================

Each image has sixty-four pixels and lies, it seems, on a surface of few dimensions. A latent variable model finds a place
for every image on a plane, and nobody told it which digit is which.
"""

# %%
# Two hundred and forty images of the digits 0, 1, 4 and 6 (scikit-learn; Alpaydin & Kaynak, 1998), 8 × 8 pixels each.
import jax
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import gparams as gp

jax.config.update("jax_enable_x64", True)

images, labels = load_digits(return_X_y=True)
rows = np.concatenate([np.flatnonzero(labels == digit)[:60] for digit in (0, 1, 4, 6)])
images, labels = images[rows], labels[rows]
Y = (images - images.mean(0)) / images.std()

# %%
# The places are Parameters, and start at the two principal components. They move with the kernel until the images are
# likely.
model = gp.models.GPLVM(Y, latent_dim=2)
result = gp.fit(model, solver=gp.fitting.LBFGS(max_steps=150))
print(result)
gp.print_summary(gp.at(result.model, ["kernel", "likelihood"]))
maps = {"principal components": np.asarray(model.data[0]), "latent variable model": np.asarray(result.model.data[0])}

# %%
# How good is a map? Take each image's nearest neighbour on it: how often is that the same digit?
for name, places in maps.items():
    nearest = KNeighborsClassifier(1).fit(places, labels).kneighbors(return_distance=False)[:, 0]
    print(f"{name}: the nearest neighbour is the same digit for {np.mean(labels[nearest] == labels):.1%}")

# %%
# The two maps. Right, what the process paints at places on a grid over its own map, also where no image is.
fig = plt.figure(figsize=(13, 4.4), layout="constrained")
parts = fig.subfigures(1, 3)
for part, (name, places) in zip(parts, maps.items(), strict=False):
    ax = part.subplots()
    for digit, marker, color in zip((0, 1, 4, 6), "o^sD", gp.plotting.COLORS, strict=False):
        here = places[labels == digit]
        ax.plot(*here.T, marker, ls="", ms=5, color=color, mec="black", mew=0.4, label=str(digit))
    ax.set(title=name, xlabel="first latent dimension", ylabel="second latent dimension")
    ax.set_ylim(top=1.6 * places[:, 1].max())
    ax.legend(title="digit", fontsize="small", frameon=False, ncols=4, loc="upper center")
places = maps["latent variable model"]
(left, bottom), (right, top) = places.min(0), places.max(0)
grid = np.stack(np.meshgrid(np.linspace(left, right, 12), np.linspace(top, bottom, 12)), -1)
painted = np.asarray(result.model.predict_f(grid.reshape(-1, 2))[0]) * images.std() + images.mean(0)
canvas = painted.reshape(12, 12, 8, 8).transpose(0, 2, 1, 3).reshape(96, 96)
ax = parts[2].subplots()
ax.imshow(canvas, cmap="Greys", extent=(left, right, bottom, top), aspect="auto")
ax.set(title="what it paints, place by place", xlabel="first latent dimension", ylabel="second latent dimension")
plt.show()
