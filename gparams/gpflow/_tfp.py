"""Which objects are TFP's."""

from typing import Any

from tensorflow_probability.substrates.jax import distributions as tfd


def is_distribution(x: Any) -> bool:
    """Whether `x` is a TFP distribution."""
    return isinstance(x, tfd.Distribution)
