"""Time a step of training through the stateful spelling against the same step of the functional core.

Exact regression, squared exponential, one input. Two kinds of step: one evaluation of loss and gradient as SciPy asks for
it, and one step of Adam. The two ways take turns, so that a busy machine slows both alike; medians and their
ratio are printed as a Markdown table. Also: a gather, and how long the first step takes (tracing and compiling).

    python tests/benchmarks/bench_stateful.py --sizes 100 300 1000
"""

import argparse
import os
import platform
import statistics
import time

import jax
import numpy as np
import optax

import gparams as gp
import gparams.gpflow as gpflow
from gparams.gpflow._gather import gather
from gparams.gpflow._scipy import _Run


def data(N):
    """Make inputs, and a noisy smooth function of them."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(N, 1))
    return X, np.sin(8.0 * X) + 0.1 * rng.normal(size=X.shape)


def evaluations(X, Y):
    """Give the two ways to evaluate loss and gradient at a vector."""
    core = gp.models.GPR((X, Y), gp.kernels.SquaredExponential(), noise_variance=0.1)
    flat = gp.Flat(core)
    compiled = jax.jit(jax.value_and_grad(lambda x, flat: flat.model(x).training_loss()))
    model = gpflow.models.GPR((X, Y), gpflow.kernels.RBF(), noise_variance=0.1)
    run = _Run(model.training_loss, model.parameters, True, False)
    x = np.asarray(flat.vector())

    def functional():
        value, gradient = compiled(jax.numpy.asarray(x), flat)
        return float(value), np.asarray(gradient)

    return functional, lambda: run.evaluate(x)


def adam_steps(X, Y):
    """Give the two ways to take a step of Adam."""
    core = gp.models.GPR((X, Y), gp.kernels.SquaredExponential(), noise_variance=0.1)
    params, static = gp.partition(core)
    optimizer = optax.adam(1e-3)
    state = [params, optimizer.init(params)]

    @jax.jit
    def step(params, state, static):
        loss, gradient = jax.value_and_grad(lambda p: gp.combine(p, static).training_loss())(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, loss

    def functional():
        *state[:], loss = step(*state, static)
        return float(loss)

    model = gpflow.models.GPR((X, Y), gpflow.kernels.RBF(), noise_variance=0.1)
    adam = gpflow.optimizers.Adam(1e-3)
    variables = model.trainable_variables

    def stateful():
        adam.minimize(model.training_loss, variables)
        return float(adam._last)

    return functional, stateful


def median_times(ways, rounds):
    """Median seconds of each way, taken in turn."""
    times = [[] for _ in ways]
    for way in ways:
        for _ in range(3):
            way()
    for _ in range(rounds):
        for way, found in zip(ways, times, strict=True):
            start = time.perf_counter()
            way()
            found.append(time.perf_counter() - start)
    return [statistics.median(t) for t in times]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__}; medians in ms of {options.rounds} rounds\n"
    )
    print("| step | N | functional | stateful | ratio |\n|---|---|---|---|---|")
    for N in options.sizes:
        for name, make in (("loss and gradient", evaluations), ("Adam", adam_steps)):
            functional, stateful = median_times(make(*data(N)), max(20, options.rounds * 100 // max(N, 100)))
            print(f"| {name} | {N} | {1e3 * functional:.3f} | {1e3 * stateful:.3f} | {stateful / functional:.2f} |")
    model = gpflow.models.GPR(data(50), gpflow.kernels.RBF(), noise_variance=0.1)
    (alone,) = median_times([lambda: gather(model)], options.rounds)
    print(f"\nGathering a GPR: {1e6 * alone:.0f} µs.")
    start = time.perf_counter()
    gpflow.value_and_grad(model.training_loss, model.trainable_variables)
    print(f"First step, traced and compiled: {time.perf_counter() - start:.2f} s.")


if __name__ == "__main__":
    main()
