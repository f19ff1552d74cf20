"""GPJax, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jax

jax.config.update("jax_enable_x64", True)

import equinox as eqx
import gpjax as gpx
import jax.numpy as jnp
from common import D, LENGTHSCALES, NOISE, VARIANCE, data, serve, variational


def joint(N):
    kernel = gpx.kernels.RBF(active_dims=list(range(D)), lengthscale=jnp.asarray(LENGTHSCALES), variance=VARIANCE)
    prior = gpx.gps.Prior(mean_function=gpx.mean_functions.Zero(), kernel=kernel)
    return prior * gpx.likelihoods.Gaussian(obs_stddev=jnp.sqrt(NOISE))


def timed(model, objective, batch):
    params, static = eqx.partition(model, eqx.is_inexact_array)
    step = jax.jit(jax.value_and_grad(lambda p, batch: -objective(eqx.combine(p, static), batch)))
    return lambda: -jax.block_until_ready(step(params, batch))[0]


def gpr(N):
    X, Y = (jnp.asarray(a) for a in data(N))
    return timed(joint(N), gpx.objectives.conjugate_mll, gpx.Dataset(X, Y))


def svgp(size):
    M, B = size
    X, Y = (jnp.asarray(a) for a in data(10_000))
    q_mu, q_sqrt = variational(M)
    q = gpx.variational_families.WhitenedVariationalGaussian(
        model=joint(len(X)),
        inducing_inputs=X[:M],
        variational_mean=jnp.asarray(q_mu),
        variational_root_covariance=jnp.asarray(q_sqrt[0]),
    )
    return timed(q, gpx.objectives.elbo, gpx.Dataset(X[-B:], Y[-B:]))


serve({"gpr": gpr, "svgp": svgp})
