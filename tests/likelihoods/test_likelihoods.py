"""The Gaussian likelihood against SciPy's normal distribution and Gauss-Hermite quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from cases import LIKELIHOODS
from numpy.testing import assert_allclose

import gparams as gp

N, P = 5, 2
rng = np.random.default_rng(0)
X, Fmu, Y = (jnp.asarray(rng.normal(size=(N, n))) for n in (3, P, P))
Fvar = jnp.asarray(rng.uniform(0.1, 2.0, (N, P)))
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
NOISE = {"gaussian": np.full((N, 1), 0.3), "gaussian-scale": np.full((N, 1), 0.36)}
NOISE["gaussian-function"] = 0.2 * (1.0 + X[:, :1] ** 2)

each_likelihood = pytest.mark.parametrize("name", LIKELIHOODS)


def close(actual, expected, rtol=1e-10):
    assert np.shape(actual) == np.shape(expected)
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol)


def log_normal(y, mean, variance):
    return scipy.stats.norm.logpdf(y, mean, np.sqrt(variance))


def methods(lik, X, Fmu, Fvar, Y):
    return (
        lik.log_prob(X, Fmu, Y),
        lik.conditional_mean(X, Fmu),
        lik.conditional_variance(X, Fmu),
        *lik.predict_mean_and_var(X, Fmu, Fvar),
        lik.predict_log_density(X, Fmu, Fvar, Y),
        lik.variational_expectations(X, Fmu, Fvar, Y),
    )


@each_likelihood
def test_against_scipy_and_quadrature(name):
    lik, s2 = LIKELIHOODS[name](), np.broadcast_to(NOISE[name], (N, P))
    close(lik.variance_at(X), NOISE[name])
    close(lik.log_prob(X, Fmu, Y), log_normal(Y, Fmu, s2).sum(-1))
    close(lik.conditional_mean(X, Fmu), Fmu)
    close(lik.conditional_variance(X, Fmu), s2)
    mean, variance = lik.predict_mean_and_var(X, Fmu, Fvar)
    close(mean, Fmu)
    close(variance, Fvar + s2)
    f = Fmu[..., None] + np.sqrt(Fvar)[..., None] * NODES  # [N, P, nodes]
    log_density = log_normal(Y[..., None], f, s2[..., None])
    close(lik.variational_expectations(X, Fmu, Fvar, Y), (log_density @ WEIGHTS).sum(-1))
    close(lik.predict_log_density(X, Fmu, Fvar, Y), log_normal(Y, Fmu, Fvar + s2).sum(-1))


@each_likelihood
def test_numpy_arrays_are_accepted(name):
    lik, arrays = LIKELIHOODS[name](), (X, Fmu, Fvar, Y)
    for out, expected in zip(methods(lik, *map(np.asarray, arrays)), methods(lik, *arrays), strict=True):
        close(out, expected)
    close(lik.variance_at(np.asarray(X)), NOISE[name])


def test_predictive_density_is_an_integral():
    lik, narrow = gp.likelihoods.Gaussian(1.0), 0.1 * Fvar
    f = Fmu[..., None] + np.sqrt(narrow)[..., None] * NODES
    density = np.exp(log_normal(Y[..., None], f, 1.0)) @ WEIGHTS
    close(lik.predict_log_density(X, Fmu, narrow, Y), np.log(density).sum(-1), 1e-8)


@each_likelihood
def test_jit_and_batches(name):
    lik = LIKELIHOODS[name]()
    eager = methods(lik, X, Fmu, Fvar, Y)
    batch = [jnp.stack([a, a]) for a in (X, Fmu, Fvar, Y)]
    for one, compiled, two, mapped in zip(
        eager,
        jax.jit(methods)(lik, X, Fmu, Fvar, Y),
        methods(lik, *batch),
        jax.vmap(lambda *a: methods(lik, *a))(*batch),
        strict=True,
    ):
        close(compiled, one)
        close(two, np.stack([one, one]))
        close(mapped, np.stack([one, one]))


@each_likelihood
def test_is_a_pytree(name):
    lik = LIKELIHOODS[name]()
    leaves, structure = jax.tree.flatten(lik)
    assert len(leaves) == 1 and jax.tree.structure(LIKELIHOODS[name]()) == structure
    again = jax.tree.unflatten(structure, leaves)
    assert np.array_equal(again.log_prob(X, Fmu, Y), lik.log_prob(X, Fmu, Y))
    gradient = gp.filter_grad(lambda m: jnp.sum(m.log_prob(X, Fmu, Y)))(lik)
    assert all(np.isfinite(g) and g != 0 for g in jax.tree.leaves(gradient))


def test_float32_stays_float32():
    lik = gp.likelihoods.Gaussian(gp.Parameter(0.3, transform=gp.positive(), dtype=jnp.float32))
    for out in methods(lik, *(jnp.asarray(a, jnp.float32) for a in (X, Fmu, Fvar, Y))):
        assert out.dtype == jnp.float32


def test_the_variance_stays_above_its_bound():
    lik = gp.likelihoods.Gaussian()
    assert_allclose(lik.variance.value, 1.0)
    lowest = gp.apply_updates(lik, {"variance": jnp.asarray(-1e4)})
    assert_allclose(lowest.variance.value, 1e-6)
    with pytest.raises(ValueError):
        gp.likelihoods.Gaussian(1e-7)
    with pytest.raises(ValueError):
        gp.likelihoods.Gaussian(scale=1e-4)
    assert_allclose(gp.likelihoods.Gaussian(1e-7, variance_lower_bound=1e-9).variance.value, 1e-7)
    close(gp.likelihoods.Gaussian(lambda x: jnp.zeros((N, 1))).variance_at(X), np.full((N, 1), 1e-6))


def test_one_of_variance_and_scale():
    with pytest.raises(ValueError, match="not both"):
        gp.likelihoods.Gaussian(1.0, scale=1.0)
