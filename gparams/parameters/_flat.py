"""The free numbers of a model as one vector: what a solver or a sampler moves."""

from typing import Any, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._entry import default_float
from ._held import Held, working_dtype
from ._parameter import know_value
from ._partition import combine, partition, representatives
from ._paths import text_of, walk
from ._transforms import elementwise, forward, lenient_promotion, lies_here


@final
class Flat(eqx.Module):
    """The two halves of `partition`, and the way between vector, dictionary and model.

    A thousand separate leaves cost an optimiser many times more a step than one vector of a thousand numbers. And a
    thousand transforms, one to a Parameter, take seconds to compile: here each kind is run once, over all it is for.
    `fit` does this by itself; loops written by hand can have it, too.

    Parameters
    ----------
    model
        Any PyTree with Parameters. Its free numbers become `params`, unconstrained arrays by path, and all else `static`.

    Raises
    ------
    ValueError
        If one Parameter object sits in two places of a tree that has not tied them.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> flat = gp.Flat(gp.kernels.SquaredExponential(lengthscales=[1.0, 2.0]))
    >>> x = flat.vector()
    >>> gradient = jax.grad(lambda x: flat.model(x).lengthscales.sum())(x)
    >>> gradient.shape, sorted(flat.unravel(gradient))
    ((3,), ['lengthscales', 'variance'])
    """

    params: dict[str, Array]
    static: Any

    def __init__(self, model: Any):
        self.params, self.static = partition(model)

    def vector(self) -> Float[Array, " n"]:
        """The numbers that the model was cut with, as one vector, in order of declaration."""
        parts = [self.params[key] for key in self._keys()]
        if not parts:
            return jnp.zeros(0, default_float())
        with lenient_promotion():
            if all(map(lies_here, parts)):
                return jax.device_put(np.concatenate([np.ravel(part) for part in parts]))
            return jnp.concatenate([jnp.ravel(part) for part in parts])

    def unravel(self, x: Float[Array, " n"]) -> dict[str, Array]:
        """The vector as the dictionary that `partition` gives.

        Raises
        ------
        ValueError
            If the vector has another length.
        """
        olds = [self.params[key] for key in self._keys()]
        size = sum(old.size for old in olds)
        if x.shape != (size,):
            raise ValueError(f"Flat: expected a vector of {size} numbers, got shape {x.shape}")
        here = lies_here(x)
        ends = np.cumsum([old.size for old in olds])[:-1].tolist()
        pieces = (np.split(np.asarray(x), ends) if here else jnp.split(x, ends)) if olds else []
        parts: Any = [piece.reshape(old.shape).astype(old.dtype) for piece, old in zip(pieces, olds, strict=True)]
        return dict(zip(self._keys(), jax.device_put(parts) if here else parts, strict=True))

    def model(self, params: Any) -> Any:
        """The model with these free numbers: a vector or a dictionary."""
        if isinstance(params, dict):
            return combine(params, self.static)
        model = combine(self.unravel(params), self.static)
        if len(self.params) > 1 and isinstance(params, jax.core.Tracer):
            self._transform_together(model, params)
        return model

    def _keys(self) -> list[str]:
        # Not from the dictionary: JAX sorts its keys on the way through a transformation.
        named = walk(self.static)[0]
        return [text_of(named[members[0]].path) for members in representatives(named)]

    def _transform_together(self, model: Any, x: Array) -> None:
        """Run each transform once over all the numbers that it is for, and tell the Parameters their values."""
        named = walk(model)[0]
        kinds: dict[Held, list[tuple[list[int], slice]]] = {}
        start = 0
        for members in representatives(named):
            path, p = named[members[0]]
            old = self.params[text_of(path)]
            place, start = slice(start, start + old.size), start + old.size
            transform = p._spec.transform
            alike = old.dtype == x.dtype == working_dtype(x.dtype) and p._spec.mask is None
            if alike and transform is not None and elementwise(transform) and transform.scalar:
                kinds.setdefault(transform, []).append((members, place))
        for transform, places in kinds.items():
            if len(places) == 1:
                continue
            indices = np.concatenate([np.arange(place.start, place.stop) for _, place in places])
            values = forward(transform, x if len(indices) == start else x[indices])
            ends = np.cumsum([place.stop - place.start for _, place in places])
            pieces = jnp.split(values, ends[:-1].tolist())
            for (members, _), piece in zip(places, pieces, strict=True):
                for i in members:
                    know_value(named[i].leaf, piece.reshape(named[i].leaf.shape))
