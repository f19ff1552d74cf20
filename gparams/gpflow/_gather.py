"""From stateful objects to functional ones: every number that the shell returns is computed by what is built here.

A stateful object of the library names its functional class, and is gathered field by field from what its attributes
hold at the moment. A class of the user's is gathered into a subclass of the functional class that it stands for, made
for it here (an *adaptor*): its state is fields, and each method that the user wrote calls the user's, with the
adaptor's numbers (traced ones, inside `jit`) in the places of the stateful ones.
"""

import contextlib
import dataclasses
import functools
import inspect
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..parameters import Module as CoreModule
from ..parameters import Parameter as Held
from ..parameters import rebuild, tie_aliases
from ._arrays import Tensor, map_containers
from ._fingerprint import fingerprint
from ._nodes import Node, attributes, holds_state
from ._parameter import Parameter, Variable
from ._tracking import note

Record = dict[int, tuple[Any, Any]]


def gather(value: Any) -> Any:
    """Build the functional object that a stateful one stands for now; shared Parameters are tied.

    Anything else comes back as it is, containers with what they hold gathered.
    """
    work = _Gathering(None)
    out = work(value)
    return tie_aliases(out) if work.repeated else out


def gather_apart(value: Any, record: Record) -> Any:
    """Build functional objects for a constructor: each occurrence its own object, and `record` knows whose it is."""
    return _Gathering(record)(value)


class _Gathering:
    def __init__(self, record: Record | None):
        self.record = record
        self.repeated = False
        self.seen: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Parameter):
            return self._parameter(value)
        if isinstance(value, Variable):
            return value.value
        if isinstance(value, Node):
            return self._node(value)
        if isinstance(value, Tensor):
            return np.asarray(value)
        return map_containers(self, value) if isinstance(value, list | tuple | dict) else value

    def _parameter(self, cell: Parameter) -> Held:
        held = cell.held
        if self.record is not None:
            held = rebuild(held.unconstrained, held._spec)
            self.record[id(held)] = (held, cell)
        elif id(cell) in self.seen:
            self.repeated = True
        self.seen[id(cell)] = held
        return held

    def _node(self, node: Node) -> Any:
        note(node)
        if self.record is None and id(node) in self.seen:
            self.repeated = True
            return self.seen[id(node)]
        cls = type(node)
        out = self._custom(node) if is_custom(node) else self._library(node, core_of(cls))
        if self.record is not None:
            self.record[id(out)] = (out, node)
        self.seen[id(node)] = out
        return out

    def _library(self, node: Node, core: type) -> Any:
        fields, wanted = node.__dict__, parameter_fields(core)
        out = object.__new__(core)
        for name in field_names(core):
            if name in fields:
                value = self(fields[name])
                out.__dict__[name] = _frozen(value) if name in wanted else value
        return out

    def _custom(self, node: Node) -> Any:
        core = core_of(type(node))
        known, wanted = field_names(core), parameter_fields(core)
        state, plain = {}, {}
        for name, value in attributes(node).items():
            if name in known or holds_state(value):
                value = self(value)
                state[name] = _frozen(value) if name in wanted else value
            else:
                plain[name] = value
        facts = frozenset(name for name in plain if _is_fact(core, name))
        out = object.__new__(_adaptor(type(node), tuple(state), facts))
        out.__dict__.update(state)
        out.__dict__["_origin"] = Origin(node, plain)
        return out


def _is_fact(core: type, name: str) -> bool:
    """Whether a functional class has an attribute or property of this name, which a user's object sets to a plain value."""
    ours = inspect.getattr_static(core, name, _NOTHING)
    return ours is not _NOTHING and not callable(ours)


_NOTHING = object()


def _frozen(value: Any) -> Any:
    """A raw number where a formula reads a Parameter: a fact that nothing trains."""
    if isinstance(value, bool | str) or not isinstance(value, int | float | np.ndarray | np.generic | jax.Array):
        return value
    return Held(value, trainable=False)


@functools.cache
def field_names(core: type) -> tuple[str, ...]:
    """Names of the fields of a functional class."""
    return tuple(f.name for f in dataclasses.fields(core))


@functools.cache
def parameter_fields(core: type) -> frozenset[str]:
    """Names of the fields of a functional class that may be Parameters."""
    return frozenset(f.name for f in dataclasses.fields(core) if "Parameter" in str(f.type))


def core_of(cls: type) -> type:
    """The functional class that a stateful class stands for."""
    return cls._core  # type: ignore[attr-defined]


def is_custom(node: Node) -> bool:
    """Whether an object is of a class of the user's, or was given attributes that its functional class has no field for."""
    cls = type(node)
    if "_core" not in vars(cls) or "_registered" in vars(cls) or core_of(cls) is CoreModule:
        return True
    names = field_names(core_of(cls))
    return any(name not in names and holds_state(v) for name, v in attributes(node).items())


# ---- classes of the user's


