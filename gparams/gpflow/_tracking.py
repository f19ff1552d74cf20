"""What a compiled closure depends on: every stateful object that it read while it was traced.

Each stateful object has a serial number and a version; a change of structure (another attribute, another flag) makes a
new version, and a new epoch for the whole of them, so that "nothing has changed anywhere" is one comparison. A change of
a number does not: numbers are inputs of what was compiled.
"""

import contextlib
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

_serials = itertools.count()
_recorders: list[dict[int, Any]] = []
_epoch = [0]


class Facts:
    """What the shell knows of one stateful object besides its attributes."""

    __slots__ = ("__weakref__", "parents", "programs", "serial", "version")

    def __init__(self) -> None:
        self.serial = next(_serials)
        self.version = 0
        self.parents: weakref.WeakSet = weakref.WeakSet()
        self.programs: dict[Any, list[Any]] = {}


def changed(facts: Facts) -> None:
    """Say that the structure of an object is another one now."""
    facts.version += 1
    _epoch[0] += 1


def epoch() -> int:
    """Return a number that has changed if any structure has."""
    return _epoch[0]


def note(obj: Any) -> None:
    """Say that an object was read."""
    if _recorders:
        _recorders[-1][id(obj)] = obj


@contextlib.contextmanager
def recording() -> Iterator[dict[int, Any]]:
    """Collect the stateful objects that are read inside, by identity; those born inside are left out."""
    found: dict[int, Any] = {}
    start = next(_serials)
    _recorders.append(found)
    try:
        yield found
    finally:
        _recorders.pop()
        for key in [key for key, obj in found.items() if obj._facts.serial > start]:
            del found[key]
        if _recorders:
            _recorders[-1].update(found)


def is_recording() -> bool:
    """Whether a closure is being traced."""
    return bool(_recorders)
