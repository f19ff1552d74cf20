"""The static half of a Parameter: everything about it but its numbers."""

import math
import threading
import weakref
from typing import Any, NamedTuple, final

import jax
import numpy as np

from ._held import Held


@final
class Mask:
    """Which elements of a Parameter are frozen; hashable, compared by shape and content.

    Parameters
    ----------
    frozen
        Boolean array over the elements: True where frozen.
    """

    __slots__ = ("_bytes", "free", "frozen", "shape")

    def __init__(self, frozen: np.ndarray):
        frozen = np.array(frozen, dtype=bool)
        frozen.setflags(write=False)
        self.frozen = frozen
        self.shape = frozen.shape
        self.free = np.flatnonzero(~frozen)
        self._bytes = frozen.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self.shape == other.shape and self._bytes == other._bytes

    def __hash__(self) -> int:
        return hash((self.shape, self._bytes))

    def __deepcopy__(self, memo: dict) -> "Mask":
        return self

    def __reduce__(self) -> tuple:
        return Mask, (np.array(self.frozen),)

    @property
    def num_frozen(self) -> int:
        """Number of frozen elements."""
        return math.prod(self.shape) - len(self.free)

    # A batch of models adds leading axes to the leaf; the mask speaks of the trailing ones.
    def gather(self, u: Any) -> Any:
        """Take the free elements of `u`, flat along the last axis."""
        self._check(u)
        return u.reshape(*u.shape[: u.ndim - len(self.shape)], -1)[..., self.free]

    def _check(self, u: Any) -> None:
        if u.shape[u.ndim - len(self.shape) :] != self.shape:
            raise ValueError(
                f"an array of shape {u.shape} has a mask of frozen elements of shape {self.shape}; freeze elements before "
                "models are stacked, and not of a stack"
            )

    def scatter(self, u: Any, free: Any) -> Any:
        """Put `free` back into the free elements of `u`."""
        u = jax.numpy.asarray(u)
        self._check(u)
        flat = u.reshape(*u.shape[: u.ndim - len(self.shape)], -1)
        return flat.at[..., self.free].set(free).reshape(u.shape)


class Tie(NamedTuple):
    """Membership of a group of Parameters that are one.

    The group is known by the places of its members, as steps from the module in which they were tied. That is the
    same for equal models built afresh, so they share a compilation, and it holds wherever that module is put.
    """

    places: tuple[tuple[str, ...], ...]
    member: int

    @property
    def steps(self) -> tuple[str, ...]:
        """Steps to this member from the module in which the tie was made."""
        return self.places[self.member]


_lock = threading.Lock()
_specs: "weakref.WeakValueDictionary[tuple, Spec]" = weakref.WeakValueDictionary()


@final
class Spec:
    """The facts of a Parameter. Equal facts are one object, so comparison and hash are by identity."""

    __slots__ = ("__weakref__", "key")

    key: tuple

    def __new__(
        cls,
        transform: Held | None = None,
        prior: Held | None = None,
        prior_on: str = "constrained",
        trainable: bool = True,
        mask: Mask | None = None,
        tie: Tie | None = None,
    ) -> "Spec":
        key = (transform, prior, prior_on, trainable, mask, tie)
        with _lock:
            spec = _specs.get(key)
            if spec is None:
                spec = object.__new__(cls)
                object.__setattr__(spec, "key", key)
                _specs[key] = spec
            return spec

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("the facts of a Parameter are immutable; the verbs return a new model")

    transform: Held | None = property(lambda self: self.key[0])  # type: ignore[assignment]
    prior: Held | None = property(lambda self: self.key[1])  # type: ignore[assignment]
    prior_on: str = property(lambda self: self.key[2])  # type: ignore[assignment]
    trainable: bool = property(lambda self: self.key[3])  # type: ignore[assignment]
    mask: Mask | None = property(lambda self: self.key[4])  # type: ignore[assignment]
    tie: Tie | None = property(lambda self: self.key[5])  # type: ignore[assignment]

    def replace(self, **changes: Any) -> "Spec":
        """Return the spec with some facts changed."""
        names = ("transform", "prior", "prior_on", "trainable", "mask", "tie")
        return Spec(**(dict(zip(names, self.key, strict=True)) | changes))

    def __copy__(self) -> "Spec":
        return self

    def __deepcopy__(self, memo: dict) -> "Spec":
        return self

    def __reduce__(self) -> tuple:
        return Spec, self.key

    def __repr__(self) -> str:
        return f"Spec{self.key}"
