"""Solver: the one interface of all optimisation methods, and how they report while they run."""

import abc
import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Array, Key
from tqdm import tqdm

from ._problem import Problem

Callback = Callable[[int, float, Any], Any]


class Outcome(NamedTuple):
    """What a solver hands back: a point (a vector or a dictionary), and how it went."""

    params: Any
    loss: float
    history: np.ndarray
    steps: int
    converged: bool
    message: str
    build: Callable[[Problem, Any], Any] = Problem.model  # makes the model of the point


class Reporter:
    """Tells the outside world how a run goes, between compiled stretches of it: a progress bar, a callback."""

    def __init__(self, total: int, callback: Callback | None, progress: bool | None):
        shown = progress if progress is not None else sys.stderr.isatty() and not os.environ.get("CI")
        self.callback = callback
        self.bar = tqdm(total=total, unit="step", desc="fit", leave=True) if shown else None
        self.silent = self.bar is None and callback is None

    def stretch(self, every: int, total: int) -> int:
        """Number of steps to run before the next report: all of them if there is nobody to report to."""
        return total if self.silent else every

    def report(self, step: int, loss: float, model: Callable[[], Any]) -> bool:
        """Report one state; True if the callback asks to stop."""
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {loss:.6g}", refresh=False)
            self.bar.update(step - self.bar.n)
        return self.callback is not None and bool(self.callback(step, loss, model()))

    def close(self) -> None:
        """Take the bar down."""
        if self.bar is not None:
            self.bar.close()


class Solver(abc.ABC):
    """A method of optimisation, as a value: its settings are its fields, and a run leaves it unchanged.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.fitting.LBFGS(max_steps=100), gp.fitting.Solver)
    True
    """

    takes_batches: ClassVar[bool] = False  # whether a step may look at a part of the data

    @property
    @abc.abstractmethod
    def max_steps(self) -> int:
        """Number of steps at most."""

    @abc.abstractmethod
    def minimize(self, problem: Problem, reporter: Reporter, key: Key[Array, ""] | None) -> Outcome:
        """Make the problem's loss small, from its own start.

        Parameters
        ----------
        problem
            The loss as a function of one vector, ``problem(x)``, with its start, ``problem.vector()``.
        reporter
            To be told of the run: ``reporter.report(step, loss, model)``, which is true where the callback asks to stop.
        key
            JAX random key, for solvers that draw.

        Returns
        -------
        Outcome
            The point, its loss, the history, and whether and why it stopped.
        """


STOPPED_BY_CALLBACK = "stopped: the callback asked to"


def not_finite(step: int, what: str = "the loss") -> str:
    """Message for a loss, or its gradient, that is not a number."""
    if step == 0:
        return f"stopped: {what} is not finite at the start; the model is returned as it was"
    return f"stopped at step {step}: the loss or its gradient is not finite; the best finite model is returned"


def out_of_steps(steps: int) -> str:
    """Message for a run that came to its last step."""
    return f"stopped after {steps} steps, the most allowed, without meeting the test of convergence"
