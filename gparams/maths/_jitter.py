"""Jitter: what goes on the diagonal of a matrix that rounding keeps from being factorised, and the loop of the tries."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

_JITTER = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-4}


def default_jitter(dtype) -> float:
    """Give the amount to add to the diagonal of a kernel matrix of unit variance before its factorisation.

    It is 1e-6 in float64, GPflow's choice. In float32 it is 1e-4, about a thousand rounding units. Smooth
    kernels of unit variance were seen to need up to 3e-6 there at N = 200 and 3e-5 at N = 1000, so 1e-6 would
    not do; with several thousand points even 1e-4 may not.

    Parameters
    ----------
    dtype : dtype
        The floating-point type of the matrix.

    Returns
    -------
    float
        The jitter, as a Python number, so that it takes the dtype of the array that it meets.

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

    Examples
    --------
    >>> default_jitter("float32")
    0.0001
    """
    dtype = np.dtype(dtype)
    if dtype not in _JITTER:
        raise TypeError(
            f"no jitter is known for dtype {dtype}: a Cholesky factorisation needs float32 or float64. "
            "Convert the data first, for instance with X.astype(jnp.float64)."
        )
    return _JITTER[dtype]


T = TypeVar("T")

# What a factorisation that failed is tried again with, as fractions of the mean of the diagonal. Rounding moves the
# eigenvalues of a kernel matrix by about N times a rounding unit of the diagonal: the first figure is above that up to
# some thousand points in float64, the last one far above it.
RETRIES = {np.dtype(np.float64): (1e-12, 1e-10, 1e-8, 1e-6), np.dtype(np.float32): (1e-6, 1e-5, 1e-4, 1e-3)}


def until_done(
    first: T,
    done: Bool[Array, ""],
    attempt: Callable[[Float[Array, ""]], tuple[T, Bool[Array, ""]]],
    amounts: Float[Array, " T"],
) -> tuple[T, Float[Array, ""]]:
    """Try to factorise with one amount on the diagonal after the other, until one does.

    The tries are a loop on the device that is entered only if it has to be, also under `jax.vmap`, where a condition would
    become a selection with both sides computed.

    Parameters
    ----------
    first, done
        A factor made without, and whether it will do.
    attempt
        Gives a factor and whether it will do, for an amount. What it makes that doesn't hang on the amount XLA makes before
        the loop, where all pay for it: see `places`.
    amounts
        What to add. Where they are NaN or infinite, as fractions of such a diagonal are, nothing is tried: the matrix is
        beyond mending.

    Returns
    -------
    factor
        The last one made.
    jitter
        The last amount tried; zero where the first factor did.
    """

    def going(state):
        k, done, _ = state
        return ~done & (k < amounts.size) & jnp.isfinite(amounts[-1])

    def try_again(state):
        k, *_ = state
        # k is never negative, but XLA doesn't know.
        factor, done = attempt(jnp.where(k < 0, jnp.nan, amounts[k]))
        return k + 1, done, factor

    tries, _, factor = lax.while_loop(going, try_again, (jnp.zeros((), int), done, first))
    return factor, jnp.where(tries > 0, amounts[tries - 1], jnp.zeros((), amounts.dtype))


def fractions_of(K: Float[Array, "*B N N"], fractions: Sequence[float]) -> Float[Array, "*B T"]:
    """Give amounts of jitter as fractions of the mean of the diagonal of each matrix."""
    scale = jnp.abs(jnp.mean(jnp.diagonal(K, axis1=-2, axis2=-1), -1, keepdims=True))
    return scale * jnp.asarray(fractions, K.dtype).reshape((1,) * (K.ndim - 2) + (-1,))


def places(n: int, jitter: Float[Array, ""]) -> tuple[Int[Array, "n n"], Int[Array, "n n"]]:
    """Row and column of each element, for masks. They hang on the jitter, which is never negative but changes in a loop."""
    rows, columns = (lax.broadcasted_iota(int, (n, n), axis) for axis in (0, 1))
    return rows + (jitter < 0).astype(rows.dtype), columns
