"""Posteriors with state: what GPflow's have besides `predict_f`, for those that know the model they came from."""

import enum
import weakref
from collections.abc import Callable
from typing import Any

from .. import models, posteriors
from ._extras import extras
from ._gather import field_names
from ._module import method
from ._nodes import Computed, place


class PrecomputeCacheType(enum.Enum):
    """GPflow's ways of keeping what a posterior has computed; it is always kept here, in the same way.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.posteriors.PrecomputeCacheType("tensor")
    <PrecomputeCacheType.TENSOR: 'tensor'>
    """

    TENSOR = "tensor"
    VARIABLE = "variable"
    NOCACHE = "nocache"


_models: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()  # posterior to the model it came from


def _posterior_of(core: type) -> Callable[..., Any]:
    compute = method("posterior", core.posterior)  # type: ignore[attr-defined]

    def posterior(self: Any, precompute_cache: Any = PrecomputeCacheType.TENSOR) -> Any:
        """The process given the data: a snapshot, which ``posterior.update_cache()`` makes anew from the model.

        Parameters
        ----------
        precompute_cache
            One of GPflow's three; what the posterior computes is kept with any of them.
        """
        PrecomputeCacheType(precompute_cache)
        made = compute(self)
        _models[made] = self
        return made

    return posterior


@extras(models.PosteriorModel)
class _PosteriorModel:
    posterior = _posterior_of(models.PosteriorModel)


@extras(models.GPR)
class _GPR:
    posterior = _posterior_of(models.GPR)


@extras(posteriors.Posterior)
class _Posterior:
    cache = Computed(
        lambda self: tuple(x for x in (self.L, self.a, self.S) if x is not None),
        "What was computed from the data: (L, a), or (L, a, S).",
    )

    def update_cache(self: Any, precompute_cache: Any = None) -> None:
        """Make this the posterior of its model as that is now.

        Parameters
        ----------
        precompute_cache
            Taken and not used.

        Raises
        ------
        ValueError
            If it has no model: a copy has none, nor has one made by `stateful`.
        """
        if self not in _models:
            raise ValueError("update_cache: this posterior doesn't know its model; ask that again, model.posterior()")
        fresh = _models[self].posterior()
        for name in field_names(posteriors.Posterior):
            place(self, name, fresh.__dict__[name])

    def fused_predict_f(self: Any, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False) -> Any:
        """As `predict_f`, of the posterior's model as that is now; nothing of it is kept."""
        model = _models.get(self)
        return (self if model is None else model.posterior()).predict_f(Xnew, full_cov, full_output_cov)
