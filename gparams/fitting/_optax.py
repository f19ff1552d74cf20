"""Any optax optimiser, its loop a scan on the device."""

import dataclasses
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key

from ._problem import Problem
from ._solver import STOPPED_BY_CALLBACK, Outcome, Reporter, Solver, not_finite


@final
@dataclasses.dataclass(frozen=True)
class Optax(Solver):
    """A number of steps of an optax optimiser, of all data or of batches.

    Parameters
    ----------
    optimizer
        An optax gradient transformation, such as ``optax.adam(1e-2)``.
    steps
        Number of steps.
    batch_size
        Rows of `data` to a step: epochs are shuffled by the key, and a last incomplete batch of an epoch is left out.
        None for all rows at each step.
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

    optimizer: optax.GradientTransformation
    steps: int = 1000
    batch_size: int | None = None
    ravel: bool = True
    every: int = 50

    def __post_init__(self) -> None:
        if self.steps < 1 or (self.batch_size is not None and self.batch_size < 1):
            raise ValueError(f"Optax: expected steps and batch_size of at least 1, got {self.steps}, {self.batch_size}")

    @property
    def max_steps(self) -> int:
        """Number of steps."""
        return self.steps

    def minimize(self, problem: Problem, reporter: Reporter, key: Key[Array, ""] | None) -> Outcome:
        """Take all steps, unless the loss stops being finite."""
        num_rows = _num_rows(problem.data, self.batch_size, key)
        carry, message = _start(self, problem, num_rows, key), None
        length = min(reporter.stretch(self.every, self.steps), self.steps)
        losses: list[np.ndarray] = []
        while message is None:
            carry, stretch = _run(self, problem, carry, num_rows, length)
            losses.append(np.asarray(stretch))
            step = int(carry.step)
            stop = reporter.report(step, float(carry.loss), lambda p=carry.params: problem.model(p))
            if carry.failed:
                message = not_finite(step)
            elif step >= self.steps:
                message = f"took all {self.steps} steps; there is no test of convergence"
            elif stop:
                message = STOPPED_BY_CALLBACK
        # The loss before each step was noted on the way; of batches there is no better judge than the last point.
        final = float(_loss(problem, carry.params)) if self.batch_size is None else float(carry.loss)
        history = np.append(np.concatenate(losses)[:step], final if self.batch_size is None else [])
        if self.batch_size is None and not final <= float(carry.best_loss):
            return Outcome(carry.best, float(carry.best_loss), history, step, False, message)
        return Outcome(carry.params, final, history, step, False, message)


class _Carry(NamedTuple):
    params: Any
    state: Any
    loss: Array  # before the last step
    best: Any
    best_loss: Array
    step: Array
    failed: Array
    key: Any
    order: Any  # of the rows in this epoch


def _num_rows(data: Any, batch_size: int | None, key: Any) -> int | None:
    if batch_size is None:
        return None
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(data) if eqx.is_array(leaf) or isinstance(leaf, np.ndarray)}
    if len(rows) != 1:
        raise ValueError(
            f"fit: batches need data whose arrays have one number of rows, got {sorted(rows) or 'no data'}"
        )
    if key is None:
        raise ValueError("fit: batches are drawn at random; give key=jax.random.key(0)")
    if batch_size > (num_rows := rows.pop()):
        raise ValueError(f"fit: batch_size={batch_size} is more than the {num_rows} rows of the data")
    return num_rows


@eqx.filter_jit
def _start(solver: Optax, problem: Problem, num_rows: int | None, key: Any) -> _Carry:
    params = problem.vector() if solver.ravel else problem.params
    order = None if num_rows is None else jnp.arange(num_rows)
    dtype = jnp.result_type(*jax.tree.leaves(params))
    infinity = jnp.asarray(jnp.inf, dtype)
    state = solver.optimizer.init(params)
    return _Carry(params, state, infinity, params, infinity, jnp.zeros((), int), jnp.zeros((), bool), key, order)


@eqx.filter_jit
def _run(solver: Optax, problem: Problem, carry: _Carry, num_rows: int | None, length: int) -> tuple[_Carry, Array]:
    def advance(carry: _Carry) -> _Carry:
        carry, batch = _next_batch(solver, problem, carry, num_rows)
        loss, grad = jax.value_and_grad(problem)(carry.params, batch)
        loss = loss.astype(carry.loss.dtype)
        finite = jnp.isfinite(loss) & jnp.all(jnp.asarray([jnp.isfinite(g).all() for g in jax.tree.leaves(grad)]))
        extra = {"value": loss, "grad": grad, "value_fn": lambda p: problem(p, batch)}
        optimizer = optax.with_extra_args_support(solver.optimizer)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes dtypes
            updates, state = optimizer.update(grad, carry.state, carry.params, **extra)
        better = finite & (loss < carry.best_loss)
        best = _where(better, carry.params, carry.best)
        moved = carry._replace(
            # A step from where the loss is not finite leads nowhere: the last good point is the one to return.
            params=_where(finite, optax.apply_updates(carry.params, updates), best),
            state=_where(finite, state, carry.state),
            loss=loss,
            best=best if num_rows is None else _where(finite, carry.params, carry.best),
            best_loss=jnp.where(better, loss, carry.best_loss),
            step=carry.step + 1,
            failed=~finite,
        )
        return moved

    def step(carry: _Carry, _: Any) -> tuple[_Carry, Array]:
        carry = jax.lax.cond(carry.failed | (carry.step >= solver.steps), lambda c: c, advance, carry)
        return carry, carry.loss

    return jax.lax.scan(step, carry, None, length=length)


def _next_batch(solver: Optax, problem: Problem, carry: _Carry, num_rows: int | None) -> tuple[_Carry, Any]:
    size = solver.batch_size
    if num_rows is None or size is None:
        return carry, None
    position = carry.step % (num_rows // size)
    key, this = jax.random.split(carry.key)
    new_epoch = position == 0
    order = jax.lax.cond(new_epoch, lambda: jax.random.permutation(this, num_rows), lambda: carry.order)
    rows = jax.lax.dynamic_slice_in_dim(order, position * size, size)
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], problem.data)
    return carry._replace(key=key, order=order), batch


def _where(condition: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


@eqx.filter_jit
def _loss(problem: Problem, params: Any) -> Array:
    return problem(params)
