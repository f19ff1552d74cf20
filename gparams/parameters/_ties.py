"""Ties: Parameters in several places of a model that are one.

JAX's trees forget that two fields held one object: after the first `jit` or `tree_map` they are two, and train apart in
silence. A tie is therefore written into the static facts of each member, as the places of the whole group seen from
the module in which it was tied. The places are found again wherever that module is put.
"""

from collections.abc import Callable
from typing import Any

import jax.core
import jax.tree_util as jtu
import numpy as np

from ._parameter import Parameter, rebuild
from ._paths import Named, is_leaf, join, steps_of, walk
from ._spec import Tie


def groups(named: list[Named], *, strict: bool = True) -> list[list[int]]:
    """Return the groups of tied Parameters, as indices into `named`; a member whose partners are not there is alone.

    With `strict`, members that no longer fit their tie are an error; `tie` and `untie` mend them, and pass over it.

    Raises
    ------
    ValueError
        If members of a group have been put into places that no longer fit the tie.
    """
    found: dict[Any, list[int]] = {}
    strays: dict[Any, list[int]] = {}
    for i, (path, leaf) in enumerate(named):
        if not isinstance(leaf, Parameter) or leaf._spec.tie is None:
            continue
        key = _key(steps_of(path), leaf._spec.tie)
        (found if key is not None else strays).setdefault((key, leaf._spec.tie.places), []).append(i)
    for members in strays.values():
        if strict and len({named[i].leaf._spec.tie.member for i in members}) > 1:
            names = " and ".join(repr(join(steps_of(named[i].path))) for i in members)
            raise ValueError(
                f"{names} were tied where they came from, and sit in other places here. Say what they are now: "
                "gp.tie(at(model).a, at(model).b) or gp.untie(at(model).a)."
            )
    return [members for members in found.values() if len(members) > 1]


def _key(steps: tuple[str, ...], tie: Tie) -> tuple | None:
    """Where the tied module sits above (or how deep inside it we stand); None if the place does not fit the tie."""
    own = tie.steps
    if len(own) <= len(steps):
        above = len(steps) - len(own)
        return ("in", steps[:above]) if steps[above:] == own else None
    inside = len(own) - len(steps)
    return ("part", own[:inside]) if own[inside:] == steps else None


def tie_aliases(module: Any) -> Any:
    """Return the module with every Parameter object that it holds more than once tied; itself if there is none.

    Parameters
    ----------
    module
        Any PyTree.

    Returns
    -------
    The module, its aliases tied.

    Raises
    ------
    ValueError
        If Parameters with one number were tied in other models, and it can't be told whether they belong together.

    Examples
    --------
    >>> import gparams as gp
    >>> p = gp.Parameter(1.0)
    >>> list(gp.partition(tie_aliases([p, p]))[0])
    ['[0]']
    """
    objects = [leaf for leaf in jtu.tree_leaves(module, is_leaf=is_leaf) if isinstance(leaf, Parameter)]
    if len({id(p) for p in objects}) == len(objects) and all(p._spec.tie is None for p in objects):
        return module
    named, treedef = walk(module)
    again = _from_elsewhere(named)
    parent = list(range(len(named)))  # union of "is the same object" and "is tied already"

    def top(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    first: dict[int, int] = {}
    for i, (_, leaf) in enumerate(named):
        if isinstance(leaf, Parameter):
            parent[top(i)] = top(first.setdefault(id(leaf), i))
    for members in again:
        for i in members:
            parent[top(i)] = top(members[0])
    for members in groups(named):
        for i in members:
            parent[top(i)] = top(members[0])
    union: dict[int, list[int]] = {}
    for i, (_, leaf) in enumerate(named):
        if isinstance(leaf, Parameter):
            union.setdefault(top(i), []).append(i)
    leaves = [leaf for _, leaf in named]
    if not any(len(members) > 1 for members in union.values()) and all(
        leaf is old for leaf, old in zip(leaves, jtu.tree_leaves(module, is_leaf=is_leaf), strict=True)
    ):
        return module
    for members in union.values():
        if len(members) > 1:
            write_tie(named, members, lambda i, p: leaves.__setitem__(i, p))
    return jtu.tree_unflatten(treedef, leaves)


def _from_elsewhere(named: list[Named]) -> list[list[int]]:
    """Find ties that were made around a part of this new module, somewhere else; take them off, in place.

    Returns those that came here together (they hold one and the same array), to be tied in their new places. Those that
    hold different numbers come from different models, and go free. Where neither can be told it is an error: to guess
    would let shared Parameters come apart in silence, or tie strangers.
    """
    whole: dict[Any, int] = {}
    members_of: dict[int, Any] = {}
    for i, (path, leaf) in enumerate(named):
        if isinstance(leaf, Parameter) and leaf._spec.tie is not None:
            # One step down is what this module was given. A tie lives on where all its members are in one such part.
            members_of[i] = (path[:1], _key(steps_of(path)[1:], leaf._spec.tie), leaf._spec.tie.places)
            whole[members_of[i]] = whole.get(members_of[i], 0) + 1
    together: dict[Any, list[int]] = {}
    for i, group in members_of.items():
        path, leaf = named[i]
        if group[1] is not None and group[1][0] == "in" and whole[group] > 1:
            continue
        together.setdefault((leaf._spec.tie.places, id(leaf.unconstrained)), []).append(i)
        named[i] = Named(path, rebuild(leaf.unconstrained, leaf._spec.replace(tie=None)))
    first: dict[Any, int] = {}
    for (places, _), (i, *_) in together.items():
        k = first.setdefault(places, i)
        if k != i and same_numbers(named[k].leaf.unconstrained, named[i].leaf.unconstrained):
            a, b = (join(steps_of(named[n].path)) for n in (k, i))
            raise ValueError(
                f"{a!r} and {b!r} were each tied in another model, and it can't be told whether it was one. Untie them "
                "there first (gp.untie), and tie them here if they are to be one (gp.tie)."
            )
    return [members for members in together.values() if len(members) > 1]


def same_numbers(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same numbers; True where tracers hide them."""
    if a is b or isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return True
    return a is not None and b is not None and np.array_equal(np.asarray(a), np.asarray(b))


def write_tie(named: list[Named], members: list[int], put: Callable[[int, Parameter], None]) -> None:
    """Make the members one: the first member's number and facts, each with its place in the group."""
    places = tuple(steps_of(named[i].path) for i in members)
    one = named[members[0]].leaf
    for k, i in enumerate(members):
        put(i, rebuild(one.unconstrained, one._spec.replace(tie=Tie(places, k))))


def share(module: Any) -> Any:
    """Return the module with each tied group as one object in all its places, the tie itself taken off.

    A constructor that takes parts out of another module (a sum that takes in the terms of a sum) does this first; the
    module that it builds then meets the one object again, and ties it in the new places.

    Parameters
    ----------
    module
        Any PyTree with ties.

    Returns
    -------
    The module; itself if nothing in it is tied.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.SquaredExponential()
    >>> first, second = gp.share(k + k).kernels
    >>> first.variance is second.variance
    True
    """
    named, treedef = walk(module)
    tied = groups(named)
    if not tied:
        return module
    leaves = [leaf for _, leaf in named]
    for members in tied:
        one = leaves[members[0]]
        alias = rebuild(one.unconstrained, one._spec.replace(tie=None))
        for i in members:
            leaves[i] = alias
    return jtu.tree_unflatten(treedef, leaves)
