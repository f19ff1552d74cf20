"""Draws from priors, and scattered starts."""

import equinox as eqx
import jax
import numpy as np
import pytest
from parameter_models import Model, Part
from scipy import stats
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def draws(p, num, **kwargs):
    keys = jax.random.split(jax.random.key(7), num)
    return np.asarray(eqx.filter_vmap(lambda key: gp.sample_prior(p, key, **kwargs).value)(keys))


def test_draws_follow_the_prior():
    p = gp.Parameter(1.0, transform=gp.positive(), prior=tfd.Gamma(np.float64(2.0), np.float64(3.0)))
    values = draws(p, 4000)
    assert np.isfinite(values).all()
    assert stats.kstest(values, stats.gamma(2.0, scale=1 / 3).cdf).pvalue > 1e-3


def test_draws_on_the_unconstrained_space():
    prior = tfd.Normal(np.float64(-1.0), np.float64(0.5))
    p = gp.Parameter(1.0, transform=gp.positive(base="exp"), prior=prior, prior_on="unconstrained")
    values = np.log(draws(p, 4000))
    assert stats.kstest(values, stats.norm(-1.0, 0.5).cdf).pvalue > 1e-3


def test_a_prior_is_cut_to_the_domain():
    p = gp.Parameter(0.5, transform=gp.bounded(0.0, 1.0), prior=tfd.Normal(np.float64(0.0), np.float64(1.0)))
    values = draws(p, 4000)
    assert ((values > 0.0) & (values < 1.0)).all()
    assert stats.kstest(values, stats.truncnorm(0.0, 1.0).cdf).pvalue > 1e-3


def test_a_prior_outside_the_domain():
    p = gp.Parameter(0.5, transform=gp.positive(), prior=tfd.Normal(np.float64(-50.0), np.float64(1.0)))
    with pytest.raises(ValueError, match=r"100 draws.*Normal.*outside the domain of Softplus"):
        gp.sample_prior({"p": p}, jax.random.key(0))


@pytest.mark.parametrize(
    ("prior", "shape"),
    [
        (lambda: tfd.Gamma(2.0, 1.0), (2, 3)),
        (lambda: tfd.Gamma(np.full(3, 2.0), 1.0), (3,)),
        (lambda: tfd.Gamma(np.full(3, 2.0), 1.0), (2, 3)),
        (lambda: tfd.Gamma(np.full((2, 1), 2.0), 1.0), (2, 3)),
        (lambda: tfd.Independent(tfd.Gamma(np.full(3, 2.0), 1.0), 1), (2, 3)),
    ],
)
def test_shapes(prior, shape):
    p = gp.Parameter(np.ones(shape), transform=gp.positive(), prior=prior())
    value = gp.sample_prior(p, jax.random.key(0)).value
    assert value.shape == shape and value.dtype == np.float64
    assert len(np.unique(value)) == value.size


def test_a_prior_over_another_shape():
    three = tfd.Normal(np.zeros(3), 1.0)
    p = gp.Parameter(np.eye(2), transform=gp.triangular(), prior=three, prior_on="unconstrained")
    p = gp.set_transform(p, None)  # of four free numbers, and not of three any more
    with pytest.raises(ValueError, match=r"shape \(3,\), and it has shape \(2, 2\)"):
        gp.sample_prior({"a": p}, jax.random.key(0))


def test_only_parameters_with_a_prior_move():
    model = gp.set_prior(Model().at.noise, tfd.Gamma(2.0, 3.0))
    drawn = gp.sample_prior(model, jax.random.key(0))
    assert float(drawn.noise) != float(model.noise)
    assert same(gp.assign(drawn.at.noise, model.noise.value).parts, model.parts)
    with pytest.raises(ValueError, match="no Parameter there has a prior"):
        gp.sample_prior(Model(), jax.random.key(0))


def test_frozen_ones_stay_unless_asked():
    model = gp.set_trainable(gp.set_prior(Model().at.noise, tfd.Gamma(2.0, 3.0)).at.noise, False)
    with pytest.raises(ValueError, match="no Parameter there has a prior"):
        gp.sample_prior(model, jax.random.key(0))
    assert float(gp.sample_prior(model, jax.random.key(0), include_frozen=True).noise) != float(model.noise)


def test_a_key_and_a_path_make_a_draw():
    model = gp.set_prior(gp.at(Model(), "parts[*].scale"), tfd.Gamma(2.0, 3.0))
    a, b = (gp.sample_prior(model, jax.random.key(k)) for k in (0, 0))
    assert same(a, b)
    assert float(a.parts[0].scale) != float(a.parts[1].scale)
    assert float(gp.sample_prior(model, jax.random.key(1)).parts[0].scale) != float(a.parts[0].scale)
    more = gp.set_prior(model.at.noise, tfd.Gamma(2.0, 3.0))
    assert float(gp.sample_prior(more, jax.random.key(0)).parts[0].scale) == float(a.parts[0].scale)


def test_draw_is_the_same_under_jit():
    model = gp.set_prior(Model().at.noise, tfd.Gamma(2.0, 3.0))
    eager = gp.sample_prior(model, jax.random.key(0)).noise
    compiled = eqx.filter_jit(gp.sample_prior)(model, jax.random.key(0)).noise
    np.testing.assert_allclose(eager.value, compiled.value, rtol=1e-12)


def test_masks_and_ties():
    weights = gp.Parameter(np.ones(3), prior=tfd.Normal(0.0, 1.0))
    model = gp.set_trainable(Model(parts=[Part(weights=weights), Part()]).at.parts[0].weights[1], False)
    for change in (gp.sample_prior, gp.randomize):
        value = change(model, jax.random.key(0)).parts[0].weights.value
        assert value[1] == 1.0 and value[0] != 1.0 and value[2] != 1.0
    tied = gp.tie(model.at.parts[0].weights, model.at.parts[1].weights)
    for where in (tied, tied.at.parts[1]):
        drawn = gp.sample_prior(where, jax.random.key(0))
        assert np.array_equal(drawn.parts[0].weights.value, drawn.parts[1].weights.value)
        assert drawn.parts[0].weights.value[0] != 1.0


def test_randomize_moves_what_is_trainable():
    model = gp.set_trainable(Model().at.parts[0], False)
    moved = gp.randomize(model, jax.random.key(0), spread=0.5)
    assert same(moved.parts[0], model.parts[0])
    before, after = gp.partition(model)[0], gp.partition(moved)[0]
    assert all(np.isfinite(after[key]).all() and (after[key] != before[key]).all() for key in before)
    assert same(gp.randomize(model, jax.random.key(0), spread=0.0), model)
    many = eqx.filter_vmap(lambda key: gp.randomize(gp.Parameter(2.0), key, spread=0.5).value)(
        jax.random.split(jax.random.key(0), 4000)
    )
    assert stats.kstest(np.asarray(many), stats.norm(2.0, 0.5).cdf).pvalue > 1e-3


def test_randomize_refuses():
    with pytest.raises(ValueError, match="spread=-1"):
        gp.randomize(Model(), jax.random.key(0), spread=-1.0)
    with pytest.raises(ValueError, match="trainable"):
        gp.randomize(gp.set_trainable(Model(), False), jax.random.key(0))
