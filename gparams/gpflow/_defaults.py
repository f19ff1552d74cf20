"""What GPflow takes from its settings and from TensorFlow's global state: dtype, transforms and random keys."""

from typing import Any

import jax
import numpy as np
from tensorflow_probability.substrates.jax import bijectors as tfb

from ..parameters import Parameter as Held
from ..parameters import positive as core_positive
from ..parameters import set_transform
from ._config import config

_keys = [jax.random.key(0)]


def set_seed(seed: int) -> None:
    """Seed the random keys of methods that draw and are given none, such as ``predict_f_samples``.

    Parameters
    ----------
    seed
        An integer. It is 0 at import: a script draws the same numbers at each run.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.set_seed(1)
    """
    _keys[0] = jax.random.key(seed)


def next_key() -> Any:
    """Return a fresh random key."""
    _keys[0], key = jax.random.split(_keys[0])
    return key


def in_default_style(held: Held) -> Held:
    """Give a library-made Parameter the dtype and the positive transform that the settings name."""
    settings = config()
    if held.dtype != np.dtype(settings.float):
        held = Held(held, dtype=settings.float)
    if settings.positive_bijector == "softplus" and settings.positive_minimum == 0.0:
        return held
    lower = _softplus_floor(held)
    if lower is None:
        return held
    minimum = max(lower, settings.positive_minimum)
    return set_transform(held, core_positive(minimum, settings.positive_bijector))  # type: ignore[arg-type]


def _softplus_floor(held: Held) -> float | None:
    """The lower bound of a Parameter with the library's own positive transform; None for any other."""
    transform = held.transform
    if isinstance(transform, tfb.Softplus):
        return 0.0
    if isinstance(transform, tfb.Chain) and transform.name == "chain_of_shift_of_softplus":
        parts: Any = transform.bijectors
        return float(parts[0].shift)
    return None
