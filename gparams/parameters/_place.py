"""Places: the one notion of "where in a model"."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ._parameter import Buffer, Parameter
from ._paths import (
    Path,
    PlaceError,
    children,
    copy_nodes,
    find,
    find_node,
    get,
    is_glob,
    is_leaf,
    matches,
    missing,
    parse,
    refuse_opaque,
    step_text,
    steps_of,
    text_of,
    walk,
)

WHOLE = "the whole of it"  # what a tree is called that no path leads to


class Target(NamedTuple):
    """One node of a tree, or some elements of one array."""

    path: Path
    index: Any = None  # None: the whole node


class Place:
    """Somewhere in a tree; made by `at`, read by the verbs.

    It navigates, and does nothing else: its attributes and items are those of the tree. So no field of a model can
    collide with a method of a place.
    """

    __slots__ = ("__targets", "__tree")

    def __init__(self, tree: Any, targets: tuple[Target, ...]):
        object.__setattr__(self, "_Place__tree", tree)
        object.__setattr__(self, "_Place__targets", targets)

    def __getattr__(self, name: str) -> "Place":
        if name.startswith("__"):
            raise AttributeError(name)  # Python's own protocols ask for these, and must hear no
        return _descend(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"a place can't be assigned to: models are immutable. gp.assign(at(model).{name}, value) sets a value and "
            f"gp.replace(at(model).{name}, node) puts in another node; both return the new model."
        )

    def __getitem__(self, index: Any) -> "Place":
        return _index(self, index)

    def __iter__(self) -> Iterator["Place"]:
        tree, (target, *more) = parts(self)
        node = get(tree, target.path)
        if more or target.index is not None or not isinstance(node, list | tuple):
            raise TypeError(f"{self!r} is not a list or a tuple, and can't be iterated over")
        return (_index(self, i) for i in range(len(node)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        tree, targets = parts(self)
        names = ", ".join(describe(t) for t in targets)
        return f"<place in {type(tree).__name__}: {names}>"


def parts(place: Place) -> tuple[Any, tuple[Target, ...]]:
    """The tree and the targets of a place (as functions of the place, so that it needs no methods)."""
    return object.__getattribute__(place, "_Place__tree"), object.__getattribute__(place, "_Place__targets")


def at(
    tree: Any, where: Any = None, /, *, filter: Callable[[str, Parameter], bool] | None = None
) -> Any:  # Any, so that type checkers let every attribute pass
    """Say where in a tree a verb is to act.

    The forms, for a model `m`:

    - ``at(m).kernel.kernels[0].lengthscales``: attributes and indices, as in the model itself;
    - ``at(m).Z[:5]``: elements of one Parameter;
    - ``at(m, "kernel.kernels[0].lengthscales")``: the path as the summary prints it, with or without the leading dot
      or the model's class name;
    - ``at(m, "**.variance")``: a glob over the paths of Parameters and Buffers (of arrays, where it matches none), where
      ``*`` is one step (``[*]`` one index) and ``**`` any number of them;
    - ``at(m, lambda m: m.kernel)``: a function that returns a node or a sequence of nodes, as for `equinox.tree_at`;
    - ``at(m, filter=lambda path, p: p.prior is not None)``: the Parameters that a test picks;
    - a list or tuple of these.

    For a `gparams.Module`, ``m.at`` is ``at(m)``.

    Parameters
    ----------
    tree
        Any PyTree.
    where
        Path, glob, function, place, or a list of these; none for the tree itself.
    filter
        Test on the path and the Parameter, applied to the Parameters at or below `where`.

    Returns
    -------
    A place, to be given to a verb.

    Raises
    ------
    PlaceError
        If nothing in the tree matches; the message lists the nearest paths.
    TypeError
        If `where` is none of these.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential() + gp.kernels.Matern32()
    >>> gp.at(kernel).kernels[1].lengthscales
    <place in Sum: kernels[1].lengthscales>
    >>> gp.at(kernel, "**.variance")
    <place in Sum: kernels[0].variance, kernels[1].variance>
    """
    targets = _read(tree, where)
    if filter is not None:
        targets = _filtered(tree, targets, filter)
    return Place(tree, targets)


def _read(tree: Any, where: Any) -> tuple[Target, ...]:
    if where is None:
        return (Target(()),)
    if isinstance(where, Place):
        other, targets = parts(where)
        if other is not tree:
            raise PlaceError(f"{where!r} is a place in another tree; all places of one call must be in the same one")
        return targets
    if isinstance(where, str):
        return _read_text(tree, where)
    if isinstance(where, list | tuple):
        found = {(t.path, repr(t.index)): t for part in where for t in _read(tree, part)}
        return tuple(found.values())
    if callable(where):
        return _read_function(tree, where)
    raise TypeError(f"at: expected a path, a glob, a function or a list of these, got {where!r}")


def _read_text(tree: Any, text: str) -> tuple[Target, ...]:
    steps = parse(text)
    names = {step_text(key) for key, _ in children(tree)}
    if steps and steps[0] == type(tree).__name__ and steps[0] not in names:
        steps = steps[1:]  # the summary prints the class name of the model first
    if not is_glob(text):
        return (Target(find(tree, steps)[0]),)
    named = [n for n in walk(tree)[0] if matches(steps, steps_of(n.path))]
    found = tuple(Target(path) for path, _ in [n for n in named if is_leaf(n.leaf)] or named)
    if not found:
        hint = " (a glob matches Parameters by their whole path: end it in '.**' for all below a module)"
        error = missing(tree, text)
        raise PlaceError(f"{error}{hint}")
    return found


def _read_function(tree: Any, where: Callable[[Any], Any]) -> tuple[Target, ...]:
    copy = copy_nodes(tree)
    result = where(copy)
    path = find_node(copy, result)
    if path is not None:
        return (Target(path),)
    if not isinstance(result, list | tuple):
        raise PlaceError(f"the function returned {result!r}, which is not a node of this {type(tree).__name__}")
    found = []
    for i, node in enumerate(result):
        path = find_node(copy, node)
        if path is None:
            raise PlaceError(f"item {i} of what the function returned is not a node of this {type(tree).__name__}")
        found.append(Target(path))
    if not found:
        raise PlaceError("the function returned no node")
    return tuple(found)


def _filtered(tree: Any, targets: tuple[Target, ...], test: Callable[[str, Parameter], bool]) -> tuple[Target, ...]:
    found = tuple(
        Target(path)
        for path, leaf in below(tree, targets)
        if isinstance(leaf, Parameter) and bool(test(text_of(path), leaf))
    )
    if not found:
        raise PlaceError(f"the filter picked no Parameter of this {type(tree).__name__}")
    return found


def _descend(place: Place, name: str) -> Place:
    tree, targets = parts(place)
    return Place(tree, tuple(_step(tree, t, name) for t in targets))


def _step(tree: Any, target: Target, step: str) -> Target:
    if target.index is not None:
        raise PlaceError(f"{describe(target)!r} is elements of an array, and has no {step!r}")
    return Target(find(tree, (step,), prefix=target.path)[0])


def _index(place: Place, index: Any) -> Place:
    tree, targets = parts(place)
    found: list[Target] = []
    for target in targets:
        node = get(tree, target.path)
        if isinstance(node, list | tuple) and target.index is None:
            found += _items(tree, target, node, index)
        elif isinstance(node, dict):
            found.append(_step(tree, target, f"[{index!r}]"))
        elif target.index is None and (is_leaf(node) or hasattr(node, "shape")):
            found.append(_elements(node, target, index))
        elif target.index is not None:
            raise PlaceError(f"{describe(target)!r} is elements already: give one index, such as Z[0, 1]")
        else:
            raise PlaceError(f"{describe(target) or type(node).__name__!r} is a {type(node).__name__}: it has no items")
    return Place(tree, tuple(found))


def _items(tree: Any, target: Target, node: Any, index: Any) -> list[Target]:
    positions = range(len(node))
    if isinstance(index, slice):
        return [_step(tree, target, f"[{i}]") for i in positions[index]]
    if not isinstance(index, int | np.integer) or not -len(node) <= index < len(node):
        raise PlaceError(f"{describe(target)!r} has {len(node)} items, and no item {index!r}")
    return [_step(tree, target, f"[{positions[index]}]")]


def _elements(node: Any, target: Target, index: Any) -> Target:
    shape = tuple(node.shape)
    index = tuple(_plain(i) for i in index) if isinstance(index, tuple) else _plain(index)
    try:
        size = np.empty(shape, bool)[index].size
    except IndexError as error:
        raise PlaceError(f"{describe(target)!r} has shape {shape}: {error}") from error
    if size == 0:
        raise PlaceError(f"{describe(Target(target.path, index))!r} picks no element of shape {shape}")
    return Target(target.path, index)


def _plain(index: Any) -> Any:
    return np.asarray(index) if hasattr(index, "__array__") or isinstance(index, list) else index


def describe(target: Target) -> str:
    """Text of a target, elements included."""
    text = text_of(target.path)
    if target.index is None:
        return text or WHOLE
    index = target.index if isinstance(target.index, tuple) else (target.index,)
    return f"{text}[{', '.join(_index_text(i) for i in index)}]"


def _index_text(i: Any) -> str:
    if not isinstance(i, slice):
        return "..." if i is Ellipsis else str(i)
    ends = [("" if x is None else str(x)) for x in (i.start, i.stop)]
    return ":".join(ends) + (f":{i.step}" if i.step is not None else "")


# ---- for the verbs


def resolve(where: Any) -> tuple[Any, tuple[Target, ...]]:
    """Read what a verb was given: a place, a list of places of one tree, or a whole tree."""
    if isinstance(where, Place):
        return parts(where)
    if isinstance(where, list | tuple) and where and all(isinstance(w, Place) for w in where):
        tree = parts(where[0])[0]
        return tree, _read(tree, list(where))
    refuse_opaque(where)
    return where, (Target(()),)


def without_buffers(tree: Any, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Pass by the Buffers that a glob has met beside Parameters, for verbs that only Parameters know."""
    nodes = [get(tree, target.path) for target in targets]
    if not any(isinstance(node, Parameter) for node in nodes):
        return targets
    return tuple(target for target, node in zip(targets, nodes, strict=True) if not isinstance(node, Buffer))


def whole(targets: tuple[Target, ...], verb: str) -> None:
    """Refuse elements of an array, for verbs that act on whole Parameters."""
    for target in targets:
        if target.index is not None:
            raise ValueError(f"{verb}: {describe(target)!r} is elements of a Parameter; give the whole Parameter")


def below(tree: Any, targets: tuple[Target, ...]) -> list[tuple[Path, Any]]:
    """All leaves (Parameters, Buffers, arrays and others) at or below the targets, each once."""
    found: dict[Path, Any] = {}
    for target in targets:
        for path, leaf in walk(get(tree, target.path))[0]:
            found[(*target.path, *path)] = leaf
    return list(found.items())
