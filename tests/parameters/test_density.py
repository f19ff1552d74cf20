"""The flat, unconstrained log density, against closed forms and under a sampler."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from tensorflow_probability.substrates import jax as tfp
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

DATA = np.asarray(np.random.default_rng(3).poisson(4.0, 30), float)


def rate(transform=None):
    prior = tfd.Gamma(np.float64(2.0), np.float64(1.0))
    return gp.Parameter(3.0, transform=gp.positive() if transform is None else transform, prior=prior)


def log_likelihood(p):
    return jnp.sum(DATA * jnp.log(p.value) - p.value)


def test_closed_form():
    density = gp.log_density(rate(gp.positive(base="exp")), log_likelihood)
    x = np.array([0.7])
    y = np.exp(0.7)
    expected = np.sum(DATA * 0.7 - y) + stats.gamma(2.0).logpdf(y) + 0.7
    value = density(jnp.asarray(x))
    assert np.isfinite(value) and value.shape == ()
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(density.model(jnp.asarray(x)).value, y, rtol=1e-14)
    np.testing.assert_allclose(density.initial, [np.log(3.0)], rtol=1e-14)
    assert list(density.unravel(jnp.asarray(x))) == [""]


def test_it_integrates_to_the_evidence_whatever_the_transform():
    """A wrong Jacobian would make the integral over x depend on the transform."""
    evidence = []
    for transform in (gp.positive(), gp.positive(base="exp"), gp.bounded(0.0, 40.0)):
        density = gp.log_density(rate(transform), log_likelihood)
        x = jnp.linspace(-8.0, 30.0, 20001)
        values = jax.jit(jax.vmap(density))(x[:, None])
        assert np.isfinite(values).all()
        evidence.append(np.trapezoid(np.exp(values - 100.0), x))
    np.testing.assert_allclose(evidence, evidence[0], rtol=1e-6)


def test_no_prior_no_term_and_frozen_ones_are_constants():
    density = gp.log_density({"a": gp.Parameter(2.0), "b": gp.set_trainable(rate(), False)}, lambda m: -(m["a"] ** 2))
    assert density.initial.shape == (1,)
    assert density(density.initial) == -4.0


def test_refusals():
    with pytest.raises(ValueError, match="nothing in this Parameter is trainable"):
        gp.log_density(gp.Parameter(1.0, trainable=False), log_likelihood)
    density = gp.log_density(gp.Parameter([1.0, 2.0]), lambda p: p.value)
    with pytest.raises(ValueError, match=r"one number, and has shape \(2,\)"):
        density(density.initial)


def test_equal_densities_share_a_compilation():
    traces = []

    def likelihood(p):
        traces.append(1)
        return -p.value

    compiled = eqx.filter_jit(lambda density, x: density(x))
    for _ in range(3):
        density = gp.log_density(rate(), likelihood)
        compiled(density, density.initial)
    assert len(traces) == 1


@pytest.mark.slow
def test_nuts_finds_the_conjugate_posterior():
    density = gp.log_density(rate(), log_likelihood)

    @jax.jit
    def run(key):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            kernel = tfp.mcmc.NoUTurnSampler(density, step_size=0.3)
            return tfp.mcmc.sample_chain(
                2000, density.initial, kernel=kernel, num_burnin_steps=200, trace_fn=None, seed=key
            )

    draws = jax.vmap(density.model)(run(jax.random.key(5))).value
    assert np.isfinite(draws).all()
    posterior = stats.gamma(2.0 + DATA.sum(), scale=1.0 / (1.0 + len(DATA)))
    np.testing.assert_allclose(np.mean(draws), posterior.mean(), rtol=0.01)
    np.testing.assert_allclose(np.std(draws), posterior.std(), rtol=0.08)
