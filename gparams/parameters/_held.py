"""A TFP bijector or distribution, kept out of the PyTree.

TFP registers its objects as PyTree nodes: flattening one costs tens to hundreds of microseconds, unflattening
runs its constructor again (so that a tree edit anywhere else in the model can raise), and two equal distributions
compare unequal (so that an equal model compiles afresh). Here such an object sits behind one immutable holder that
compares by structure: the class and its constructor arguments, arrays by their bytes. Equal structures share one
holder, so comparison is by identity and costs nothing.
"""

import functools
import inspect
import threading
import weakref
from collections.abc import Hashable
from typing import Any, NamedTuple, final

import jax
import jax.core
import numpy as np

from ._tfp import tfb, tfd

_TFP = (tfb.Bijector, tfd.Distribution)
_lock = threading.Lock()
_held: "weakref.WeakValueDictionary[Hashable, Held]" = weakref.WeakValueDictionary()
_recent: dict[tuple[int, str], tuple[weakref.ref, "Held"]] = {}


class _ById:
    """Wraps an object that has no structure to compare; equal to itself only."""

    __slots__ = ("obj",)

    def __init__(self, obj: Any):
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.obj is self.obj

    def __hash__(self) -> int:
        return id(self.obj)


@final
class Held:
    """One TFP object, immutable, with structural equality; made by `hold` only.

    Parameters
    ----------
    obj
        The bijector or distribution.
    structure
        Its class and constructor arguments, hashable.

    Examples
    --------
    >>> from gparams.parameters import hold, tfb
    >>> hold(tfb.Softplus(low=0.5), "float32").name
    'Softplus'
    """

    __slots__ = ("__weakref__", "dtype", "obj", "scalar", "structure")

    obj: Any
    structure: Hashable
    scalar: bool
    dtype: np.dtype | None

    def __init__(self, obj: Any, structure: Hashable):
        object.__setattr__(self, "obj", obj)
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "scalar", _all_scalar(structure))
        object.__setattr__(self, "dtype", _floating_dtype(structure))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a held TFP object is immutable; use set_transform or set_prior on the model")

    def __copy__(self) -> "Held":
        return self

    def __deepcopy__(self, memo: dict) -> "Held":
        return self

    def __reduce__(self) -> tuple:
        return _restore, (_recipe(self.obj),)

    @property
    def name(self) -> str:
        """The class name; a chain is read from the inside out, as in `Softplus + Shift`."""
        if isinstance(self.obj, tfb.Chain):
            return " + ".join(type(part).__name__ for part in reversed(self.obj.bijectors))
        return type(self.obj).__name__

    def __repr__(self) -> str:
        return self.name


def hold(obj: Any, dtype: Any) -> Held:
    """Return the holder of a TFP object whose own numbers are cast to `dtype`, or to `working_dtype` of it.

    Parameters
    ----------
    obj
        A TFP bijector or distribution.
    dtype
        Floating dtype of the Parameter that it is for.

    Returns
    -------
    The `Held`; the same one for equal structures.

    Raises
    ------
    TypeError
        If it was built from traced numbers.

    Examples
    --------
    >>> from gparams.parameters import hold, tfb
    >>> hold(tfb.Softplus(low=0.5), "float32") is hold(tfb.Softplus(low=0.5), "float32")
    True
    """
    dtype = working_dtype(dtype)
    key = (id(obj), dtype.str)
    recent = _recent.get(key)
    if recent is not None and recent[0]() is obj:
        return recent[1]
    # TFP builds arrays in its constructors: inside jit these must be constants and not tracers, which would leak.
    with jax.ensure_compile_time_eval():
        held = _intern(_cast(obj, dtype))
    _recent[key] = (weakref.ref(obj, lambda _, recent=_recent: recent.pop(key, None)), held)
    return held


def working_dtype(dtype: Any) -> np.dtype:
    """Return the dtype in which TFP computes: float32 for halves, whose formulas TFP lacks or overflows in."""
    dtype = np.dtype(dtype)
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def _intern(obj: Any) -> Held:
    structure = _structure(obj)
    with _lock:
        held = _held.get(structure)
        if held is None:
            held = _held[structure] = Held(obj, structure)
        return held


class _Recipe(NamedTuple):
    """How to build a TFP object again; some of them (Independent) can't be pickled themselves."""

    cls: type
    arguments: dict[str, Any]


def _recipe(x: Any) -> Any:
    if isinstance(x, _TFP) and _has_structure(x):
        wanted = _arguments(type(x))
        return _Recipe(type(x), {name: _recipe(value) for name, value in x.parameters.items() if name in wanted})
    if type(x) in (list, tuple):
        return type(x)(_recipe(v) for v in x)
    return {k: _recipe(v) for k, v in x.items()} if type(x) is dict else x


