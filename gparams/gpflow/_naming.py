"""What errors say: the path of a Parameter in the module that holds it, and what came in place of a stateful object."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..parameters._place import WHOLE


@contextlib.contextmanager
def named_in_errors(cell: Any) -> Iterator[None]:
    """Let errors of the functional core about this Parameter name it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (error.args[0].replace(WHOLE, name_of_cell(cell)), *error.args[1:])
        raise


def name_of_cell(cell: Any) -> str:
    """Path of a Parameter, such as ``GPR.kernel.variance``; the name that it was given, if no module holds it."""
    path = _path(cell, ())
    if path is not None:
        return path
    return "Parameter" if cell.name == "parameter" else cell.name


def _path(obj: Any, below: tuple[int, ...]) -> str | None:
    """Path of what modules hold, by the oldest of them; None where none does."""
    for parent in sorted(obj._facts.parents, key=lambda p: p._facts.serial):
        step = None if id(parent) in below else _step(vars(parent), obj)
        if step is not None:
            above = _path(parent, (*below, id(obj)))
            return f"{type(parent).__name__ if above is None else above}{step}"
    return None


def _step(value: Any, obj: Any) -> str | None:
    """The way from a module's attributes, or from a container, to an object in it."""
    if isinstance(value, dict):
        attributes = "_facts" in value
        pairs = [(f".{key}" if attributes else f"[{key!r}]", child) for key, child in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(f"[{i}]", child) for i, child in enumerate(value)]
    else:
        return None
    for text, child in pairs:
        rest = "" if child is obj else _step(child, obj)
        if rest is not None:
            return text + rest
    return None


def listed(value: Any) -> list[Any]:
    """What a user named beside stateful objects, as a list: those of an iterable, or the one thing that came."""
    alone = isinstance(value, eqx.Module | np.ndarray | jax.Array | str)
    return list(value) if isinstance(value, Iterable) and not alone else [value]


def described(value: Any) -> str:
    """What a value is, where a stateful object was expected, and what to do."""
    if isinstance(value, type):
        return f"the class {value.__name__}; call it: {value.__name__}(...)"
    if isinstance(value, eqx.Module):
        return (
            f"a functional {type(value).__name__}, which never changes. Functional verbs take it, m = "
            "gparams.set_trainable(m.at..., flag) and gparams.fit(m); or make it a stateful one by gparams.stateful, or by "
            "its class in gparams.gpflow"
        )
    if isinstance(value, int | float | np.ndarray | np.generic | jax.Array):
        return (
            f"{value!r} of type {type(value).__name__}: a plain number is a fact, and trains in no case (was a Parameter "
            "replaced by it? p.assign(value) keeps the Parameter)"
        )
    return repr(value)
