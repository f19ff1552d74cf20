"""Time 32 restarts of an exact GP's fit, side by side: gparams and scikit-learn.

N = 200, ARD squared exponential with five inputs, all hyperparameters free, each way with its own L-BFGS to its own
convergence. The ways take turns, so that a busy machine slows all of them alike; the first turn, which compiles, is shown
by itself. gparams searches over softplus, scikit-learn over logarithms, as is their custom; `--exp` makes it logarithms
for both.

    python tests/benchmarks/bench_restarts.py --num 32 --rounds 5
"""

import argparse
import os
import platform
import statistics
import time
import warnings

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import gparams as gp  # noqa: E402

try:
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
except ImportError:
    GaussianProcessRegressor = None


def make_data(N, D=5):
    """Make inputs, and a noisy smooth function of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    return X, np.sin(X.sum(1, keepdims=True)) + 0.3 * rng.normal(size=(N, 1))


def gparams_way(X, Y, num, *, exp, **how):
    """Give a call of a seed that returns the best loss and all losses."""
    kernel = gp.kernels.SquaredExponential(lengthscales=np.ones(X.shape[1]))
    model = gp.models.GPR((X, Y), kernel=kernel, noise_variance=0.1)
    if exp:
        for path in gp.parameter_dict(model):
            model = gp.set_transform(gp.at(model, path), gp.positive(base="exp"))

    def call(seed):
        result = gp.fit_restarts(model, key=jax.random.key(seed), num=num, **how)
        return result.loss, result.losses

    return call


def sklearn_way(X, Y, num):
    """Give scikit-learn's call; its starts are uniform over the logarithms of its bounds."""
    kernel = kernels.ConstantKernel(1.0) * kernels.RBF(np.ones(X.shape[1])) + kernels.WhiteKernel(0.1)

    def call(seed):
        model = GaussianProcessRegressor(kernel, alpha=0.0, n_restarts_optimizer=num - 1, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, Y[:, 0])
        return -model.log_marginal_likelihood_value_, None

    return call


def main():
    """Run all ways in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--num", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exp", action="store_true", help="search over logarithms")
    parser.add_argument("--batched", action="store_true", help="time all starts at once, too")
    args = parser.parse_args()
    X, Y = make_data(args.size)
    ways = {
        "gparams": gparams_way(X, Y, args.num, exp=args.exp),
        "gparams, one by one": gparams_way(X, Y, args.num, exp=args.exp, workers=1),
    }
    if args.batched:
        ways["gparams, all at once"] = gparams_way(X, Y, args.num, exp=args.exp, batched=True)
    if GaussianProcessRegressor is not None:
        ways["scikit-learn"] = sklearn_way(X, Y, args.num)
    times, best = {name: [] for name in ways}, {}
    for seed in range(args.rounds + 1):
        for name, call in ways.items():
            start = time.perf_counter()
            loss, _ = call(seed)
            times[name].append(time.perf_counter() - start)
            best[name] = min(loss, best.get(name, np.inf))
    print(f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__} on {jax.default_backend()}, float64")
    print(f"N = {args.size}, {args.num} starts, {args.rounds} rounds; {'exp' if args.exp else 'softplus'} in gparams\n")
    reference = statistics.median(times["gparams"][1:])
    print("| | first call, s | median, s | ratio | best loss |\n|---|---|---|---|---|")
    for name, seconds in times.items():
        median = statistics.median(seconds[1:])
        print(f"| {name} | {seconds[0]:.2f} | {median:.3f} | {median / reference:.1f} | {best[name]:.4f} |")


if __name__ == "__main__":
    main()
