"""Writing new nodes into a tree; the one road of all verbs, through `equinox.tree_at`."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from ._parameter import Parameter, rebuild
from ._paths import Named, Path, get, text_of, walk
from ._ties import groups, same_numbers


def write(tree: Any, edits: Mapping[Path, Any]) -> Any:
    """Return the tree with new nodes at these paths; a Parameter's tied places get its new number and facts too."""
    edits = dict(edits)
    if any(isinstance(node, Parameter) for node in edits.values()):
        named = walk(tree)[0]
        for members in groups(named):
            _spread(named, members, edits)
    return put(tree, edits)


def _spread(named: list[Named], members: list[int], edits: dict[Path, Any]) -> None:
    changed = [i for i in members if isinstance(edits.get(named[i].path), Parameter)]
    if not changed:
        return
    new = edits[named[changed[0]].path]
    for i in changed[1:]:
        other = edits[named[i].path]
        same = other._spec.replace(tie=None) is new._spec.replace(tie=None)
        if not same or not same_numbers(other.unconstrained, new.unconstrained):
            names = " and ".join(repr(text_of(named[k].path)) for k in (changed[0], i))
            raise ValueError(f"{names} are tied, and can't be set to different things in one call")
    for i in members:
        edits[named[i].path] = rebuild(new.unconstrained, new._spec.replace(tie=named[i].leaf._spec.tie))


def put(tree: Any, edits: Mapping[Path, Any]) -> Any:
    """Return the tree with new nodes at these paths, and nothing else changed."""
    if () in edits:
        return edits[()]
    paths = list(edits)
    return eqx.tree_at(lambda t: [get(t, path) for path in paths], tree, [edits[path] for path in paths])
