"""Supports: which observations a likelihood can explain, and what to say about one that it can't."""

import math
from typing import NamedTuple, Protocol

import numpy as np

from ..maths import first_odd_label


class Support(Protocol):
    """A set of observations."""

    @property
    def example(self) -> float:
        """One observation that lies in it."""
        ...

    def problem(self, Y: np.ndarray) -> tuple[int, str] | None:
        """The first row of Y [N, P] that lies outside, and what is wrong with it; None if there is none."""
        ...


class Interval(NamedTuple):
    """Numbers between two bounds, which belong to it unless `open`; whole ones alone if `whole`."""

    description: str
    low: float = -math.inf
    high: float = math.inf
    open: bool = False
    whole: bool = False
    columns: int | None = None
    example: float = 1.0

    def problem(self, Y: np.ndarray) -> tuple[int, str] | None:
        """The first row that lies outside, and what is wrong with it."""
        if self.columns is not None and Y.shape[1] != self.columns:
            return 0, f"Y has {Y.shape[1]} columns, and expected {self.columns}"
        inside = (self.low < Y) & (Y < self.high) if self.open else (self.low <= Y) & (Y <= self.high)
        bad = ~(inside & np.isfinite(Y) & ((Y == np.round(Y)) | (not self.whole)))
        if not bad.any():
            return None
        row, column = (int(i) for i in np.argwhere(bad)[0])
        more = f" ({int(bad.any(1).sum())} such rows)" if bad.any(1).sum() > 1 else ""
        return row, f"Y[{row}, {column}] is {Y[row, column]:g}, expected {self.description}{more}"


class Labelled(NamedTuple):
    """Observations followed by a column of labels; each label has a support of its own."""

    supports: tuple[Support, ...]
    example: float = 1.0

    def problem(self, Y: np.ndarray) -> tuple[int, str] | None:
        """The first row whose label or whose observation lies outside, and what is wrong with it."""
        if Y.shape[1] < 2:
            return 0, f"Y has {Y.shape[1]} column, expected observations and, in the last column, labels"
        label, count = Y[:, -1], len(self.supports)
        odd = first_odd_label(label, count)
        if odd is not None:
            row = odd[0]
            return (
                row,
                f"Y[{row}, {Y.shape[1] - 1}] is {label[row]:g}, expected a label, a whole number from 0 to {count - 1}",
            )
        found = []
        for k, support in enumerate(self.supports):
            rows = np.flatnonzero(label == k)
            problem = support.problem(np.where((label == k)[:, None], Y[:, :-1], support.example))
            if rows.size and problem is not None:
                found.append((problem[0], f"{problem[1]}, for label {k}"))
        return min(found, default=None)


REALS = Interval("a finite number")
NOT_NEGATIVE = Interval("a number not below 0", low=0.0)
POSITIVE = Interval("a number above 0", low=0.0, open=True)
COUNTS = Interval("a count: 0, 1, 2, ...", low=0.0, whole=True)
YES_OR_NO = Interval("0 or 1", low=0.0, high=1.0, whole=True)
PROPORTIONS = Interval("a number from 0 to 1", low=0.0, high=1.0, example=0.5)


def classes(count: int, columns: int | None = None) -> Interval:
    """Whole numbers from zero to one less than the count."""
    description = f"a class, a whole number from 0 to {count - 1}"
    return Interval(description, low=0.0, high=count - 1.0, whole=True, columns=columns, example=0.0)