class Origin:
    """The stateful object behind an adaptor, and what its plain Python state was: equal ones share a compilation."""

    __slots__ = ("obj", "plain", "state")

    def __init__(self, obj: Any, plain: dict[str, Any]):
        self.obj, self.plain = obj, plain
        self.state = fingerprint(plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and other.obj is self.obj and other.state == self.state

    def __hash__(self) -> int:
        return hash((id(self.obj), self.state))


_adaptors: "weakref.WeakKeyDictionary[type, dict[Any, type]]" = weakref.WeakKeyDictionary()


def _adaptor(cls: type, names: tuple[str, ...], facts: frozenset[str]) -> type:
    """The functional class for a user's class with these attributes."""
    known = _adaptors.setdefault(cls, {})
    methods = _overrides(cls)
    key = (names, facts, tuple(sorted(methods)))
    if key not in known:
        known[key] = _make_adaptor(cls, names, facts, methods)
    return known[key]


def _overrides(cls: type) -> dict[str, Any]:
    """What the user's classes define of the functional class's interface: name to function or property."""
    core = core_of(cls)
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if "_core" in vars(base):
            found.update({name: vars(base)[name] for name in vars(base).get("_registered", ())})
            break
        for name, value in vars(base).items():
            ours = getattr(core, name, None)
            offered = (callable(ours) or isinstance(ours, property)) and (name[:2] != "__" or name == "__call__")
            if offered and (inspect.isfunction(value) or isinstance(value, property)):
                found.setdefault(name, value)
    return found


def _make_adaptor(cls: type, names: tuple[str, ...], facts: frozenset[str], methods: dict[str, Any]) -> type:
    core = core_of(cls)

    def fill(namespace: dict[str, Any]) -> None:
        namespace["__module__"], namespace["__qualname__"] = cls.__module__, cls.__qualname__
        namespace["__doc__"] = cls.__doc__
        new = [name for name in names if name not in field_names(core)]
        namespace["__annotations__"] = {**dict.fromkeys(new, Any), "_origin": Any}
        namespace["_origin"] = eqx.field(static=True)
        namespace["__init__"] = lambda self: None
        for name, method in methods.items():
            if name not in names:
                forward = _forwarded(name)
                namespace[name] = property(forward) if isinstance(method, property) else forward
        for name in facts:
            namespace[name] = property(lambda self, name=name: self._origin.plain[name])
        for name in getattr(core, "__abstractmethods__", ()):
            namespace.setdefault(name, _lacking(cls.__name__, name))

    made = types.new_class(cls.__name__, (core,), {}, fill)
    for name in names:
        if isinstance(inspect.getattr_static(core, name, None), property):
            setattr(made, name, _Slot(name))
    return made


class _Slot:
    """An attribute of an adaptor with the name of a property of its functional class (`at`): the user's goes first."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        return self if obj is None else obj.__dict__[self.name]

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self.name] = value


def _forwarded(name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        origin = self._origin.obj
        with installed([(origin, self)]):
            found = getattr(origin, name)
            return plain(found(*args, **kwargs) if callable(found) else found)

    call.__name__ = name
    return call


def _lacking(cls: str, name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{cls} does not define {name}, and something here needs it: write the method {name}")

    call.__name__ = name
    return call


def plain(value: Any) -> Any:
    """What a user's method returned, as the functional core takes it: arrays, and functional objects."""

    def one(x: Any) -> Any:
        if isinstance(x, Parameter | Variable):
            return x.value
        if isinstance(x, Node):
            return gather(x)
        return jnp.asarray(x) if isinstance(x, np.ndarray | np.generic | float) else x

    return map_containers(one, value)


# ---- swapping numbers in and out


@contextlib.contextmanager
def installed(pairs: list[tuple[Any, Any]]) -> Iterator[None]:
    """Put the numbers of functional objects into the stateful ones that they were gathered from, for a `with` block."""
    undo: list[Callable[[], None]] = []
    try:
        for stateful, functional in pairs:
            _install(stateful, functional, undo)
        yield
    finally:
        for step in reversed(undo):
            step()


def _install(stateful: Any, functional: Any, undo: list[Callable[[], None]]) -> None:
    if isinstance(stateful, Parameter):
        if isinstance(functional, Held) and functional is not stateful._held:
            undo.append(functools.partial(object.__setattr__, stateful, "_held", stateful._held))
            object.__setattr__(stateful, "_held", functional)
    elif isinstance(stateful, Node):
        for name, value in attributes(stateful).items():
            if name not in functional.__dict__:
                continue
            other = functional.__dict__[name]
            _install(value, other, undo)
            swapped = with_arrays(value, other)
            if swapped is not value:
                undo.append(functools.partial(stateful.__dict__.__setitem__, name, value))
                stateful.__dict__[name] = swapped
    elif isinstance(stateful, list | tuple):
        for value, other in zip(stateful, functional, strict=True):
            _install(value, other, undo)
    elif isinstance(stateful, dict):
        for key, value in stateful.items():
            _install(value, functional[key], undo)


def with_arrays(value: Any, other: Any) -> Any:
    """`value` with the JAX arrays of `other` in the places of its own; itself where they are the same."""
    if isinstance(value, jax.Array):
        return other if isinstance(other, jax.Array) else value
    if isinstance(value, list | tuple):
        parts = [with_arrays(v, o) for v, o in zip(value, other, strict=True)]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        parts = {key: with_arrays(v, other[key]) for key, v in value.items()}
        return value if all(parts[key] is value[key] for key in value) else parts
    return value
