"""tinygp, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from common import D, LENGTHSCALES, NOISE, VARIANCE, data, serve
from tinygp import GaussianProcess, kernels, transforms

jax.config.update("jax_enable_x64", True)


def process_of(theta, X):
    scale = transforms.Linear(jnp.exp(-theta[1:-1]), kernels.ExpSquared())
    return GaussianProcess(jnp.exp(theta[0]) * scale, X, diag=jnp.exp(theta[-1]))


def objective(N):
    X, Y = (jnp.asarray(a) for a in data(N))
    return X, Y, jax.jit(jax.value_and_grad(lambda theta: -process_of(theta, X).log_probability(Y[:, 0])))


def gpr(N):
    _, _, f = objective(N)
    theta = jnp.log(jnp.concatenate([jnp.array([VARIANCE]), jnp.asarray(LENGTHSCALES), jnp.array([NOISE])]))
    return lambda: -jax.block_until_ready(f(theta))[0]


def process(N):
    X, Y, f = objective(N)

    def run():
        out = scipy.optimize.minimize(f, np.zeros(D + 2), jac=True, method="L-BFGS-B")
        process_of(jnp.asarray(out.x), X).condition(Y[:, 0], X[:100]).gp.variance.block_until_ready()
        return -out.fun

    return run


serve({"gpr": gpr, "process": process})
