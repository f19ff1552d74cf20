"""The gate for what is random: keys, and numbers of draws."""

import operator
from typing import Any

import jax
import jax.core
import jax.numpy as jnp


def read_key(key: Any, who: str) -> Any:
    """Refuse what is not one random key of JAX.

    Parameters
    ----------
    key
        What was given as one.
    who
        Who asked for it, for the message.

    Returns
    -------
    The key.

    Raises
    ------
    TypeError
        If it is a number, several keys, or anything else.

    Examples
    --------
    >>> import jax
    >>> read_key(jax.random.key(0), "draw").shape
    ()
    """
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        if shape == ():
            return key
        raise TypeError(f"{who}: expected one key, got {shape} of them; map over them: jax.vmap(lambda key: ...)(keys)")
    if dtype == jnp.uint32 and len(shape or ()) == 1:  # a key of JAX's older kind, jax.random.PRNGKey
        return key
    whole = isinstance(key, int) and not isinstance(key, bool)
    got = f"{key!r} of type {type(key).__name__}" if shape is None else f"an array of shape {shape} and dtype {dtype}"
    raise TypeError(
        f"{who}: expected key to be a JAX random key, got {got}; give key=jax.random.key({key if whole else 0})"
    )


def read_num_samples(num: Any, who: str) -> int:
    """Refuse what is not a number of draws.

    Parameters
    ----------
    num
        What was given as one.
    who
        Who asked for it, for the message.

    Returns
    -------
    The number, as an integer of Python's.

    Raises
    ------
    ValueError
        If it is negative.
    TypeError
        If it is not a whole number, or is traced.

    Examples
    --------
    >>> import numpy as np
    >>> read_num_samples(np.int64(3), "draw")
    3
    """
    try:
        count = operator.index(num)
    except TypeError as error:
        mend = "; it sets a shape, and can't be traced: make it static" if isinstance(num, jax.core.Tracer) else ""
        raise TypeError(f"{who}: expected num_samples to be a whole number from 0 on, got {num!r}{mend}") from error
    if count < 0:
        raise ValueError(f"{who}: expected num_samples to be a whole number from 0 on, got {num}")
    return count
