"""The log density of a model's free numbers, flat and unconstrained, as samplers want it."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._flat import Flat
from ._priors import log_prior
from ._transforms import lenient_promotion


@final
class LogDensity(eqx.Module):
    """A log density over one vector of unconstrained numbers; made by `log_density`.

    Parameters
    ----------
    flat
        The model, with the way from a vector to it.
    log_likelihood
        Takes a model, returns a scalar in nats.

    Examples
    --------
    >>> import gparams as gp
    >>> density = gp.log_density(gp.Parameter([1.0, 2.0]), lambda p: -0.5 * (p**2).sum())
    >>> isinstance(density, gp.LogDensity), density.initial.shape
    (True, (2,))
    """

    flat: Flat
    log_likelihood: Callable[[Any], Any]

    @property
    def initial(self) -> Float[Array, " n"]:
        """The model's own numbers: a start for a sampler."""
        return self.flat.vector()

    def unravel(self, x: Float[Array, " n"]) -> dict[str, Array]:
        """The vector as unconstrained arrays by path."""
        return self.flat.unravel(x)

    def model(self, x: Float[Array, " n"]) -> Any:
        """The model at a vector; under `jax.vmap`, the models at many."""
        return self.flat.model(x)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """Return log likelihood + log prior + log Jacobian at a vector; in nats.

        Raises
        ------
        ValueError
            If the vector has another length, the log likelihood is not one number, or as for `log_prior`.
        """
        model = self.flat.model(x)
        likelihood = jnp.asarray(self.log_likelihood(model))
        if likelihood.ndim:
            raise ValueError(f"log_density: the log likelihood must be one number, and has shape {likelihood.shape}")
        prior = log_prior(model, "unconstrained")
        with lenient_promotion():
            return likelihood + prior


def log_density(model: Any, log_likelihood: Callable[[Any], Any]) -> LogDensity:
    r"""Return the log posterior density, up to a constant, of the free numbers as one unconstrained vector.

    With :math:`y = g(x)` the values of the trainable Parameters at the vector :math:`x`,

    .. math:: \log p(\text{data} \mid g(x)) + \log p(g(x)) + \log|\det g'(x)|

    where the last two terms run over the Parameters that have a prior. One without is flat in :math:`x`.

    Parameters
    ----------
    model
        Any PyTree with Parameters.
    log_likelihood
        Takes a model, returns a scalar, such as ``lambda m: m.log_marginal_likelihood()``. Give one function object for
        one density: it is a static fact, and a new one compiles afresh.

    Returns
    -------
    A function of one vector, with `initial` (the vector of the model itself), `model(x)` and `unravel(x)`. It is a
    PyTree, and goes through `equinox.filter_jit`, `jax.vmap` and any sampler that takes a log density.

    Raises
    ------
    ValueError
        If nothing in the model is trainable.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, section 1.8 (change of variables).

    Examples
    --------
    >>> import gparams as gp
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> p = gp.Parameter(1.0, transform=gp.positive(base="exp"), prior=tfd.Exponential(1.0))
    >>> density = gp.log_density(p, lambda p: -p)
    >>> print(density(density.initial))
    -2.0
    """
    flat = Flat(model)
    if not flat.params:
        raise ValueError(f"log_density: nothing in this {type(model).__name__} is trainable, so there is no density")
    return LogDensity(flat, log_likelihood)
