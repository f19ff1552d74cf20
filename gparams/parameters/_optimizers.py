"""Optimisers and paths: labels for groups of Parameters, and state carried over when the trainable set changes."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import optax
from jaxtyping import Array

from ._groups import at_or_below
from ._parameter import Parameter
from ._partition import partition
from ._paths import PlaceError, parse, steps_of, text_of, walk
from ._spec import Mask
from ._ties import groups

# Their memory is made of whole vectors and of products between them: nothing of it holds for another set of numbers.
_WHOLE = (optax.ScaleByLBFGSState, optax.ScaleByZoomLinesearchState, optax.ScaleByBacktrackingLinesearchState)


def labels(where: Any, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Label the trainable Parameters by path, for `optax.multi_transform` and the like.

    Parameters
    ----------
    where
        A tree, or the dictionary that `partition` gives for it.
    rules
        Path or glob to label. A Parameter takes the first rule that matches its path or a node above it; of tied ones,
        any of their paths. (The dictionary of `partition` knows the first of these only.)

    Returns
    -------
    Path to label, with the keys that `partition` gives.

    Raises
    ------
    ValueError
        If a rule matches nothing, or a trainable Parameter has no rule.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential() + gp.kernels.Matern32()
    >>> gp.labels(kernel, {"kernels[0]": "slow", "**.variance": "fast", "**": "fast"})["kernels[0].variance"]
    'slow'
    """
    places = _places(where)
    patterns = {rule: parse(rule) for rule in rules}
    matched = {
        rule: {key for key, paths in places.items() if any(at_or_below(pattern, steps) for steps in paths)}
        for rule, pattern in patterns.items()
    }
    idle = [rule for rule, keys in matched.items() if not keys]
    if idle:
        raise ValueError(f"labels: {idle} match no trainable Parameter; the paths are {', '.join(places) or 'none'}")
    out = {}
    for key in places:
        rule = next((rule for rule, keys in matched.items() if key in keys), None)
        if rule is None:
            raise ValueError(f"labels: no rule matches {key!r}; a last rule '**' takes all the rest")
        out[key] = rules[rule]
    return out


def _places(where: Any) -> dict[str, list[tuple[str, ...]]]:
    """The keys of `partition`, each with the paths of all its places."""
    named = walk(where)[0]
    if isinstance(where, Mapping) and not any(isinstance(leaf, Parameter) for _, leaf in named):
        return {key: [_steps(key)] for key in where}
    tied = {members[0]: members for members in groups(named)}
    later = {i for members in tied.values() for i in members[1:]}
    return {
        text_of(path): [steps_of(named[k].path) for k in tied.get(i, [i])]
        for i, (path, leaf) in enumerate(named)
        if isinstance(leaf, Parameter) and leaf.trainable and i not in later
    }


def _steps(key: str) -> tuple[str, ...]:
    try:
        return parse(key) if key else ()
    except PlaceError:  # a key of a user's dictionary that is no path
        return (key,)


