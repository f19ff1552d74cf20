"""A line search that evaluates in one place, so that the loss stands once in the compiled program."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

_DECREASE = 1e-4  # what part of the fall that the slope promises has to come about
_CURVATURE = 0.9  # how much of the slope may be left
_GROWTH = (2.0, 10.0)  # how much further the next step goes where the loss still falls, at least and at most
_MARGIN = 0.1  # how near, in parts of the bracket, a trial may come to its ends
_BISECTIONS = 3  # every third trial halves the bracket


class Point(NamedTuple):
    """A point on the line: how far along it is, and loss and slope there."""

    step: Array
    value: Array
    slope: Array


class _Search(NamedTuple):
    trial: Array
    low: Point  # the best so far: where the search ends up
    low_grad: Array
    high: Point  # the bracket's other end; infinitely far while there is none
    count: Array
    found: Array
    finite: Array  # whether any trial was


def search(
    evaluate: Callable[[Array], tuple[Array, Array]],
    direction: Float[Array, " n"],
    value: Float[Array, ""],
    grad: Float[Array, " n"],
    *,
    noise: Float[Array, ""],
    most: int,
    here: Array,
) -> tuple[Point, Float[Array, " n"], Array]:
    r"""Look along a line for a step that meets the strong Wolfe conditions, or Hager and Zhang's where rounding hides them.

    The bracket's ends are those of Nocedal and Wright's algorithms 3.5 and 3.6; its phases are one loop with one
    evaluation in it. A loss of which nothing finite comes is taken for infinitely high.

    Parameters
    ----------
    evaluate
        Loss and gradient at a step along the line.
    direction
        Where one step leads.
    value, grad
        Loss and gradient at no step.
    noise
        Differences between losses that say nothing.
    most
        Evaluations at most.
    here
        Whether only to evaluate where the line begins: value and gradient there are not known yet.

    Returns
    -------
    point
        The point that was found; its step is zero if there was none.
    grad
        The gradient there.
    finite
        Whether any of the losses and gradients met was finite.

    References
    ----------
    Nocedal & Wright (2006), *Numerical Optimization*, algorithms 3.5 and 3.6, equation 3.59. Hager & Zhang (2005), *A new
    conjugate gradient method with guaranteed descent and an efficient line search*, equation 4.1.
    """
    zero, infinite = jnp.zeros_like(value), jnp.full_like(value, jnp.inf)
    start = Point(zero, value, jnp.sum(grad * direction))
    rounding = float(jnp.finfo(direction.dtype).eps) * jnp.maximum(jnp.abs(value), 1.0)

    def look(s: _Search) -> _Search:
        new_value, new_grad = evaluate(s.trial)
        finite = jnp.isfinite(new_value) & jnp.all(jnp.isfinite(new_grad))
        trial = Point(s.trial, jnp.where(finite, new_value, jnp.inf), jnp.sum(new_grad * direction))
        enough = trial.value <= value + _DECREASE * trial.step * start.slope
        level = (trial.value <= value + noise) & (trial.slope <= (2.0 * _DECREASE - 1.0) * start.slope)
        lower = here | ((enough | level) & (trial.value <= s.low.value + noise))
        found = here | (lower & (jnp.abs(trial.slope) <= -_CURVATURE * start.slope))
        # A minimum lies between the lower end and the first point seen from it where the loss rises, or is higher.
        passed = lower & (trial.slope * (s.high.step - s.low.step) >= 0.0)
        low = _where(lower, trial, s.low)
        high = _where(passed, s.low, _where(lower, s.high, trial))
        count = s.count + 1
        closed = jnp.isfinite(high.step)
        out = jnp.clip(_minimum(s.low, trial), _GROWTH[0] * trial.step, _GROWTH[1] * trial.step)
        outside = jnp.where(jnp.isnan(out), _GROWTH[1] * trial.step, out)
        # Where nothing is left to gain in the bracket that rounding would show, it is done.
        worth = jnp.abs((high.step - low.step) * low.slope) > rounding
        return _Search(
            jnp.where(closed, _inside(low, high, count), outside),
            low,
            jnp.where(lower, new_grad, s.low_grad),
            high,
            jnp.where(closed & ~worth, most, count),
            found,
            s.finite | finite,
        )

    first = _Search(
        jnp.where(here, zero, 1.0),
        start,
        grad,
        Point(infinite, infinite, infinite),
        jnp.zeros((), int),
        jnp.zeros((), bool),
        jnp.zeros((), bool),
    )
    last = lax.while_loop(lambda s: ~s.found & (s.count < most), look, first)
    return last.low, last.low_grad, last.finite


def _where(condition: Array, a: Point, b: Point) -> Point:
    return Point(*(jnp.where(condition, x, y) for x, y in zip(a, b, strict=True)))


def _minimum(a: Point, b: Point) -> Array:
    """Where the cubic through two points and their slopes is lowest; NaN if nowhere."""
    width = b.step - a.step
    d1 = a.slope + b.slope - 3.0 * (b.value - a.value) / width
    d2 = jnp.sign(width) * jnp.sqrt(d1 * d1 - a.slope * b.slope)
    return b.step - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2)


def _inside(low: Point, high: Point, count: Array) -> Array:
    width = high.step - low.step
    margin = _MARGIN * jnp.abs(width)
    ends = jnp.minimum(low.step, high.step), jnp.maximum(low.step, high.step)
    guess = jnp.clip(_minimum(low, high), ends[0] + margin, ends[1] - margin)
    halve = jnp.isnan(guess) | (count % _BISECTIONS == 0)
    return jnp.where(halve, low.step + 0.5 * width, guess)
