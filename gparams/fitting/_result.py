"""What a fit returns."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class FitResult:
    """The outcome of a fit.

    Parameters
    ----------
    model
        The fitted model: the best that was met with a finite loss, never worse than the start.
    loss
        Its loss.
    history
        Loss at the start and after each step; where an optimiser goes through batches, of the batch before each step.
    steps
        Number of steps taken.
    converged
        Whether the solver's own test was met.
    message
        Why it stopped, in words.

    Examples
    --------
    >>> import gparams as gp
    >>> result = gp.fit(gp.Parameter(1.0), lambda p: (p - 3.0) ** 2)
    >>> print(result.model.value.round(6), result.converged)
    3.0 True
    """

    model: Any
    loss: float
    history: np.ndarray
    steps: int
    converged: bool
    message: str

    def __repr__(self) -> str:
        name = type(self.model).__name__
        return (
            f"FitResult({name}, loss={self.loss:.6g}, steps={self.steps}, converged={self.converged}: {self.message})"
        )
