"""What a closure captures: the variables of a function, and the arrays in them.

A loss closure may read arrays from variables around it (the batch of this step). For a compiled closure these must be
inputs, or each batch would be compiled afresh. So the variables are found, and while the closure is traced hold traced
arrays; everything else in them is a fact of the compilation, told by its fingerprint.
"""

import contextlib
import functools
import inspect
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from ._arrays import map_containers
from ._fingerprint import Same, Untraceable, fingerprint
from ._nodes import Node
from ._parameter import Parameter, Variable

_ELSEWHERE = (sysconfig.get_paths()["purelib"], sysconfig.get_paths()["stdlib"])


class Captured:
    """What a closure captures now.

    Parameters
    ----------
    closure
        A function, bound method, partial, or an object that is called.
    """

    def __init__(self, closure: Callable[[], Any]):
        self.closure = unwrap(closure)
        self.slots: list[tuple[Any, Any]] = []  # mappings or function cells, and keys
        self.nodes: list[Any] = []
        self.facts: list[Any] = []
        self.seen: set[int] = set()
        self._visit_function(self.closure)

    @property
    def key(self) -> Any:
        """Equal for closures that one compilation serves."""
        return tuple(self.facts)

    def arrays(self) -> list[Any]:
        """The values of the variables that hold arrays."""
        return [_get(*slot) for slot in self.slots]

    @contextlib.contextmanager
    def swapped(self, values: list[Any]) -> Iterator[None]:
        """Put other values into those variables, for a `with` block."""
        old = self.arrays()
        try:
            for slot, value in zip(self.slots, values, strict=True):
                _set(*slot, value)
            yield
        finally:
            for slot, value in zip(self.slots, old, strict=True):
                _set(*slot, value)

    # ---- looking

    def _visit_function(self, fn: Any) -> None:
        if isinstance(fn, types.MethodType):
            self._visit_value(None, None, fn.__self__)
            if isinstance(fn.__self__, Node):  # its class's method reads what the object tells, and that is noted
                self.facts.append(Same(fn.__func__))
                return
            fn = fn.__func__
        if isinstance(fn, functools.partial):
            self.facts.append("partial")
            arguments = {**dict(enumerate(fn.args)), **fn.keywords}
            self.facts.append(fingerprint(arguments, strict=True))
            self._find_nodes(arguments)
            return self._visit_function(fn.func)
        if not isinstance(fn, types.FunctionType):
            call = inspect.getattr_static(type(fn), "__call__", None)
            if not inspect.isfunction(call):
                self.facts.append(Same(fn))
                return None
            self.facts.append(Same(type(fn)))
            self._visit_object(fn)
            return self._visit_function(call)
        if id(fn) in self.seen:
            return None
        self.seen.add(id(fn))
        self.facts.append(Same(fn.__code__))
        defaults = (fn.__defaults__, fn.__kwdefaults__)
        self.facts.append(fingerprint(defaults, strict=True))
        self._find_nodes([fn.__defaults__ or (), fn.__kwdefaults__ or {}])
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # a variable that has no value yet
                self._visit_value(cell, name, cell.cell_contents)
        names = _global_names(fn.__code__)
        if "random" in names and any(fn.__globals__.get(name) is np for name in names):
            raise Untraceable("numpy.random, which gives something else at each call")
        for name in sorted(names):
            if name in fn.__globals__:
                self._visit_value(fn.__globals__, name, fn.__globals__[name])
        return None

    def _visit_object(self, obj: Any) -> None:
        """A plain Python object: each of its attributes is a variable."""
        state = getattr(obj, "__dict__", {})
        for name in list(state):
            self._visit_value(state, name, state[name])

    def _visit_value(self, place: Any, key: Any, value: Any) -> None:
        if isinstance(value, Node | Parameter | Variable):
            self.nodes.append(value)
            self.facts.append((key, Same(value.parameter if isinstance(value, Variable) else value)))
        elif isinstance(value, types.ModuleType | type):
            self.facts.append((key, Same(value)))
        elif isinstance(value, types.FunctionType | functools.partial | types.MethodType):
            if _is_ours(value):
                self._visit_function(value)
            else:
                self.facts.append((key, Same(value)))
        elif place is not None and _has_arrays(value):
            self.slots.append((place, key))
            self.facts.append((key, fingerprint(map_containers(_shape, value), strict=True)))
            self._find_nodes(value)
        else:
            self.facts.append((key, fingerprint(value, strict=True)))
            if isinstance(value, list | tuple | dict):
                self._find_nodes(value)
            elif hasattr(value, "__dict__") and not callable(value):
                self._visit_plain(value)

    def _visit_plain(self, obj: Any) -> None:
        if id(obj) not in self.seen and type(obj).__module__.split(".")[0] not in ("jax", "jaxlib", "numpy", "equinox"):
            self.seen.add(id(obj))
            self._visit_object(obj)

    def _find_nodes(self, value: Any) -> None:
        if isinstance(value, Node | Parameter | Variable):
            self.nodes.append(value)
        elif isinstance(value, dict):
            self._find_nodes(list(value.values()))
        elif isinstance(value, list | tuple):
            for v in value:
                self._find_nodes(v)


def unwrap(closure: Any) -> Any:
    """Take off a jit around a closure: it is compiled here, with its Parameters as inputs and not as constants."""
    while isinstance(closure, _JITTED):
        closure = closure.__wrapped__  # type: ignore[attr-defined]
    return closure


_JITTED = (type(jax.jit(lambda: None)),)


def _is_ours(fn: Any) -> bool:
    """Whether a function is the user's own, whose variables are looked into."""
    fn = fn.func if isinstance(fn, functools.partial) else getattr(fn, "__func__", fn)
    code = getattr(fn, "__code__", None)
    return code is not None and not code.co_filename.startswith(_ELSEWHERE)


@functools.lru_cache(maxsize=4096)
def _global_names(code: types.CodeType) -> frozenset[str]:
    names = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= _global_names(const)
    return frozenset(names)


def _shape(x: Any) -> Any:
    return (x.shape, str(x.dtype)) if _is_array(x) else x


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array) or (isinstance(x, np.ndarray) and x.dtype.kind in "fiub")


def _has_arrays(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_arrays(v) for v in value)
    if isinstance(value, dict):
        return any(_has_arrays(v) for v in value.values())
    return _is_array(value)


def _get(place: Any, key: Any) -> Any:
    return place.cell_contents if isinstance(place, types.CellType) else place[key]


def _set(place: Any, key: Any, value: Any) -> None:
    if isinstance(place, types.CellType):
        place.cell_contents = value
    else:
        place[key] = value


__all__ = ["Captured", "Untraceable", "unwrap"]
