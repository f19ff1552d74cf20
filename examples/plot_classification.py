"""
Classification in two dimensions
================================

Is a tumour malignant? Two measurements of cell nuclei say much about it, and a Gaussian process says how much, and where
it doesn't know.
"""

# %%
# The Wisconsin record has 569 tumours (scikit-learn carries it; Street, Wolberg & Mangasarian, 1993). Of thirty numbers
# for each, two are used here: the mean radius of the nuclei and the roughness of the image. A third is held out.
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import gparams as gp

jax.config.update("jax_enable_x64", True)

record = load_breast_cancer()
raw = record.data[:, [0, 1]]  # mean radius, mean texture
centre, spread = raw.mean(0), raw.std(0)
X, Y = (raw - centre) / spread, 1.0 - record.target[:, None]  # 1: malignant
X, Xtest, Y, Ytest = train_test_split(X, Y, test_size=1 / 3, random_state=0, stratify=Y)
print(f"{len(X)} tumours to learn from, {len(Xtest)} held out; {np.mean(Ytest):.0%} of these are malignant")

# %%
# A sparse variational process with a Bernoulli likelihood. Its twenty-five inducing points start at the centres of
# clusters, and move. The bound is made large by L-BFGS on all data at once.
Z = gp.inducing_variables.kmeans(X, 25, key=jax.random.key(0))
kernel = gp.kernels.SquaredExponential(variance=4.0, lengthscales=[1.0, 1.0])
model = gp.models.SVGP(kernel, gp.likelihoods.Bernoulli(), Z)
result = gp.fit(model, data=(X, Y), solver=gp.fitting.LBFGS(max_steps=200))
print(result)
gp.print_summary(result.model.kernel)

# %%
# On the tumours held out: how many are named rightly, and the log density of their labels, which also asks whether the
# probabilities are worth their name. Beside it, the density under the share of malignant tumours alone.
p = np.asarray(result.model.predict_y(Xtest)[0])
share = Y.mean()
by_share = np.where(Ytest == 1.0, np.log(share), np.log(1.0 - share)).mean()
print(f"accuracy    {np.mean((p > 0.5) == Ytest):.3f}")
print(f"log density {np.mean(result.model.predict_log_density((Xtest, Ytest))):.3f}, by the share alone {by_share:.3f}")

# %%
# Left, the probability. The line in the middle is even odds, those beside it 10 % and 90 %. Right, the standard
# deviation of the latent function: it grows away from the tumours that were seen, and the probabilities go back to a
# half there.
corners = np.array([[6.0, 8.0], [30.0, 42.0]])
axes_raw = [np.linspace(*corners[:, i], 120) for i in range(2)]
grid = np.stack(np.meshgrid(*axes_raw), -1)
inputs = jnp.asarray((grid.reshape(-1, 2) - centre) / spread)
probability = np.asarray(result.model.predict_y(inputs)[0]).reshape(grid.shape[:2])
deviation = np.sqrt(np.asarray(result.model.predict_f(inputs)[1])).reshape(grid.shape[:2])

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
filled = left.contourf(*axes_raw, probability, levels=np.linspace(0.0, 1.0, 11), cmap="cividis", alpha=0.8)
lines = left.contour(*axes_raw, probability, levels=[0.1, 0.5, 0.9], colors="white", linewidths=[1, 2, 1])
left.clabel(lines, fmt={0.1: "10 %", 0.5: "50 %", 0.9: "90 %"}, fontsize=8)
for value, marker, face, name in ((0, "o", "black", "benign"), (1, "^", "white", "malignant")):
    points = X[Y[:, 0] == value] * spread + centre
    left.plot(*points.T, marker, ms=4, mec="black", mew=0.6, mfc=face, ls="", label=name)
left.legend(loc="upper right", framealpha=0.9)
left.set(title="probability that it is malignant", xlabel="mean radius (pixels)", ylabel="mean texture (grey levels)")
left.set(xlim=corners[:, 0], ylim=corners[:, 1])
fig.colorbar(filled, ax=left)
shades = right.contourf(*axes_raw, deviation, levels=12, cmap="Greys")
points = np.asarray(result.model.inducing_variable.Z) * spread + centre
right.plot(*points.T, "D", color=gp.plotting.COLORS[1], mec="black", mew=0.5, ms=5, ls="", label="inducing points")
right.legend(loc="upper right", framealpha=0.9)
right.set(title="standard deviation of the latent function", xlabel="mean radius (pixels)", xlim=corners[:, 0])
fig.colorbar(shades, ax=right)
plt.show()
