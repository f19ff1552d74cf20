"""The Parameters that an optimiser moves: their free numbers as one vector or by name, and the way back."""

from collections.abc import Sequence
from typing import Any

from ..parameters import Flat, rebuild
from ._parameter import Parameter


class Moving:
    """Some stateful Parameters, in order, seen as what is moved.

    Parameters
    ----------
    cells
        The Parameters.
    """

    def __init__(self, cells: Sequence[Parameter]):
        self.cells = tuple(cells)
        # A name that stays with its Parameter: an optimiser's state is carried over by it.
        self.keys = tuple(str(c._facts.serial) for c in self.cells)

    @property
    def whole(self) -> bool:
        """Whether no Parameter is frozen in part."""
        return all(c._held._spec.mask is None for c in self.cells)

    def flat(self, numbers: Sequence[Any] | None = None) -> Flat:
        """The Parameters as a list, each of them free: which of a user's are moved is for the optimiser to say."""
        held = [c._held for c in self.cells]
        if numbers is not None:
            held = [rebuild(u, h._spec) for h, u in zip(held, numbers, strict=True)]
        return Flat([_movable(h) for h in held])

    def vector(self) -> Any:
        """Their free numbers as one vector."""
        return self.flat().vector()

    def params(self) -> dict[str, Any]:
        """Their free numbers by name."""
        if self.whole:
            return {key: c._held.unconstrained for key, c in zip(self.keys, self.cells, strict=True)}
        by_index = self.flat().params
        return {key: by_index[f"[{i}]"] for i, key in enumerate(self.keys)}

    def moved(self, params: Any, numbers: Sequence[Any] | None = None) -> list[Any]:
        """Functional Parameters with these free numbers (a vector, or by name) and their own facts.

        `numbers` are their unconstrained arrays before: what the frozen elements of a partly frozen one keep.
        """
        if isinstance(params, dict):
            params = {f"[{i}]": params[key] for i, key in enumerate(self.keys)}
        out = self.flat(numbers).model(params)
        facts = (c._held._spec for c in self.cells)
        return [h if h._spec is spec else rebuild(h.unconstrained, spec) for h, spec in zip(out, facts, strict=True)]

    def write(self, params: Any) -> None:
        """Put free numbers into the Parameters."""
        if isinstance(params, dict) and self.whole:
            new = [rebuild(params[key], c._held._spec) for key, c in zip(self.keys, self.cells, strict=True)]
        else:
            new = [rebuild(h.unconstrained, h._spec) for h in self.moved(params)]
        for cell, held in zip(self.cells, new, strict=True):
            hold(cell, held)


def hold(cell: Parameter, held: Any) -> None:
    """Let a Parameter hold another functional one of the same facts."""
    object.__setattr__(cell, "_held", held)


def _movable(held: Any) -> Any:
    return held if held.trainable else rebuild(held.unconstrained, held._spec.replace(trainable=True))
