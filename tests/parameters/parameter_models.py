"""Small models that the tests of the parameter layer share."""

import jax.numpy as jnp
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp


class Part(gp.Module):
    scale: gp.Parameter
    weights: gp.Parameter

    def __init__(self, scale=0.5, weights=(1.0, 2.0, 3.0)):
        self.scale = gp.as_parameter(scale, transform=gp.positive())
        self.weights = gp.as_parameter(weights)


class Model(gp.Module):
    parts: list
    noise: gp.Parameter
    counts: gp.Buffer
    table: dict
    name: str

    def __init__(self, parts=None, noise=0.1):
        self.parts = [Part(), Part(2.0)] if parts is None else parts
        self.noise = gp.as_parameter(noise, transform=gp.positive(1e-6))
        self.counts = gp.Buffer([1.0, 2.0])
        self.table = {"a": gp.Parameter(1.5), "b c": gp.Parameter([0.5, 0.25], transform=gp.bounded(0.0, 1.0))}
        self.name = "model"


def loss(model):
    """A smooth function of every Parameter, with its least value away from the start."""
    return sum(jnp.sum((p.value - 0.3) ** 2) for p in gp.trainable_parameters(model)) + sum(
        jnp.sum(jnp.sin(p.value)) for p in gp.parameter_dict(model).values()
    )


def rich_model():
    """Gamma priors, a Chain and a tie, with every TFP object built afresh."""
    model = Model(parts=[Part(), Part()])
    chain = tfb.Chain([tfb.Shift(1e-3), tfb.Scale(2.0), tfb.Softplus()])
    model = gp.set_transform(model.at.parts[0].scale, chain)
    model = gp.set_prior(gp.at(model, "noise"), tfd.Gamma(2.0, 3.0))
    model = gp.set_prior(gp.at(model, "parts[0].scale"), tfd.Gamma(1.5, 0.5))
    return gp.tie(model.at.parts[0].weights, model.at.parts[1].weights)
