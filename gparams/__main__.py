"""The demonstration: ``python -m gparams`` fits the Mauna Loa CO2 record, freezes a parameter, and fits again."""

import importlib.util
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from . import Parameter, assign, datasets, fit, positive, print_summary, set_trainable
from .kernels import Matern32, Periodic, SquaredExponential
from .mean_functions import Constant
from .models import GPR

PICTURE = Path("co2.png")


def build() -> GPR:
    """Build the model: trend, seasons that change slowly, and short-lived deviations, on the bundled record."""
    X, Y = datasets.co2()

    def scale(value: float) -> Parameter:
        return Parameter(value, transform=positive(base="exp"))  # far from one: best searched over its logarithm

    trend = SquaredExponential(variance=scale(2500.0), lengthscales=scale(50.0))
    one = Parameter(1.0, trainable=False)
    year = Periodic(SquaredExponential(variance=one), period=one)  # a season lasts one year, and one variance is enough
    seasons = SquaredExponential(variance=4.0, lengthscales=scale(60.0)) * year
    weather = Matern32(variance=0.5, lengthscales=1.0)
    return GPR((X, Y), trend + seasons + weather, mean_function=Constant([float(Y.mean())]), noise_variance=0.1)


def draw(first: GPR, second: GPR, path: Path) -> None:
    """Draw the record and forty years beyond it, as both fits see them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    X, Y = (np.asarray(a) for a in first.data)
    new = np.arange(X.min(), X.max() + 40.0, 1 / 12)[:, None]
    fig, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for model, color, name in ((second, "tab:orange", "lengthscale frozen"), (first, "tab:blue", "lengthscale free")):
        mean, var = (np.asarray(a)[:, 0] for a in model.predict_y(new))
        band = 1.96 * np.sqrt(var)
        ax.fill_between(new[:, 0], mean - band, mean + band, color=color, alpha=0.25, lw=0, label=f"{name}: 95 %")
        ax.plot(new[:, 0], mean, color=color, lw=0.8, label=f"{name}: mean")
    ax.plot(X, Y, ".", color="black", ms=2, label="record")
    ax.axvline(X.max(), color="grey", lw=0.8, ls="--")
    ax.set(xlabel="year", ylabel="CO₂ at Mauna Loa (ppm)", title="Exact GP regression")
    ax.legend(loc="upper left", frameon=False)
    fig.savefig(path, dpi=150)
    plt.close(fig)


def report(title: str, result: Any, seconds: float) -> None:
    """Print one fit and its table."""
    print(f"\n{title}: loss {result.loss:.3f} after {result.steps} steps in {seconds:.1f} s\n  {result.message}")
    print_summary(result.model)


def main() -> None:
    """Run the demonstration."""
    jax.config.update("jax_enable_x64", True)
    device = jax.devices()[0]
    model = build()
    print(f"Mauna Loa CO2, {len(model.data[0])} monthly means, on {device.platform} ({device.device_kind}), float64")
    print("\nBefore")
    print_summary(model)
    start = time.perf_counter()
    first = fit(model, progress=True)
    report("First fit", first, time.perf_counter() - start)

    print("\nWhat if the trend were slower? One line sets its lengthscale to 100 years, one freezes it there:")
    print("  model = gp.assign(model.at.kernel.kernels[0].lengthscales, 100.0)")
    print("  model = gp.set_trainable(model.at.kernel.kernels[0].lengthscales, False)")
    frozen = assign(first.model.at.kernel.kernels[0].lengthscales, 100.0)
    frozen = set_trainable(frozen.at.kernel.kernels[0].lengthscales, False)
    start = time.perf_counter()
    second = fit(frozen, progress=True)
    report("Second fit", second, time.perf_counter() - start)

    if importlib.util.find_spec("matplotlib") is None:
        print('\nNo picture: matplotlib is not installed (pip install "gparams[plot]")')
        return
    draw(first.model, second.model, PICTURE)
    print(f"\nPicture written to {PICTURE.resolve()}")


if __name__ == "__main__":
    main()
