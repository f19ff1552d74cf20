"""gparams, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jax
import jax.numpy as jnp
import optax
from common import LENGTHSCALES, NOISE, RATE, STEPS, VARIANCE, data, serve, variational

jax.config.update("jax_enable_x64", True)

import gparams as gp  # noqa: E402

LOOP = 10


def timed(model, *batch):
    """Value and gradient of the loss, compiled."""
    params, static = gp.partition(model)
    step = jax.jit(jax.value_and_grad(lambda p, *b: gp.combine(p, static).training_loss(*b)))
    batch = tuple(tuple(jnp.asarray(a) for a in b) for b in batch)
    return lambda: -jax.block_until_ready(step(params, *batch))[0]


def kernel():
    return gp.kernels.SquaredExponential(VARIANCE, LENGTHSCALES)


def gpr_model(N):
    return gp.models.GPR(data(N), kernel(), noise_variance=NOISE)


def gpr(N):
    return timed(gpr_model(N))


def loop(N):
    """Evaluations in one compiled loop, each at the point where the one before has led."""
    params, static = gp.partition(gpr_model(N))
    evaluate = jax.value_and_grad(lambda p: gp.combine(p, static).training_loss())

    @jax.jit
    def run(p):
        def step(p, _):
            loss, slope = evaluate(p)
            return jax.tree.map(lambda a, b: a - 1e-9 * b, p, slope), loss

        return jax.lax.scan(step, p, length=LOOP)[1]

    return lambda: -jax.block_until_ready(run(params))[-1]


def adam(N):
    model, solver = gpr_model(N), gp.fitting.Optax(optax.adam(RATE), steps=STEPS)
    return lambda: -gp.fit(model, solver=solver).model.training_loss()


def sgpr(N, M=500):
    X, Y = data(N)
    return timed(gp.models.SGPR((X, Y), kernel(), X[:M], noise_variance=NOISE))


def svgp(size):
    M, B = size
    X, Y = data(10_000)
    q_mu, q_sqrt = variational(M)
    model = gp.models.SVGP(kernel(), gp.likelihoods.Gaussian(NOISE), X[:M], q_mu=q_mu, q_sqrt=q_sqrt, num_data=len(X))
    return timed(model, (X[-B:], Y[-B:]))


def process(N):
    X, Y = data(N)
    model = gp.models.GPR((X, Y), gp.kernels.SquaredExponential(lengthscales=[1.0] * 5), noise_variance=1.0)

    def run():
        result = gp.fit(model)
        result.model.predict_f(X[:100])
        return -result.loss

    return run


serve({"gpr": gpr, "loop": loop, "adam": adam, "sgpr": sgpr, "svgp": svgp, "process": process}, {"loop": LOOP})
