"""Fingerprints of plain Python state: what a compiled closure was compiled with, besides its inputs."""

import enum
import hashlib
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

_VALUES = (bool, int, float, complex, str, bytes, type(None), enum.Enum, np.generic, np.dtype, range, slice)


class Untraceable(Exception):
    """Something that gives another result at each call, so that a compiled closure would be wrong."""


def fingerprint(value: Any, *, strict: bool = False) -> Any:
    """Return something hashable that differs where the value differs.

    Numbers and text are themselves, NumPy arrays (which can be written to) their bytes, containers their contents;
    all else is known by identity, and kept alive by its fingerprint.

    Raises
    ------
    Untraceable
        With `strict`, for an iterator or a random generator.
    """
    if isinstance(value, _VALUES):
        return type(value), value if not isinstance(value, slice) else str(value)
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), hashlib.blake2b(value.tobytes()).digest()
    if isinstance(value, list | tuple):
        return type(value), tuple(fingerprint(v, strict=strict) for v in value)
    if isinstance(value, dict):
        return type(value), tuple((fingerprint(k), fingerprint(v, strict=strict)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return type(value), frozenset(fingerprint(v, strict=strict) for v in value)
    if strict and isinstance(value, np.random.Generator | np.random.RandomState | Iterator):
        raise Untraceable(f"{type(value).__name__}, which gives something else at each call")
    if isinstance(value, types.MethodType):
        return Same(value.__func__), fingerprint(value.__self__, strict=strict)
    return Same(value)


class Same:
    """Equal to itself only, by identity."""

    __slots__ = ("obj",)

    def __init__(self, obj: Any):
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.obj is self.obj

    def __hash__(self) -> int:
        return id(self.obj)
