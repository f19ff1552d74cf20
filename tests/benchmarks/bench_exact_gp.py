"""Time the value and gradient of an exact GP's log marginal likelihood, side by side.

ARD squared exponential, five inputs, one output. Three ways: the closed-form derivative of gparams.maths,
plain automatic differentiation through the Cholesky factorisation, and scikit-learn where it is installed.
The ways take turns, so that a busy machine slows all of them alike; medians and ratios of medians are printed
as a Markdown table.

    python tests/benchmarks/bench_exact_gp.py --sizes 500 1000 2000 4000
"""

import argparse
import os
import platform
import statistics
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from gparams.maths import add_diagonal, gaussian_log_density, square_distance

try:
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
except ImportError:
    GaussianProcessRegressor = None

D = 5
THETA = np.log([1.2, 0.8, 1.0, 1.2, 1.4, 1.6, 0.1])  # variance, lengthscales, noise


def data(N):
    """Make inputs, and a noisy smooth function of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    return X, np.sin(X.sum(1, keepdims=True)) + 0.3 * rng.normal(size=(N, 1))


def closed_form(theta, X, Y):
    """Give the log marginal likelihood through gparams.maths."""
    variance, ell, noise = jnp.exp(theta[0]), jnp.exp(theta[1:-1]), jnp.exp(theta[-1])
    K = variance * jnp.exp(-0.5 * square_distance(X / ell))
    return gaussian_log_density(Y, add_diagonal(K, noise))


def through_cholesky(theta, X, Y):
    """Give the same, leaving every derivative to JAX."""
    variance, ell, noise = jnp.exp(theta[0]), jnp.exp(theta[1:-1]), jnp.exp(theta[-1])
    scaled, N = X / ell, X.shape[0]
    norms = jnp.sum(scaled**2, -1)
    distances = jnp.maximum(norms[:, None] + norms[None, :] - 2.0 * scaled @ scaled.T, 0.0)
    L = jnp.linalg.cholesky(variance * jnp.exp(-0.5 * distances) + noise * jnp.eye(N, dtype=X.dtype))
    a = jax.scipy.linalg.solve_triangular(L, Y, lower=True)
    return -0.5 * jnp.sum(a * a) - jnp.sum(jnp.log(jnp.diag(L))) - 0.5 * N * np.log(2.0 * np.pi)


def jax_way(f, dtype, X, Y):
    """Give a compiled call without arguments, already run once."""
    compiled = jax.jit(jax.value_and_grad(f))
    args = [jnp.asarray(a, dtype) for a in (THETA, X, Y)]

    def call():
        return jax.block_until_ready(compiled(*args))

    call()
    return call


def sklearn_way(X, Y):
    """Give scikit-learn's call without arguments."""
    kernel = kernels.ConstantKernel(1.0) * kernels.RBF(np.ones(D)) + kernels.WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0).fit(X, Y[:, 0])

    def call():
        return model.log_marginal_likelihood(THETA, eval_gradient=True)

    return call


def machine(dtype):
    """Describe the machine in one line."""
    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        cpu = names[0] if names else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cpu}, {cores} cores; Python {platform.python_version()}, jax {jax.__version__}, "
        f"device {jax.devices()[0].device_kind}, {dtype}"
    )


def rounds(N):
    """Give the number of turns: many where they are cheap."""
    return max(3, min(25, 30_000 // N))


def main():
    """Time the ways in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.dtype == "float64")
    warnings.filterwarnings("ignore", module="sklearn")
    print(machine(options.dtype) + "\n")
    print("| N | gparams.maths, ms | through the Cholesky, ms | ratio | scikit-learn, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for N in options.sizes:
        X, Y = data(N)
        ways = {
            "ours": jax_way(closed_form, options.dtype, X, Y),
            "plain": jax_way(through_cholesky, options.dtype, X, Y),
        }
        if GaussianProcessRegressor is not None:
            ways["sklearn"] = sklearn_way(X, Y)
        times = {name: [] for name in ways}
        for _ in range(rounds(N)):
            for name, call in ways.items():
                start = time.perf_counter()
                call()
                times[name].append(1e3 * (time.perf_counter() - start))
        median = {name: statistics.median(t) for name, t in times.items()}
        row = [
            f"{N}",
            f"{median['ours']:.1f}",
            f"{median['plain']:.1f}",
            f"{median['plain'] / median['ours']:.2f}",
        ]
        if "sklearn" in median:
            row += [f"{median['sklearn']:.1f}", f"{median['sklearn'] / median['ours']:.2f}"]
        else:
            row += ["not installed", ""]
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
