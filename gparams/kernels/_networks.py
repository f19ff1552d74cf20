"""Networks in kernels: how one is taken in, so that it trains, and how it is called."""

import contextlib
import dis
import functools
import math
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.tree_util as jtu
from jaxtyping import Array, Float

from ..parameters import Parameter, parameters, parametrize, trainable_parameters

# What a network raises over inputs that it was not made for.
MISFITS = (TypeError, ValueError, IndexError)

_LIBRARIES = (sysconfig.get_paths()["purelib"], sysconfig.get_paths()["stdlib"])


def read_network(network: Any, who: str) -> Any:
    """Take in a callable module. The floating arrays of one that has no Parameters become Parameters, and train."""
    if not callable(network) or isinstance(network, type):
        got = f"{network!r} of type {type(network).__name__}"
        got = f"the class {network.__name__}; call it: {network.__name__}(...)" if isinstance(network, type) else got
        raise TypeError(f"{who}: expected a network or another callable, got {got}")
    hidden = _hidden(network)
    if hidden is not None:
        raise TypeError(
            f"{who}: the {type(network).__name__} that was given keeps {type(hidden).__name__} where JAX doesn't look for "
            f"arrays, and it would not train. Give {who} the network itself, which is mapped over the rows of X; or an "
            "equinox.Module that has it as a field. One that shall not train, freeze first: "
            "gparams.parametrize(network, trainable=False), or gparams.set_trainable(network, False)"
        )
    return network if parameters(network) else parametrize(network)


def of_each_row(network: Any, X: Float[Array, "*B N D"]) -> Any:
    """What a network of one input [D] makes of each row of X: [B * N, ...]."""
    return jax.vmap(network)(X.reshape(math.prod(X.shape[:-1]), X.shape[-1]))


@contextlib.contextmanager
def as_misfit(network: Any, X: Array, who: str) -> Iterator[None]:
    """Say of an error inside that the network and X don't fit; JAX's own about traced values stay what they are."""
    try:
        yield
    except MISFITS as error:
        if isinstance(error, jax.errors.JAXTypeError | jax.errors.JAXIndexError):
            raise
        text = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise ValueError(
            f"{who}: {type(network).__name__} fails on one input of {X.shape[-1]} numbers (X has shape {X.shape}, in the "
            f"columns that the kernel reads): {text}. If it was made for another number of inputs, make it for this one, "
            "or choose columns by active_dims"
        ) from error


# ---- what functions hide


def _hidden(network: Any) -> Any:
    """A network or a Parameter that would train if it were not inside a function; None if there is none."""
    seen: set[int] = set()
    leaves = jtu.tree_leaves(network, is_leaf=lambda x: isinstance(x, Parameter))
    held = [network.func] if isinstance(network, jtu.Partial) else [x for x in leaves if callable(x)]
    return next((found for x in held for found in _within(x, seen)), None)


def _within(x: Any, seen: set[int]) -> Iterator[Any]:
    if id(x) in seen:
        return
    seen.add(id(x))
    if isinstance(x, eqx.Module | Parameter):
        if trainable_parameters(x) or (not parameters(x) and any(map(eqx.is_inexact_array, jtu.tree_leaves(x)))):
            yield x
        return
    for part in _parts(x):
        yield from _within(part, seen)


def _parts(x: Any) -> list[Any]:
    """What a function refers to, and what stands in a list or a dictionary."""
    if isinstance(x, list | tuple):
        return list(x)
    if isinstance(x, dict):
        return list(x.values())
    if isinstance(x, functools.partial):
        return [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, types.MethodType):
        own = x.__self__
        return [x.__func__, own, *([] if isinstance(own, eqx.Module | type) else getattr(own, "__dict__", {}).values())]
    if isinstance(x, types.FunctionType):
        return [*_cells(x), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values(), *_globals(x)]
    # An object that is called, such as what jax.jit makes.
    return list(getattr(x, "__dict__", {}).values()) if callable(x) and not isinstance(x, type) else []


def _cells(fn: types.FunctionType) -> Iterator[Any]:
    for cell in fn.__closure__ or ():
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            yield cell.cell_contents


def _globals(fn: types.FunctionType) -> list[Any]:
    """Global variables that a function of the user's reads, and not a library's."""
    if fn.__code__.co_filename.startswith(_LIBRARIES):
        return []
    names: set[str] = set()
    codes = [fn.__code__]
    while codes:
        code = codes.pop()
        names |= {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        codes += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return [fn.__globals__[name] for name in sorted(names) if name in fn.__globals__]
