"""The loop of methods that take a given number of steps: of all data, of batches that lie on the device, or of a stream."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._mesh import constrain_rows
from ._problem import Problem
from ._solver import STOPPED_BY_CALLBACK, Outcome, Reporter, not_finite
from ._stream import Stream, common_rows


class Task(eqx.Module):
    """What one step is: a method of optimisation together with the problem that it is to solve."""

    problem: eqx.AbstractVar[Problem]

    @abc.abstractmethod
    def start(self) -> tuple[Any, Any]:
        """First point, and first state of the optimiser."""

    @abc.abstractmethod
    def step(self, point: Any, state: Any, batch: Any, k: Array) -> tuple[Any, Any, Float[Array, ""], Array]:
        """Step number k: the new point and state, the loss before it, and whether it and its gradient were finite."""

    @abc.abstractmethod
    def model(self, point: Any) -> Any:
        """The model at a point."""

    @abc.abstractmethod
    def remark(self, state: Any) -> str:
        """What the message is to say beside why the run stopped."""


class Pace(NamedTuple):
    """How many steps, of how many rows each, and how often to report."""

    steps: int
    batch_size: int | None
    every: int


class _Carry(NamedTuple):
    point: Any
    state: Any
    loss: Array  # before the last step
    best: Any
    best_loss: Array
    step: Array
    failed: Array
    key: Any
    order: Any  # of the rows in this epoch


def take_steps(task: Task, pace: Pace, data: Any, reporter: Reporter, key: Any) -> Outcome:
    """Take all steps, unless the loss stops being finite, the callback asks to stop, or a stream runs dry."""
    stream = data if isinstance(data, Stream) else None
    num_rows = _num_rows(data, pace.batch_size, key) if stream is None else None
    carry, message = _begin(task, num_rows, key), None
    length = min(reporter.stretch(pace.every, pace.steps), pace.steps) if stream is None else pace.every
    losses: list[np.ndarray] = []
    while message is None:
        if stream is None:
            carry, stretch = _run(task, pace.batch_size, carry, num_rows, length, np.asarray(pace.steps))
        else:
            carry, stretch = _run_stream(task, carry, stream, min(length, pace.steps - int(carry.step)))
        losses.append(np.asarray(stretch))
        step = int(carry.step)
        stop = reporter.report(step, float(carry.loss), lambda p=carry.point: task.model(p))
        if carry.failed:
            message = not_finite(step)
        elif step >= pace.steps:
            message = f"took all {pace.steps} steps; there is no test of convergence"
        elif stop:
            message = STOPPED_BY_CALLBACK
        elif stream is not None and stream.dry:
            message = f"stopped after {step} steps: the iterator of batches is exhausted"
    message += task.remark(carry.state)
    # The loss before each step was noted on the way; of batches there is no better judge than the last point.
    batched = stream is not None or pace.batch_size is not None
    if batched:
        final = float(carry.loss)
    elif carry.failed:
        final = float(carry.best_loss)
    else:  # the loss before one more step: the program is compiled already
        _, ahead = _run(task, None, carry, None, length, np.asarray(step + 1))
        final = float(np.asarray(ahead)[0])
    history = np.append(np.concatenate(losses)[:step], [] if batched else final)
    if not batched and not final <= float(carry.best_loss):
        return Outcome(carry.best, float(carry.best_loss), history, step, False, message)
    return Outcome(carry.point, final, history, step, False, message)


def _num_rows(data: Any, batch_size: int | None, key: Any) -> int | None:
    if batch_size is None:
        return None
    arrays = [leaf for leaf in jax.tree.leaves(data) if eqx.is_array(leaf) or isinstance(leaf, np.ndarray)]
    num_rows = common_rows(arrays)
    if num_rows is None:
        shapes = [leaf.shape for leaf in arrays]
        raise ValueError(f"fit: batches need data whose arrays have one number of rows, got {shapes or 'no data'}")
    if key is None:
        raise ValueError("fit: batches are drawn at random; give key=jax.random.key(0)")
    if batch_size > num_rows:
        raise ValueError(f"fit: batch_size={batch_size} is more than the {num_rows} rows of the data")
    return num_rows


@eqx.filter_jit
def _begin(task: Task, num_rows: int | None, key: Any) -> _Carry:
    point, state = task.start()
    order = None if num_rows is None else jnp.arange(num_rows)
    dtype = jnp.result_type(*jax.tree.leaves(point))
    infinity = jnp.asarray(jnp.inf, dtype)
    state = jax.tree.map(_firm, state)
    return _Carry(point, state, infinity, point, infinity, jnp.zeros((), int), jnp.zeros((), bool), key, order)


def _firm(leaf: Any) -> Any:
    # Weak types become firm on the way through a step, and would have the next one compiled again.
    return jax.lax.convert_element_type(leaf, leaf.dtype) if eqx.is_inexact_array(leaf) else leaf


def _advance(task: Task, carry: _Carry, batch: Any) -> _Carry:
    point, state, loss, finite = task.step(carry.point, carry.state, batch, carry.step)
    loss = loss.astype(carry.loss.dtype)
    better = finite & (loss < carry.best_loss)
    best = _where(better, carry.point, carry.best)
    return carry._replace(
        # A step from where the loss is not finite leads nowhere: the last good point is the one to return.
        point=_where(finite, point, best),
        state=_where(finite, state, carry.state),
        loss=loss,
        best=best if batch is None else _where(finite, carry.point, carry.best),
        best_loss=jnp.where(better, loss, carry.best_loss),
        step=carry.step + 1,
        failed=~finite,
    )


def _where(condition: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


# ---- data on the device: a stretch of steps is one scan


@eqx.filter_jit
def _run(
    task: Task, batch_size: int | None, carry: _Carry, num_rows: int | None, length: int, limit: Any
) -> tuple[_Carry, Array]:
    """A stretch of steps, none beyond the limit, and the loss before each."""

    def advance(carry: _Carry) -> _Carry:
        carry, batch = _next_batch(task.problem, batch_size, carry, num_rows)
        return _advance(task, carry, batch)

    def step(carry: _Carry, _: Any) -> tuple[_Carry, Array]:
        carry = jax.lax.cond(carry.failed | (carry.step >= limit), lambda c: c, advance, carry)
        return carry, carry.loss

    return jax.lax.scan(step, carry, None, length=length)


def _next_batch(problem: Problem, size: int | None, carry: _Carry, num_rows: int | None) -> tuple[_Carry, Any]:
    if num_rows is None or size is None:
        return carry, None
    position = carry.step % (num_rows // size)
    key, this = jax.random.split(carry.key)
    new_epoch = position == 0
    order = jax.lax.cond(new_epoch, lambda: jax.random.permutation(this, num_rows), lambda: carry.order)
    rows = jax.lax.dynamic_slice_in_dim(order, position * size, size)
    batch = jax.tree.map(lambda leaf: leaf[rows] if eqx.is_array(leaf) else leaf, problem.data)
    batch = batch if problem.mesh is None else constrain_rows(batch, problem.mesh)
    return carry._replace(key=key, order=order), batch


# ---- a stream: a step is one program, and batches arrive while it runs


def _run_stream(task: Task, carry: _Carry, stream: Stream, length: int) -> tuple[_Carry, np.ndarray]:
    losses: list[Array] = []
    for batch in stream.take(length):
        carry = _step_on(task, carry, batch)
        losses.append(carry.loss)
        if len(losses) > stream.prefetch:  # no more batches in flight than were asked for
            losses[-1 - stream.prefetch].block_until_ready()
    return carry, np.asarray([float(loss) for loss in losses])


@eqx.filter_jit
def _step_on(task: Task, carry: _Carry, batch: Any) -> _Carry:
    def advance(carry: _Carry) -> _Carry:
        return _advance(task, carry, batch)

    return jax.lax.cond(carry.failed, lambda c: c, advance, carry)
