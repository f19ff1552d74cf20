"""Inverse links: functions from the latent function to a rate, a scale or a probability.

An inverse link is any elementwise function. Those that are known here are also known by their logarithm, or by what
is left to one, so that nothing under- or overflows where the latent function is large; for others these are computed
from the function itself. Results are finite for every finite latent function, in float32 too.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special, stats
from jaxtyping import Array

Link = Callable[[Array], Array]

_SQUASH = 1e-3
_EXP = (jnp.exp, jax.lax.exp)
_SIGMOID = (jax.nn.sigmoid, special.expit, jax.lax.logistic)
_PROBIT = (stats.norm.cdf, special.ndtr)


def inv_probit(x: Array) -> Array:
    r"""Squash the real line to probabilities between 0.001 and 0.999: :math:`0.001 + 0.998 \, \Phi(x)`.

    The margin is GPflow's. With it, no single observation has a log probability below -6.9.

    Parameters
    ----------
    x
        Latent function.

    Returns
    -------
    Probabilities, of the same shape.

    References
    ----------
    Rasmussen & Williams (2006), section 3.3 (the probit link); GPflow 2.11 (the margin).

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> [round(float(p), 3) for p in gp.likelihoods.inv_probit(jnp.array([-9.0, 0.0, 9.0]))]
    [0.001, 0.5, 0.999]
    """
    return 0.5 * (1.0 + special.erf(x / math.sqrt(2.0))) * (1.0 - 2.0 * _SQUASH) + _SQUASH


def read_link(invlink: Any, who: str) -> Any:
    """Check an inverse link: a function."""
    if not callable(invlink):
        raise TypeError(
            f"{who}: expected invlink to be a function, such as jax.numpy.exp or jax.nn.sigmoid, got {invlink!r}"
        )
    return invlink


def is_exp(link: Link) -> bool:
    """Whether the link is the exponential function, for which closed forms exist."""
    return link in _EXP


def exp(F: Array) -> Array:
    """The exponential, continued by its tangent where it would leave the range of the dtype; so always finite."""
    limit = 700.0 if jnp.finfo(F.dtype).bits == 64 else 70.0
    return jnp.exp(jnp.minimum(F, limit)) * (1.0 + jnp.maximum(F - limit, 0.0))


def rate(link: Link, F: Array) -> Array:
    """A rate or a scale: finite, and kept so far above zero that its square's inverse is finite too."""
    if is_exp(link):
        return exp(F)
    floor = 1e-150 if jnp.finfo(F.dtype).bits == 64 else 1e-18
    return jnp.maximum(link(F), floor)


def log_rate(link: Link, F: Array) -> Array:
    """The logarithm of a rate."""
    if is_exp(link):
        return F
    if link is jax.nn.softplus:
        small = F < -15.0  # there softplus is exp to half its digits, and underflows in float32
        return jnp.where(small, F - 0.5 * jnp.exp(jnp.minimum(F, 0.0)), jnp.log(rate(link, jnp.maximum(F, -20.0))))
    return jnp.log(rate(link, F))


def inverse_rate(link: Link, F: Array) -> Array:
    """One over a rate."""
    return exp(-F) if is_exp(link) else 1.0 / rate(link, F)


def square(x: Array) -> Array:
    """The square, kept within the range of the dtype, with room for a factor or a sum."""
    limit = 1e-3 * math.sqrt(float(jnp.finfo(x.dtype).max))
    return jnp.square(jnp.clip(x, -limit, limit))


def complement(link: Link, F: Array) -> Array:
    """One less a probability, without cancellation where the link is known."""
    return link(-F) if _is_symmetric(link) else 1.0 - link(F)


def log_yes_or_no(link: Link, F: Array, yes: Array) -> Array:
    """The logarithm of a probability where `yes`, and of one less it elsewhere."""
    if not _is_symmetric(link):
        return jnp.log(_above_zero(jnp.where(yes, link(F), 1.0 - link(F))))
    F = jnp.where(yes, F, -F)
    if link in _SIGMOID:
        return jax.nn.log_sigmoid(F)
    return special.log_ndtr(F) if link in _PROBIT else jnp.log(link(F))


def _is_symmetric(link: Link) -> bool:
    """Whether the link is known to take minus f to one less the probability."""
    return link is inv_probit or link in _SIGMOID or link in _PROBIT


def _above_zero(p: Array) -> Array:
    return jnp.maximum(p, float(jnp.finfo(p.dtype).tiny))
