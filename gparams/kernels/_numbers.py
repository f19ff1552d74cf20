"""The positive numbers of kernels: one, or one for each column of the inputs."""

from typing import Any

from ..parameters import Parameter, as_parameter, positive


def one_number(kernel: Any, field: str, value: Any) -> Parameter:
    """Make a Parameter of what a kernel was given for a number, and refuse an array.

    Under `jax.vmap` each kernel of a batch sees its own number, and kernels that `gparams.stack` puts together are not
    made again: this looks at single kernels alone.
    """
    name = f"{type(kernel).__name__}.{field}"
    p = as_parameter(value, transform=positive(), name=name)
    if p.ndim:
        mend = "take the number out of it" if p.size == 1 else "make a kernel of each, and gparams.stack them"
        raise ValueError(f"{name}: expected one number, got shape {p.shape}; {mend}")
    return p


def one_or_one_a_column(kernel: Any, field: str, value: Any, *, signed: bool = False) -> Parameter:
    """Make a Parameter of what a kernel was given for a number or a vector, and refuse a matrix."""
    name = f"{type(kernel).__name__}.{field}"
    p = as_parameter(value, transform=None if signed else positive(), name=name)
    if p.ndim > 1:
        raise ValueError(
            f"{name}: expected one number, or a vector of one for each column of X that the "
            f"kernel reads, got shape {p.shape}"
        )
    return p
