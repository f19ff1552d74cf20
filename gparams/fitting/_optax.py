"""Any optax optimiser, its loop a scan on the device."""

import dataclasses
from typing import Any, ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from ._problem import Problem
from ._solver import Outcome, Reporter, Solver
from ._steps import Pace, Task, take_steps
from ._stream import Stream


@final
@dataclasses.dataclass(frozen=True)
class Optax(Solver):
    """A number of steps of an optax optimiser, of all data or of batches.

    Batches are drawn on the device, by one compiled program that holds all the steps between two reports: of a run that
    nobody watches, all of them. Data that don't fit there are given to `fit` as an iterator of batches, and then each step
    is a program of its own.

    Parameters
    ----------
    optimizer
        An optax gradient transformation, such as ``optax.adam(1e-2)``.
    steps
        Number of steps.
    batch_size
        Rows of `data` to a step: epochs are shuffled by the key, and a last incomplete batch of an epoch is left out.
        None for all rows at each step, or where the data are an iterator of batches.
    ravel
        Whether the optimiser sees the free numbers as one vector, which is fast. False gives it the dictionary by path
        that `partition` returns, for masks and labels by path.
    every
        Steps between two reports to a callback or a progress bar.

    Raises
    ------
    ValueError
        If there is no step to take, or no row to a batch.

    Examples
    --------
    >>> import gparams as gp
    >>> import optax
    >>> solver = gp.fitting.Optax(optax.adam(0.1), steps=200)
    >>> print(gp.fit(gp.Parameter(1.0), lambda p: (p - 3.0) ** 2, solver=solver).model.value.round(2))
    3.0
    """

    takes_batches: ClassVar[bool] = True
    optimizer: optax.GradientTransformation
    steps: int = 1000
    batch_size: int | None = None
    ravel: bool = True
    every: int = 50

    def __post_init__(self) -> None:
        read_steps("Optax", self.steps, self.batch_size, self.every)

    @property
    def max_steps(self) -> int:
        """Number of steps."""
        return self.steps

    def minimize(self, problem: Problem, reporter: Reporter, key: Key[Array, ""] | None) -> Outcome:
        """Take all steps, unless the loss stops being finite."""
        resident = problem.with_data(None) if isinstance(problem.data, Stream) else problem
        task = _OptaxTask(resident, self.optimizer, self.ravel)
        return take_steps(task, Pace(self.steps, self.batch_size, self.every), problem.data, reporter, key)


def read_steps(name: str, steps: int, batch_size: int | None, every: int) -> None:
    """Check what a solver of a given number of steps was given."""
    if steps < 1 or (batch_size is not None and batch_size < 1) or every < 1:
        raise ValueError(
            f"{name}: expected steps, batch_size and every of at least 1, got {steps}, {batch_size} and {every}"
        )


@final
class _OptaxTask(Task):
    problem: Problem
    optimizer: optax.GradientTransformation = eqx.field(static=True)
    ravel: bool = eqx.field(static=True)

    def start(self) -> tuple[Any, Any]:
        params = self.problem.vector() if self.ravel else self.problem.params
        return params, self.optimizer.init(params)

    def step(self, point: Any, state: Any, batch: Any, k: Array) -> tuple[Any, Any, Float[Array, ""], Array]:
        return optax_step(self.optimizer, self.problem, point, state, batch)

    def model(self, point: Any) -> Any:
        return self.problem.model(point)

    def remark(self, state: Any) -> str:
        return ""


def optax_step(
    optimizer: optax.GradientTransformation, loss: Any, point: Any, state: Any, batch: Any
) -> tuple[Any, Any, Float[Array, ""], Array]:
    """One step of an optax optimiser on ``loss(point, batch)``."""
    value, grad = jax.value_and_grad(loss)(point, batch)
    extra = {"value": value, "grad": grad, "value_fn": lambda p: loss(p, batch)}
    with jax.numpy_dtype_promotion("standard"):  # optax mixes dtypes
        updates, state = optax.with_extra_args_support(optimizer).update(grad, state, point, **extra)
    return optax.apply_updates(point, updates), state, value, all_finite(value, grad)


def all_finite(*trees: Any) -> Array:
    """Whether every number is finite."""
    return jnp.all(jnp.asarray([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(trees)]))
