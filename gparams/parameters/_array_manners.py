"""The manners of an array, for things that hold one: operators, NumPy, JAX, iteration and formatting."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, ArrayManners) else x


def _is_operand(x: Any) -> bool:
    """Whether `x` may stand beside an array; all else gets NotImplemented, and Python asks its own method."""
    return isinstance(x, ArrayManners | jax.Array | np.ndarray | np.generic | bool | int | float | complex)


def _binary(name: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not _is_operand(other):
            return NotImplemented
        return getattr(jnp.asarray(self.value), name)(_plain(other))

    return method


def _unary(name: str) -> Callable[[Any], Array]:
    def method(self: Any) -> Any:
        return getattr(jnp.asarray(self.value), name)()

    return method


def _forwarded(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(jnp.asarray(self.value), name)(*args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"Return `value.{name}(...)`."
    return method


def _attribute(name: str) -> property:
    return property(lambda self: getattr(jnp.asarray(self.value), name), doc=f"Return `value.{name}`.")


def _check_bounds(index: Any, shape: tuple[int, ...]) -> None:
    """Let NumPy refuse an index past the end, which JAX would clamp in silence. Slices may run over, as in NumPy."""
    parts = [_plain(i) for i in (index if isinstance(index, tuple) else (index,))]
    if any(isinstance(i, jax.core.Tracer) for i in parts):
        return
    known = tuple(np.asarray(i) if isinstance(i, jax.Array) else i for i in parts)
    np.broadcast_to(np.empty(()), shape)[known]  # takes no memory


class ArrayManners:
    """Mix-in for classes with a `value`: they can stand wherever `jax.numpy`, NumPy or an operator takes an array.

    Every operation acts on `value` and returns a plain array. What it can't do is JAX's own `jax.lax` and
    `x[p]`: these ask for a real array, which is `p.value`.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.Parameter(1.0), ArrayManners)
    True
    """

    __slots__ = ()

    value: Any

    # NumPy must leave `np_array * p` to us, and not loop over the elements of the array.
    __array_priority__ = 1000

    def __jax_array__(self) -> Array:
        return jnp.asarray(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype) if copy else np.asarray(self.value, dtype=dtype)

    def __getattr__(self, name: str) -> Any:
        hint = ": it can't change. m = gp.assign(m.at.kernel.variance, 2.0) returns a model" if name == "assign" else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def numpy(self) -> np.ndarray:
        """Return the value as a NumPy array."""
        return np.asarray(self.value)

    # -- what is known without computing the value; subclasses give `shape` and `dtype`
    shape: Any
    dtype: Any

    @property
    def ndim(self) -> int:
        """Number of axes of the value."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements of the value."""
        return int(np.prod(self.shape, dtype=int))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"len() of a {type(self).__name__} of shape (): a scalar has no length")
        return self.shape[0]

    def __iter__(self) -> Any:
        # Without this, Python would iterate through __getitem__, and JAX clamps indices: it would never end.
        if not self.shape:
            raise TypeError(f"iteration over a {type(self).__name__} of shape (): a scalar has no elements")
        return iter(self.value)

    def __getitem__(self, index: Any) -> Array:
        _check_bounds(index, self.shape)
        return jnp.asarray(self.value)[index]

    def __contains__(self, item: Any) -> bool:
        return bool((jnp.asarray(self.value) == item).any())

    # -- conversions to Python scalars, with an array's own rules (and errors) for non-scalars
    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(jnp.asarray(self.value), ndigits or 0)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __str__(self) -> str:
        return str(self.value)

    # -- operators, on either side
    __add__ = _binary("__add__")
    __radd__ = _binary("__radd__")
    __sub__ = _binary("__sub__")
    __rsub__ = _binary("__rsub__")
    __mul__ = _binary("__mul__")
    __rmul__ = _binary("__rmul__")
    __truediv__ = _binary("__truediv__")
    __rtruediv__ = _binary("__rtruediv__")
    __floordiv__ = _binary("__floordiv__")
    __rfloordiv__ = _binary("__rfloordiv__")
    __mod__ = _binary("__mod__")
    __rmod__ = _binary("__rmod__")
    __pow__ = _binary("__pow__")
    __rpow__ = _binary("__rpow__")
    __matmul__ = _binary("__matmul__")
    __rmatmul__ = _binary("__rmatmul__")
    __divmod__ = _binary("__divmod__")
    __rdivmod__ = _binary("__rdivmod__")
    __and__ = _binary("__and__")
    __rand__ = _binary("__rand__")
    __or__ = _binary("__or__")
    __ror__ = _binary("__ror__")
    __xor__ = _binary("__xor__")
    __rxor__ = _binary("__rxor__")
    __lshift__ = _binary("__lshift__")
    __rlshift__ = _binary("__rlshift__")
    __rshift__ = _binary("__rshift__")
    __rrshift__ = _binary("__rrshift__")

    # -- comparisons, element by element; equality therefore can't serve dictionaries: identity does, as in GPflow
    __lt__ = _binary("__lt__")
    __le__ = _binary("__le__")
    __gt__ = _binary("__gt__")
    __ge__ = _binary("__ge__")
    __eq__ = _binary("__eq__")  # type: ignore[assignment]
    __ne__ = _binary("__ne__")  # type: ignore[assignment]
    __hash__ = object.__hash__

    __neg__ = _unary("__neg__")
    __pos__ = _unary("__pos__")
    __abs__ = _unary("__abs__")
    __invert__ = _unary("__invert__")

    # -- the methods and attributes of arrays
    all = _forwarded("all")
    any = _forwarded("any")
    argmax = _forwarded("argmax")
    argmin = _forwarded("argmin")
    astype = _forwarded("astype")
    clip = _forwarded("clip")
    cumprod = _forwarded("cumprod")
    cumsum = _forwarded("cumsum")
    diagonal = _forwarded("diagonal")
    dot = _forwarded("dot")
    flatten = _forwarded("flatten")
    item = _forwarded("item")
    max = _forwarded("max")
    mean = _forwarded("mean")
    min = _forwarded("min")
    prod = _forwarded("prod")
    ravel = _forwarded("ravel")
    repeat = _forwarded("repeat")
    reshape = _forwarded("reshape")
    round = _forwarded("round")
    sort = _forwarded("sort")
    squeeze = _forwarded("squeeze")
    std = _forwarded("std")
    sum = _forwarded("sum")
    swapaxes = _forwarded("swapaxes")
    take = _forwarded("take")
    tolist = _forwarded("tolist")
    trace = _forwarded("trace")
    transpose = _forwarded("transpose")
    var = _forwarded("var")
    T = _attribute("T")
    mT = _attribute("mT")
    real = _attribute("real")
    imag = _attribute("imag")
