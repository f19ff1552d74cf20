"""SamplingHelper: a model as a log density of unconstrained arrays, for the samplers of TFP and others."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..parameters import log_prior, rebuild
from ._arrays import to_tensor
from ._gather import installed
from ._nodes import Node
from ._parameter import Parameter, Variable
from ._programs import cells_of


class SamplingHelper:
    """What an HMC sampler needs of a stateful model.

    Parameters
    ----------
    target_log_prob_fn
        A function without arguments that returns the model's log posterior density, such as
        ``model.log_posterior_density``. The change of variables is added here, for Parameters whose prior is on the
        constrained value.
    parameters
        The Parameters to sample; each has a prior.

    Raises
    ------
    ValueError
        If they are not Parameters, or one has no prior.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> p = gpflow.Parameter(1.0, transform=gpflow.utilities.positive(), prior=tfd.Exponential(1.0))
    >>> helper = gpflow.optimizers.SamplingHelper(p.log_prior_density, [p])
    >>> print(helper.target_log_prob_fn(*helper.current_state).round(3))
    -1.459
    """

    def __init__(self, target_log_prob_fn: Callable[[], Any], parameters: Any):
        if isinstance(parameters, Node) or not all(
            isinstance(p, Parameter) and p.prior is not None for p in parameters
        ):
            raise ValueError("SamplingHelper: expected Parameters with priors, such as model.trainable_parameters")
        self._parameters = cells_of(parameters)
        self._log_prob = target_log_prob_fn

    @property
    def current_state(self) -> list[Variable]:
        """The unconstrained variables, one for each Parameter: arrays for a sampler, and a sample is assigned to them."""
        return [Variable(p) for p in self._parameters]

    @property
    def target_log_prob_fn(self) -> Callable[..., jax.Array]:
        """A pure function of the unconstrained arrays, which a sampler may compile."""

        def log_prob(*variables: Any) -> jax.Array:
            helds = [rebuild(jnp.asarray(u), p._held._spec) for p, u in zip(self._parameters, variables, strict=True)]
            with installed(list(zip(self._parameters, helds, strict=True))):
                value = jnp.asarray(self._log_prob())
            return value + sum(_log_jacobian(h) for h in helds)

        return log_prob

    def convert_to_constrained_values(self, hmc_samples: Sequence[Any]) -> list[Any]:
        """Turn samples of the unconstrained arrays into samples of the values, one stack for each Parameter."""

        def values(p: Parameter, samples: Any) -> Any:
            spec = p._held._spec
            return to_tensor(jax.vmap(lambda u: rebuild(u, spec).value)(jnp.asarray(samples)))

        return [values(p, samples) for p, samples in zip(self._parameters, hmc_samples, strict=True)]


def _log_jacobian(held: Any) -> Any:
    """What turns a density of the value into one of the unconstrained array."""
    return log_prior(held, "unconstrained", include_frozen=True) - log_prior(held, include_frozen=True)
