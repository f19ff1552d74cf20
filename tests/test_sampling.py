"""Sampling: the draws come from the posterior, by laws known in closed form and by integration on a grid."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS
from numpy.testing import assert_allclose
from scipy import stats
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

pytest.importorskip("blackjax")

rng = np.random.default_rng(0)
COUNTS, SIZES = rng.normal(1.0, 1.0, size=12), rng.exponential(0.5, size=15)


class Conjugate(gp.Module):
    """Normal data with a normal mean, and exponential data with a rate that is Gamma: both posteriors are known."""

    mean: gp.Parameter
    rate: gp.Parameter
    held: gp.Parameter

    def __init__(self):
        self.mean = gp.Parameter([0.0, 0.0], prior=tfd.Normal(np.float64(0.0), np.float64(2.0)))
        gamma = tfd.Gamma(np.float64(2.0), np.float64(3.0))
        self.rate = gp.Parameter(1.0, transform=gp.positive(), prior=gamma)
        self.held = gp.Parameter(0.25, trainable=False)

    def maximum_log_likelihood_objective(self):
        normal = -0.5 * jnp.sum((self.mean.value[None] - jnp.asarray(COUNTS)[:, None]) ** 2)
        return normal + SIZES.size * jnp.log(self.rate.value) - self.rate.value * SIZES.sum()


SETTINGS = {"num_samples": 500, "num_warmup": 300}


@pytest.fixture(scope="module")
def posterior():
    return gp.sample(Conjugate(), key=jax.random.key(1), **SETTINGS)


def within_error(draws, mean, sd, ess):
    """Whether the moments of draws are those of the posterior, to five of their standard errors."""
    assert np.isfinite(draws).all()
    assert abs(draws.mean() - mean) < 5.0 * sd / np.sqrt(ess)
    assert abs(draws.std() / sd - 1.0) < 5.0 / np.sqrt(ess)  # a standard deviation has half the variance, kurtosis more


def test_moments_of_conjugate_posteriors(posterior):
    facts = posterior.diagnostics()
    precision = COUNTS.size + 0.25
    for i in range(2):
        draws = posterior.draws["mean"][..., i]
        within_error(draws, COUNTS.sum() / precision, precision**-0.5, facts["mean"]["ess_bulk"][i])
    law = stats.gamma(2.0 + SIZES.size, scale=1.0 / (3.0 + SIZES.sum()))
    within_error(posterior.draws["rate"], law.mean(), law.std(), float(facts["rate"]["ess_bulk"]))
    thinned = posterior.draws["rate"][:, ::10].ravel()
    assert stats.kstest(thinned, law.cdf).pvalue > 1e-3


def test_what_tells_whether_to_trust_the_chains(posterior):
    facts = posterior.diagnostics()
    assert list(facts) == ["mean", "rate"]
    for path in facts:
        assert (facts[path]["rhat"] < 1.02).all()
        assert (facts[path]["ess_bulk"] > 300.0).all() and (facts[path]["ess_tail"] > 200.0).all()
    assert 0.6 < posterior.acceptance.mean() < 0.98
    assert posterior.step_size.shape == (4,) and (posterior.step_size > 0.0).all()
    assert not posterior.diverging.any()
    assert posterior.num_steps.min() >= 1
    assert np.isfinite(posterior.energy).all()
    expected = [float(posterior.density(jnp.asarray(x))) for x in posterior.unconstrained[0, :3]]
    assert_allclose(posterior.log_density[0, :3], expected, rtol=1e-10)
    text = posterior.summary()
    assert all(name in text for name in ("mean[0]", "mean[1]", "rate", "R-hat", "ESS tail")) and "held" not in text
    assert "4 chains of 500 draws of 3 numbers" in repr(posterior)


def test_draws_as_models(posterior):
    assert posterior.draws["mean"].shape == (4, 500, 2) and posterior.draws["rate"].shape == (4, 500)
    assert (posterior.draws["rate"] > 0.0).all()
    model = posterior.model(2, 7)
    assert_allclose(model.mean.value, posterior.draws["mean"][2, 7], rtol=1e-12)
    assert_allclose(model.rate.value, posterior.draws["rate"][2, 7], rtol=1e-12)
    assert float(model.held) == 0.25 and not model.held.trainable
    assert len(posterior) == 2000
    first = next(iter(posterior))
    assert_allclose(first.rate.value, posterior.draws["rate"][0, 0], rtol=1e-12)
    rates = posterior.map(lambda m: 2.0 * m.rate.value, thin=5)
    assert_allclose(rates, 2.0 * posterior.draws["rate"][:, ::5].ravel(), rtol=1e-12)
    stack = posterior.stack(thin=100)
    assert_allclose(stack.mean.value, posterior.draws["mean"][:, ::100].reshape(-1, 2), rtol=1e-12)
    assert_allclose(eqx.filter_vmap(lambda m: m.rate.value)(stack), stack.rate.value)
    with pytest.raises(ValueError, match="thin of at least 1"):
        posterior.stack(thin=0)


def test_the_key_decides(posterior):
    again = gp.sample(Conjugate(), key=jax.random.key(1), **SETTINGS)
    assert np.array_equal(again.unconstrained, posterior.unconstrained)
    other = gp.sample(Conjugate(), key=jax.random.key(2), **SETTINGS)
    assert not np.array_equal(other.unconstrained, posterior.unconstrained)


def test_to_arviz(posterior):
    pytest.importorskip("arviz")
    tree = posterior.to_arviz()
    assert_allclose(tree["posterior"]["rate"].values, posterior.draws["rate"])
    assert tree["posterior"]["mean"].shape == (4, 500, 2)
    assert tree["sample_stats"]["diverging"].dtype == bool
    assert_allclose(tree["sample_stats"]["lp"].values, posterior.log_density)


@pytest.mark.slow
def test_a_lengthscale_against_its_posterior_on_a_grid():
    model = gp.set_trainable(MODELS["gpr"](), False)
    model = gp.set_trainable(model.at.kernel.lengthscales, True)
    prior = tfd.LogNormal(np.float64(0.0), np.float64(0.7))
    model = gp.set_prior(model.at.kernel.lengthscales, prior)
    posterior = gp.sample(model, key=jax.random.key(0), num_samples=400, num_warmup=300)
    grid = np.linspace(0.05, 8.0, 1500)
    put = eqx.filter_jit(lambda ell: gp.assign(model.at.kernel.lengthscales, ell).log_marginal_likelihood())
    log_p = np.asarray(jax.vmap(put)(jnp.asarray(grid))) + np.asarray(stats.lognorm(0.7).logpdf(grid))
    weights = np.exp(log_p - log_p.max())
    weights /= weights.sum()
    mean = weights @ grid
    sd = np.sqrt(weights @ (grid - mean) ** 2)
    assert list(posterior.draws) == ["kernel.lengthscales"]
    facts = posterior.diagnostics()["kernel.lengthscales"]
    within_error(posterior.draws["kernel.lengthscales"], mean, sd, float(facts["ess_bulk"]))


@pytest.mark.slow
def test_latent_values_of_gpmc_have_the_posterior_of_gpr():
    rng = np.random.default_rng(2)
    X = np.linspace(-1.0, 1.0, 5)[:, None]
    Y = np.sin(2.0 * X) + 0.2 * rng.normal(size=X.shape)
    kernel = gp.kernels.Matern52(lengthscales=0.8)
    exact = gp.models.GPR((X, Y), kernel, noise_variance=0.1)
    model = gp.models.GPMC((X, Y), kernel, gp.likelihoods.Gaussian(0.1))
    model = gp.set_trainable(gp.set_trainable(model.at.kernel, False).at.likelihood, False)
    posterior = gp.sample(model, key=jax.random.key(3), num_samples=1000, num_warmup=500, dense_mass=True)
    assert (posterior.diagnostics()["V"]["rhat"] < 1.02).all()
    means, variances = posterior.map(lambda m: m.predict_f(X), thin=2)
    mean, var = exact.predict_f(X)
    spread = np.sqrt(np.asarray(var))
    assert_allclose(means.mean(0), mean, atol=5.0 * spread.max() / np.sqrt(800))
    assert_allclose(variances.mean(0) + means.var(0), var, rtol=0.2)


@pytest.mark.slow
def test_one_chain_float32_and_data(posterior):
    p = gp.Parameter(np.float32(0.0), prior=tfd.Normal(0.0, 2.0))
    rows = COUNTS.astype(np.float32)

    def fits(p, y):
        return -0.5 * jnp.sum((p.value - y) ** 2)

    one = gp.sample(p, fits, rows, key=jax.random.key(0), num_samples=300, num_warmup=200, num_chains=1)
    assert one.draws[""].dtype == np.float32
    assert one.draws[""].shape == (1, 300)
    assert one.diagnostics()[""]["rhat"] < 1.05
    assert abs(one.draws[""].mean() - COUNTS.sum() / 12.25) < 0.15


@pytest.mark.slow
def test_divergences_are_warned_of():
    def cliff(p):
        return jnp.where(p.value > 0.3, -1e8, 0.0)

    p = gp.Parameter(0.0, prior=tfd.Normal(np.float64(0.0), np.float64(1.0)))
    with pytest.warns(UserWarning, match="trajectories diverged"):
        posterior = gp.sample(p, cliff, key=jax.random.key(0), num_samples=200, num_warmup=100)
    assert posterior.diverging.any() and posterior.draws[""].max() < 0.3


def test_what_can_not_be_sampled(key):
    with pytest.raises(ValueError, match="have no prior: kernel.variance"):
        gp.sample(MODELS["gpr"](), key=key)
    with pytest.raises(TypeError, match="has no maximum_log_likelihood_objective"):
        gp.sample(gp.Parameter(1.0), key=key)
    with pytest.raises(ValueError, match="nothing in this"):
        gp.sample(gp.set_trainable(Conjugate(), False), key=key)
    with pytest.raises(ValueError, match="num_samples and num_chains of at least 1"):
        gp.sample(Conjugate(), key=key, num_chains=0)
    prior = tfd.Normal(0.0, 1.0)
    with pytest.raises(ValueError, match=r"not finite where chains \[0, 1\] of 2 start"):
        gp.sample(gp.Parameter(1.0, prior=prior), lambda p: p.value * jnp.nan, key=key, num_chains=2)
