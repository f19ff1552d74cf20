"""Cutting a model into any number of groups: trainable, frozen, buffers, and whatever a user names."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array

from ._parameter import Buffer, Parameter, rebuild
from ._partition import refuse_aliases
from ._paths import Named, is_leaf, matches, missing, parse, steps_of, text_of, walk
from ._ties import groups

Filter = str | type | Callable[[str, Any], bool]


@jtu.register_pytree_node_class
class Hole:
    """What stands in the last part of `split` where an array was taken out: a node without leaves."""

    def tree_flatten(self) -> tuple:
        """Nothing to flatten."""
        return (), None

    @classmethod
    def tree_unflatten(cls, aux: None, children: tuple) -> "Hole":
        """Another hole."""
        return cls()

    def __repr__(self) -> str:
        return "Hole()"


def is_trainable(path: str, leaf: Any) -> bool:
    """Whether a leaf is a Parameter that optimisers move; a filter for `split` and `at`.

    Parameters
    ----------
    path, leaf
        What a filter is called with; the path is not looked at.

    Returns
    -------
    A Boolean.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.is_trainable("variance", gp.Parameter(1.0))
    True
    """
    return isinstance(leaf, Parameter) and leaf.trainable


def is_frozen(path: str, leaf: Any) -> bool:
    """Whether a leaf is a Parameter that is frozen as a whole; a filter for `split` and `at`.

    Parameters
    ----------
    path, leaf
        As for `is_trainable`.

    Returns
    -------
    A Boolean.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.is_frozen("variance", gp.Parameter(1.0, trainable=False))
    True
    """
    return isinstance(leaf, Parameter) and not leaf.trainable


def split(tree: Any, *filters: Filter) -> tuple[Any, ...]:
    """Cut a tree into groups of arrays by path, and the rest.

    Parameters
    ----------
    tree
        Any PyTree.
    filters
        One for each group; a leaf goes to the first that takes it. A class (`gparams.Buffer`), a path or glob (all at or
        below it), or a function of path and leaf (`gparams.is_trainable`, `gparams.is_frozen`). The leaves are
        Parameters, Buffers and plain arrays.

    Returns
    -------
    One flat dictionary for each filter, from path to array: unconstrained for a Parameter (of a partly frozen one just
    the free elements, of tied ones just the first), the value for a Buffer. Then the tree without those arrays, which goes
    through `equinox.filter_jit` as the whole tree does.

    Raises
    ------
    PlaceError
        If a path or glob matches nothing.
    ValueError
        If one trainable Parameter object sits in two places of a tree that has not tied them.
    TypeError
        If a filter is none of these.

    Examples
    --------
    >>> import gparams as gp
    >>> tree = {"w": gp.Parameter(1.0), "b": gp.Parameter(0.0, trainable=False), "mean": gp.Buffer(5.0)}
    >>> free, held, state, rest = gp.split(tree, gp.is_trainable, gp.is_frozen, gp.Buffer)
    >>> list(free), list(held), list(state)
    (["['w']"], ["['b']"], ["['mean']"])
    >>> gp.merge(free, held, state, rest) == tree
    True
    """
    named, treedef = walk(tree)
    refuse_aliases(named)
    tests = [_test(tree, named, f) for f in filters]
    found: tuple[dict[str, Array], ...] = tuple({} for _ in filters)
    leaves = [leaf for _, leaf in named]
    for members in _units(named):
        path, leaf = named[members[0]]
        text = text_of(path)
        texts = [text_of(named[i].path) for i in members]  # tied ones: any of their paths
        group = next((k for k, test in enumerate(tests) if any(test(t, leaf) for t in texts)), None)
        if group is None:
            continue
        if isinstance(leaf, Parameter):
            mask = leaf._spec.mask
            found[group][text] = leaf.unconstrained if mask is None else mask.gather(leaf.unconstrained)
            if mask is None:
                for i in members:
                    leaves[i] = rebuild(None, named[i].leaf._spec)
        else:
            found[group][text] = leaf.value if isinstance(leaf, Buffer) else leaf
            leaves[members[0]] = _hollow() if isinstance(leaf, Buffer) else Hole()
    return (*found, jtu.tree_unflatten(treedef, leaves))


def merge(*parts: Any) -> Any:
    """Put together what `split` cut.

    Parameters
    ----------
    parts
        The dictionaries, in any order, and last the rest. Numbers may have changed, shapes and paths not.

    Returns
    -------
    The tree.

    Raises
    ------
    ValueError
        If there are no parts, or a path is missing, is left over, or comes twice.
    TypeError
        If a part before the last is not a dictionary.

    Examples
    --------
    >>> import gparams as gp
    >>> params, rest = gp.split({"a": gp.Parameter(1.0)}, gp.Parameter)
    >>> gp.merge({"['a']": 2.0 * params["['a']"]}, rest)
    {'a': Parameter(2.)}
    """
    if not parts:
        raise ValueError("merge: expected what split returned: dictionaries, and last the rest")
    *dictionaries, rest = parts
    arrays: dict[str, Array] = {}
    for part in dictionaries:
        if not isinstance(part, Mapping):
            raise TypeError(f"merge: expected dictionaries before the last argument, got a {type(part).__name__}")
        twice = [text for text in part if text in arrays]
        if twice:
            raise ValueError(f"merge: {twice} come in two of the parts")
        arrays.update(part)
    leaves, treedef = jtu.tree_flatten_with_path(rest, is_leaf=lambda x: is_leaf(x) or isinstance(x, Hole))
    named = [Named(path, leaf) for path, leaf in leaves]
    out = [leaf for _, leaf in named]
    lacking, used = [], set()
    for members in _units(named, everything=True):
        path, leaf = named[members[0]]
        text = text_of(path)
        if text in arrays:
            used.add(text)
            for i in members:
                out[i] = _filled(named[i].leaf, arrays[text])
        elif _is_hollow(leaf):
            lacking.append(text)
    left = [text for text in arrays if text not in used]
    if lacking or left:
        raise ValueError(f"merge: paths missing from the parts: {lacking or 'none'}; left over: {left or 'none'}")
    return jtu.tree_unflatten(treedef, out)


def _test(tree: Any, named: list[Named], chosen: Filter) -> Callable[[str, Any], bool]:
    if isinstance(chosen, str):
        pattern = parse(chosen)
        inside = {text_of(path) for path, _ in named if at_or_below(pattern, steps_of(path))}
        if not inside:
            raise missing(tree, chosen)
        return lambda text, leaf: text in inside
    if isinstance(chosen, type):
        return lambda text, leaf: isinstance(leaf, chosen)
    if callable(chosen):
        return lambda text, leaf: bool(chosen(text, leaf))
    raise TypeError(f"split: expected a class, a path, or a function of path and leaf, got {chosen!r}")


def at_or_below(pattern: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    """Whether a glob matches a path or a node above it."""
    return any(matches(pattern, steps[:i]) for i in range(len(steps) + 1))


def _units(named: list[Named], *, everything: bool = False) -> list[list[int]]:
    """Parameters (tied ones together), Buffers and arrays, as groups of indices."""
    tied = {members[0]: members for members in groups(named)}
    later = {i for members in tied.values() for i in members[1:]}
    return [
        tied.get(i, [i])
        for i, (_, leaf) in enumerate(named)
        if i not in later and (everything or is_leaf(leaf) or eqx.is_array(leaf) or isinstance(leaf, np.ndarray))
    ]


def _hollow() -> Buffer:
    buffer = object.__new__(Buffer)
    object.__setattr__(buffer, "value", None)
    return buffer


def _is_hollow(leaf: Any) -> bool:
    if isinstance(leaf, Parameter):
        return leaf.unconstrained is None
    return isinstance(leaf, Hole) or (isinstance(leaf, Buffer) and leaf.value is None)


def _filled(leaf: Any, array: Any) -> Any:
    if isinstance(leaf, Parameter):
        mask = leaf._spec.mask
        return rebuild(array if mask is None else mask.scatter(leaf.unconstrained, array), leaf._spec)
    return Buffer(array) if isinstance(leaf, Buffer) else array
