"""Time 1,000 Adam steps on an exact GP of 200 points, side by side.

ARD squared exponential with five inputs, float64. Four ways: gparams' `fit`, whose loop is one compiled scan; the same
model and loss in a scan by hand with optax, on one vector; the same with one jitted call a step from Python; and GPflow
with a compiled step (where it is installed). The ways take turns, so that a busy machine slows all of them alike; the
first turn, which compiles, is shown by itself.

    python tests/benchmarks/bench_fitting.py --steps 1000 --rounds 5
"""

import argparse
import os
import platform
import statistics
import time

import jax
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)

import gparams as gp  # noqa: E402

try:
    import gpflow
    import tensorflow as tf
except ImportError:
    gpflow = None

RATE = 0.01


def make_data(N, D=5):
    """Make inputs, and a noisy smooth function of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    return X, np.sin(X.sum(1, keepdims=True)) + 0.3 * rng.normal(size=(N, 1))


def make_model(X, Y):
    """Make the model."""
    return gp.models.GPR((X, Y), gp.kernels.SquaredExponential(lengthscales=np.ones(X.shape[1])), noise_variance=0.1)


def gparams_way(X, Y, steps):
    """Give the fit as a call."""
    model, solver = make_model(X, Y), gp.fitting.Optax(optax.adam(RATE), steps=steps)
    return lambda: gp.fit(model, solver=solver).loss


def scan_way(X, Y, steps):
    """Give the same loop by hand."""
    flat, adam = gp.Flat(make_model(X, Y)), optax.adam(RATE)
    loss = jax.value_and_grad(lambda x: flat.model(x).training_loss())

    def step(carry, _):
        x, state = carry
        value, grad = loss(x)
        updates, state = adam.update(grad, state)
        return (optax.apply_updates(x, updates), state), value

    run = jax.jit(lambda x: jax.lax.scan(step, (x, adam.init(x)), None, length=steps))
    return lambda: float(run(flat.vector())[1][-1])


def loop_way(X, Y, steps):
    """Give the same steps, one call each."""
    flat, adam = gp.Flat(make_model(X, Y)), optax.adam(RATE)
    loss = jax.value_and_grad(lambda x: flat.model(x).training_loss())

    @jax.jit
    def step(x, state):
        value, grad = loss(x)
        updates, state = adam.update(grad, state)
        return optax.apply_updates(x, updates), state, value

    def run():
        x, value = flat.vector(), None
        state = adam.init(x)
        for _ in range(steps):
            x, state, value = step(x, state)
        return float(value)

    return run


def gpflow_way(X, Y, steps):
    """Give GPflow's loop over a compiled step."""

    def run():
        kernel = gpflow.kernels.SquaredExponential(lengthscales=np.ones(X.shape[1]))
        model = gpflow.models.GPR((X, Y), kernel, noise_variance=0.1)
        adam = (
            tf.keras.optimizers.legacy.Adam(RATE)
            if hasattr(tf.keras.optimizers, "legacy")
            else tf.optimizers.Adam(RATE)
        )

        @tf.function
        def step():
            adam.minimize(model.training_loss, model.trainable_variables)

        for _ in range(steps):
            step()
        return float(model.training_loss())

    return run


def main():
    """Run all ways in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    X, Y = make_data(args.size)
    ways = {"gparams, fit": gparams_way, "scan by hand": scan_way, "step by step": loop_way}
    if gpflow is not None:
        ways["GPflow"] = gpflow_way
    calls = {name: way(X, Y, args.steps) for name, way in ways.items()}
    times, losses = {name: [] for name in ways}, {}
    for _ in range(args.rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            losses[name] = call()
            times[name].append(time.perf_counter() - start)
    print(f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__} on {jax.default_backend()}, float64")
    print(f"N = {args.size}, {args.steps} steps of Adam, {args.rounds} rounds\n")
    reference = statistics.median(times["gparams, fit"][1:])
    print("| | first call, s | median, s | ratio | last loss |\n|---|---|---|---|---|")
    for name, seconds in times.items():
        median = statistics.median(seconds[1:])
        print(f"| {name} | {seconds[0]:.2f} | {median:.3f} | {median / reference:.2f} | {losses[name]:.4f} |")


if __name__ == "__main__":
    main()
