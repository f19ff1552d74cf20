"""The gate for arrays of rows (floating numbers, all finite, in as many columns as were expected) and for counts."""

import operator
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def as_floating(value: Any, name: str) -> Array:
    """Make a floating array of what was given as one; integers become floats.

    Parameters
    ----------
    value
        An array, or what JAX or NumPy makes one of.
    name
        What messages call it.

    Returns
    -------
    The array, of its own dtype where that is floating; NaN where a masked array hides its entries.

    Raises
    ------
    TypeError
        If it is not rectangular, or does not hold real numbers.

    Examples
    --------
    >>> print(as_floating([1, 2], "X"))
    [1. 2.]
    """
    if not isinstance(value, jax.Array) and hasattr(value, "__jax_array__"):  # a Parameter, which may be traced
        value = value.__jax_array__()
    hidden = np.ma.getmask(value) if isinstance(value, np.ma.MaskedArray) else False
    if not isinstance(value, jax.Array):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise TypeError(f"{name}: expected a rectangular array of numbers ({error})") from error
    floating = jnp.issubdtype(value.dtype, jnp.floating)
    if not floating and value.dtype.kind not in "biu":
        raise TypeError(f"{name}: expected real numbers, got dtype {value.dtype}")
    dtype = jax.dtypes.canonicalize_dtype(value.dtype if floating else np.float64)
    if np.any(hidden):
        value = np.where(hidden, np.nan, np.asarray(value, dtype))
    return jnp.asarray(value, dtype=dtype)


def refuse_nonfinite_rows(array: Array, name: str, mend: str) -> None:
    """Refuse NaN and infinity, and name the first row that holds one; traced arrays can't be looked at, and pass.

    Parameters
    ----------
    array
        Rows [..., N, D].
    name
        What messages call it.
    mend
        What to do about such rows.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> refuse_nonfinite_rows(jnp.array([[0.0], [jnp.nan]]), "X", "Leave it out.")
    Traceback (most recent call last):
    ValueError: X: row 1 is [nan], expected finite numbers. Leave it out.
    """
    if isinstance(array, jax.core.Tracer):
        return
    rows = np.asarray(array)
    bad = ~np.isfinite(rows).all(-1)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        row = first[0] if len(first) == 1 else first
        raise ValueError(f"{name}: row {row} is {rows[first]}, expected finite numbers{more}. {mend}")


def read_inputs(
    Xnew: Any, num_columns: int | None, dtype: Any = None, name: str = "Xnew", *, batched: bool = False
) -> Array:
    """Check new inputs, and return them as a floating array.

    Parameters
    ----------
    Xnew
        The inputs [N, D], one a row.
    num_columns
        Number D of columns that they should have; None where any will do.
    dtype
        Floating type that they meet, to which they are promoted; None to leave them as they are.
    name
        What messages call them.
    batched
        Whether they may be a batch of sets, [..., N, D].

    Returns
    -------
    The array.

    Raises
    ------
    ValueError
        If they have another shape, or hold NaN or infinity.
    TypeError
        If they are not real numbers.

    Examples
    --------
    >>> print(read_inputs([[1, 2]], 2))
    [[1. 2.]]
    >>> read_inputs([1.0, 2.0], 1)
    Traceback (most recent call last):
    ValueError: Xnew: expected shape [N, 1] as in the data, got (2,); pass x[:, None] for one input column
    """
    X = as_floating(Xnew, name)
    if X.ndim < 2 or (X.ndim > 2 and not batched) or num_columns not in (None, X.shape[-1]):
        mend = "; pass x[:, None] for one input column" if X.ndim == 1 and num_columns in (None, 1) else ""
        mend = "; for a batch of sets use jax.vmap" if X.ndim > 2 and not batched else mend
        raise ValueError(
            f"{name}: expected shape [N, {'D' if num_columns is None else num_columns}] as in the data, got {X.shape}{mend}"
        )
    refuse_nonfinite_rows(X, name, f"To predict at the others: {name}[np.isfinite({name}).all(-1)].")
    return X if dtype is None else X.astype(jnp.promote_types(X.dtype, dtype))


def read_count(count: Any, name: str) -> int:
    """Refuse what is not a number of things: a whole number, one at least.

    Parameters
    ----------
    count
        What was given as one.
    name
        What messages call it.

    Returns
    -------
    The number, as an integer of Python's.

    Raises
    ------
    TypeError
        If it is not a whole number.
    ValueError
        If it is below 1.

    Examples
    --------
    >>> read_count(100, "batch_size")
    100
    """
    try:
        whole = operator.index(count)
    except TypeError as error:
        raise TypeError(f"{name}: expected a whole number, got {count!r}") from error
    if whole < 1:
        raise ValueError(f"{name}: expected at least 1, got {whole}")
    return whole
