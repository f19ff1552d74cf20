"""Node: a mutable object with attributes, which knows its version and who holds it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ._arrays import arrays_in
from ._parameter import Parameter, Variable
from ._tracking import Facts, changed, note


class Node:
    """Base of all stateful modules. Its facts are there before `__init__`, which a user's class may never call."""

    _facts: Facts

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        obj = object.__new__(cls)
        object.__setattr__(obj, "_facts", Facts())
        return obj

    def __getattribute__(self, name: str) -> Any:
        if name[:2] != "__" and name != "_facts":
            note(self)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        adopt(self, value)
        changed(self._facts)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        changed(self._facts)

    def __getstate__(self) -> dict[str, Any]:
        return attributes(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = value
            adopt(self, value)


class Computed:
    """A property that gives way to an attribute of its name, which a user's class may set."""

    def __init__(self, read: Callable[[Any], Any], doc: str):
        self.read, self.__doc__ = read, doc

    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        return self if obj is None else self.read(obj)


def snake_case(node: Node) -> str:
    """The name of a node's class as TensorFlow spells those of its modules: ``MyGPKernel`` is ``my_gp_kernel``."""
    return re.sub(r"((?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z]))", r"_\1", type(node).__name__).lower()


def attributes(node: Node) -> dict[str, Any]:
    """Return the attributes of a node, in the order in which they were set."""
    return {name: value for name, value in node.__dict__.items() if name != "_facts"}


def place(node: Node, name: str, value: Any) -> None:
    """Set an attribute to what a constructor has read already."""
    node.__dict__[name] = value
    adopt(node, value)
    changed(node._facts)


def adopt(parent: Node, value: Any) -> None:
    """Let what a node was given know by whom it is held."""
    if isinstance(value, Node | Parameter):
        value._facts.parents.add(parent)
    elif isinstance(value, list | tuple):
        for child in value:
            adopt(parent, child)
    elif isinstance(value, dict):
        for child in value.values():
            adopt(parent, child)


def branches(value: Any, *, ordered: bool = False) -> list[tuple[str, Any]]:
    """Return what stands one step below a node or a container, each with the text of its step."""
    if isinstance(value, Node):
        pairs = attributes(value).items()
        return [(f".{name}", child) for name, child in (sorted(pairs) if ordered else pairs)]
    if isinstance(value, list | tuple):
        return [(f"[{i}]", child) for i, child in enumerate(value)]
    if isinstance(value, dict):
        return [(f"[{key!r}]", child) for key, child in value.items()]
    return []


def walk(value: Any, *, ordered: bool = False) -> Iterator[tuple[str, Any]]:
    """Go through all nodes and Parameters at or below a value, with their paths; a shared one comes at each place.

    With `ordered`, attributes come by name, which is the order of GPflow's ``parameters``.
    """
    yield from _walk(value, "", ordered, ())


def _walk(value: Any, path: str, ordered: bool, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Node | Parameter):
        yield path, value
    if isinstance(value, Parameter) or id(value) in above:
        return
    for step, child in branches(value, ordered=ordered):
        yield from _walk(child, path + step, ordered, (*above, id(value)))


def parameters_below(value: Any, *, ordered: bool = True) -> tuple[Parameter, ...]:
    """Return the Parameters at or below a value, each once."""
    found = (x.parameter if isinstance(x, Variable) else x for x in _leaves(value, ordered))
    return tuple({id(p): p for p in found}.values())


def _leaves(value: Any, ordered: bool) -> Iterator[Any]:
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, list | tuple) and any(isinstance(v, Variable) for v in value):
        for v in value:
            yield from _leaves(v, ordered)
    else:
        yield from (x for _, x in walk(value, ordered=ordered) if isinstance(x, Parameter))


def roots(obj: Any) -> list[Any]:
    """Return the outermost nodes that hold an object; itself if there is none."""
    found: dict[int, Any] = {}
    _climb(obj, found, set())
    return list(found.values())


def _climb(obj: Any, found: dict[int, Any], seen: set[int]) -> None:
    if id(obj) in seen:
        return
    seen.add(id(obj))
    parents = [p for p in obj._facts.parents if _holds(p, obj)]
    for parent in sorted(parents, key=lambda p: p._facts.serial):
        _climb(parent, found, seen)
    if not parents:
        found[id(obj)] = obj


def _holds(parent: Any, obj: Any) -> bool:
    return any(
        child is obj or _holds(child, obj) for _, child in branches(parent) if not isinstance(child, Node)
    ) or any(child is obj for _, child in branches(parent))


def holds_state(value: Any) -> bool:
    """Whether a value is, or contains, something whose numbers are inputs of a compiled closure."""
    if isinstance(value, Node | Parameter) or arrays_in(value):
        return True
    return isinstance(value, list | tuple | dict) and any(holds_state(child) for _, child in branches(value))