def _build(x: Any) -> Any:
    if isinstance(x, _Recipe):
        return x.cls(**{name: _build(value) for name, value in x.arguments.items()})
    if type(x) in (list, tuple):
        return type(x)(_build(v) for v in x)
    return {k: _build(v) for k, v in x.items()} if type(x) is dict else x


def _restore(recipe: Any) -> Held:
    with jax.ensure_compile_time_eval():
        return _intern(_build(recipe))


def _has_structure(obj: Any) -> bool:
    """Whether `obj.parameters` holds every constructor argument (a user's own subclass may not record them)."""
    recorded = obj.parameters
    return recorded is not None and _arguments(type(obj)) <= set(recorded)


@functools.cache
def _arguments(cls: type) -> frozenset[str]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    # Of __init__, since some classes (Independent) pass everything through a variadic __new__.
    _, *named = inspect.signature(cls.__init__).parameters.values()
    return frozenset(p.name for p in named if p.kind not in variadic)


def _structure(x: Any) -> Hashable:
    if isinstance(x, jax.core.Tracer):
        raise TypeError(
            "a transform or a prior was built from a traced value. Its numbers are fixed facts of the model: build it "
            "from Python or NumPy numbers, outside jit, grad and vmap."
        )
    if isinstance(x, _TFP):
        if not _has_structure(x):
            return _ById(x)
        return (type(x), tuple(sorted((name, _structure(value)) for name, value in x.parameters.items())))
    if isinstance(x, np.ndarray | np.generic | jax.Array):
        a = np.asarray(x)
        return ("array", a.dtype.str, a.shape, a.tobytes())
    if isinstance(x, list | tuple):
        return ("sequence", tuple(_structure(v) for v in x))
    if isinstance(x, dict):
        return ("dict", tuple((_structure(k), _structure(v)) for k, v in x.items()))
    if isinstance(x, bool | int | float | complex | str | None):
        return (type(x).__name__, repr(x))  # repr tells 0.0 from -0.0, and lets NaN equal NaN
    try:
        hash(x)
    except TypeError:
        return _ById(x)
    return ("object", x)


def _all_scalar(structure: Hashable) -> bool:
    """Whether every array among the object's numbers is a scalar, so that it acts alike on every element."""
    if isinstance(structure, tuple):
        if structure[:1] == ("array",):
            return structure[2] == ()
        if structure[:1] == ("sequence",) and any(_is_number(part) for part in structure[1]):
            return False
        return all(_all_scalar(part) for part in structure)
    return not isinstance(structure, _ById)


def _is_number(structure: Hashable) -> bool:
    return isinstance(structure, tuple) and structure[:1] in (("array",), ("float",), ("int",))


def _floating_dtype(structure: Hashable) -> np.dtype | None:
    """Return the dtype of the object's own numbers; None if it has none. (A Chain's own `dtype` does not say.)"""
    if not isinstance(structure, tuple):
        return None
    if structure[:1] == ("array",):
        dtype = np.dtype(structure[1])
        return dtype if dtype.kind == "f" else None
    return next((found for part in structure if (found := _floating_dtype(part)) is not None), None)


def _cast(x: Any, dtype: np.dtype) -> Any:
    """Rebuild a TFP object with its own numbers in `dtype` (Python floats would make it float32)."""
    if not _has_structure(x):
        return x
    tensors = _tensor_arguments(type(x))
    changed = {}
    for name, value in x.parameters.items():
        new = _cast_argument(value, dtype, integers=name in tensors)
        if new is not value:
            changed[name] = new
    if not changed:
        return x
    given = {name: value for name, value in x.parameters.items() if name in _arguments(type(x))}
    return type(x)(**(given | changed))


def _cast_argument(value: Any, dtype: np.dtype, *, integers: bool) -> Any:
    if isinstance(value, _TFP):
        return _cast(value, dtype)
    if isinstance(value, list | tuple) and any(isinstance(v, (*_TFP, float)) for v in value):
        parts = [_cast_argument(v, dtype, integers=integers) for v in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else type(value)(parts)
    if isinstance(value, bool | jax.core.Tracer):
        return value
    if isinstance(value, float) or (isinstance(value, int) and integers):
        return np.asarray(value, dtype)
    if isinstance(value, list | tuple) and integers and value:
        return np.asarray(value, dtype)
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        kinds = "fiu" if integers else "f"
        array = np.asarray(value)
        return array if array.dtype == dtype or array.dtype.kind not in kinds else array.astype(dtype)
    return value


@functools.cache
def _tensor_arguments(cls: type) -> frozenset[str]:
    """Names of the arguments that TFP says are tensors of the object's own dtype (not shapes)."""
    try:
        properties = cls.parameter_properties(dtype=np.float32)
    except NotImplementedError:
        return frozenset()
    return frozenset(name for name, p in properties.items() if not p.specifies_shape)