def migrate(optimizer: optax.GradientTransformation, opt_state: Any, old: Any, new: Any) -> Any:
    """Carry an optimiser's state over to a model with another trainable set.

    What an optimiser keeps for each Parameter (moments, traces) goes along by path: survivors keep theirs, and the newly
    free start afresh. Where a part of a Parameter was frozen or freed, this holds element by element. What it keeps once
    (step counts, schedules, injected hyperparameters) stays.

    Parameters
    ----------
    optimizer
        The optax transformation that is to go on.
    opt_state
        Its state for ``gp.partition(old)[0]``.
    old, new
        The model before and after the change.

    Returns
    -------
    A state for ``gp.partition(new)[0]``.

    Raises
    ------
    ValueError
        If the state is not this optimiser's for `old`.

    Warns
    -----
    UserWarning
        If the memory of L-BFGS or of a line search had to be cleared: its products are over the whole old vector.

    Notes
    -----
    The transformation must be one that can begin with the new dictionary: give `optax.multi_transform` its labels as a
    function, ``lambda params: gp.labels(params, rules)``.

    Examples
    --------
    >>> import gparams as gp
    >>> import optax
    >>> old = gp.kernels.SquaredExponential()
    >>> optimizer = optax.adam(0.1)
    >>> state = optimizer.init(gp.partition(old)[0])
    >>> new = gp.set_trainable(old.at.lengthscales, False)
    >>> list(gp.migrate(optimizer, state, old, new)[0].mu)
    ['variance']
    """
    before, after = partition(old)[0], partition(new)[0]
    fresh = optimizer.init(after)
    masks = _masks(old), _masks(new)

    def by_path(keys: Mapping[str, Any]) -> Any:
        return lambda x: (
            isinstance(x, _WHOLE)
            or (isinstance(x, dict) and x.keys() == keys.keys() and all(map(_is_kept, x.values())))
        )

    carried, structure = jtu.tree_flatten(opt_state, is_leaf=by_path(before))
    begun, wanted = jtu.tree_flatten(fresh, is_leaf=by_path(after))
    if structure != wanted or len(carried) != len(begun):
        raise ValueError(
            "migrate: opt_state is not a state of this optimizer for `old`. Expected what optimizer.init or "
            "optimizer.update gave for gp.partition(old)[0]."
        )
    same = before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    out: list[Any] = []
    was: Any
    start: Any
    cleared = [type(start).__name__ for start in begun if isinstance(start, _WHOLE) and not same]
    if cleared:
        warnings.warn(
            f"migrate: the trainable set has changed, so {' and '.join(cleared)} start with an empty memory",
            stacklevel=2,
        )
    for was, start in zip(carried, begun, strict=True):
        if isinstance(start, _WHOLE):
            out.append(was if same else start)
        elif isinstance(start, dict) and isinstance(was, dict):
            out.append({key: _carried(key, was, start, before, after, masks) for key in start})
        else:
            out.append(_kept_once(was, start, None if same else sum(u.size for u in before.values())))
    return jtu.tree_unflatten(wanted, out)


def _is_kept(x: Any) -> bool:
    """Whether an optimiser keeps this for one Parameter (and not a state of its own under a label)."""
    return isinstance(x, jax.Array | np.ndarray | optax.MaskedNode)


def _kept_once(was: Any, start: Any, size: int | None) -> Any:
    raveled = size is not None and np.ndim(was) == 1 and np.size(was) == size > 1
    if isinstance(was, dict) or raveled or np.shape(was) != np.shape(start):
        raise ValueError(
            "migrate: the state holds an array that is not kept by path. Only a state for the dictionary of gp.partition "
            "can be carried over, not one for a raveled vector."
        )
    return was


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _masks(model: Any) -> dict[str, Mask | None]:
    """The mask of each trainable Parameter; None where all elements are free."""
    return {
        text_of(path): leaf._spec.mask
        for path, leaf in walk(model)[0]
        if isinstance(leaf, Parameter) and leaf.trainable
    }


def _carried(key: str, was: dict, start: dict, before: dict, after: dict, masks: tuple[dict, dict]) -> Any:
    if key not in was:
        return start[key]
    if jtu.tree_structure(was[key]) != jtu.tree_structure(start[key]):
        return start[key]
    old_mask, new_mask = masks[0].get(key), masks[1].get(key)

    def leaf(old: Any, new: Any) -> Any:
        # An array of the Parameter's own shape is kept element by element; a partly frozen one is flat along its last
        # axis. Axes before those of the mask are of a batch of models.
        own = np.shape(old) == before[key].shape and np.shape(new) == after[key].shape
        if own and old_mask != new_mask:
            known: Any = old_mask if old_mask is not None else new_mask
            shape = known.shape
            places = [np.arange(math.prod(shape)) if mask is None else mask.free for mask in (old_mask, new_mask)]
            flat = [
                a if mask is not None else a.reshape(*a.shape[: a.ndim - len(shape)], -1)
                for a, mask in ((old, old_mask), (new, new_mask))
            ]
            _, i, j = np.intersect1d(places[0], places[1], return_indices=True)
            return jnp.asarray(flat[1]).at[..., j].set(flat[0][..., i]).reshape(np.shape(new))
        return old if np.shape(old) == np.shape(new) else new

    return jtu.tree_map(leaf, was[key], start[key])
