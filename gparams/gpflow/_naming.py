"""What a Parameter is called in an error: its path from the outermost module that holds it, as the summary prints it."""

import contextlib
from collections.abc import Iterator
from typing import Any

_UNNAMED = "the whole of it"  # what the functional core calls a Parameter that is given without a model


@contextlib.contextmanager
def named_in_errors(cell: Any) -> Iterator[None]:
    """Let errors of the functional core about this Parameter name it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (error.args[0].replace(_UNNAMED, name_of_cell(cell)), *error.args[1:])
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
