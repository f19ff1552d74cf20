"""Reading a model: its Parameters by path, and their values in one compiled call."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.core
import numpy as np

from ._held import Held
from ._parameter import Buffer, Parameter
from ._paths import text_of
from ._place import below, resolve
from ._transforms import elementwise, forward


def parameter_dict(where: Any) -> dict[str, Parameter | Buffer]:
    """Return the Parameters and Buffers by path, in order of declaration.

    Parameters
    ----------
    where
        A tree, or a place: all at or below it, with their paths from the root of the tree.

    Returns
    -------
    Path to Parameter or Buffer. A path is as the summary prints it, less the class name.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.parameter_dict(gp.kernels.SquaredExponential())
    {'variance': Parameter(1., transform=Softplus), 'lengthscales': Parameter(1., transform=Softplus)}
    """
    tree, targets = resolve(where)
    return {text_of(path): leaf for path, leaf in below(tree, targets) if isinstance(leaf, Parameter | Buffer)}


def parameters(where: Any) -> tuple[Parameter, ...]:
    """Return the Parameters, in order of declaration.

    Parameters
    ----------
    where
        A tree, or a place.

    Returns
    -------
    A tuple of Parameters.

    Examples
    --------
    >>> import gparams as gp
    >>> len(gp.parameters(gp.kernels.SquaredExponential()))
    2
    """
    return tuple(p for p in parameter_dict(where).values() if isinstance(p, Parameter))


def trainable_parameters(where: Any) -> tuple[Parameter, ...]:
    """Return the trainable Parameters, in order of declaration.

    Parameters
    ----------
    where
        A tree, or a place.

    Returns
    -------
    A tuple of Parameters.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential()
    >>> gp.trainable_parameters(gp.set_trainable(kernel.at.variance, False))
    (Parameter(1., transform=Softplus),)
    """
    return tuple(p for p in parameters(where) if p.trainable)


def read_values(where: Any) -> dict[str, np.ndarray]:
    """Return the constrained values by path, as NumPy arrays.

    Parameters
    ----------
    where
        A tree, or a place.

    Returns
    -------
    Path to array; what `multiple_assign` takes.

    Examples
    --------
    >>> import gparams as gp
    >>> values = gp.read_values(gp.kernels.SquaredExponential(variance=2.0))
    >>> float(values["variance"])
    2.0
    """
    named = parameter_dict(where)
    arrays = constrained([leaf for leaf in named.values() if isinstance(leaf, Parameter)])
    values = iter(arrays)
    return {name: next(values) if isinstance(leaf, Parameter) else leaf.numpy() for name, leaf in named.items()}


def constrained(parameters: Sequence[Parameter]) -> list[np.ndarray]:
    """Values of many Parameters at once: those with the same transform go through it together.

    One by one, a thousand Parameters would cost a thousand dispatches.
    """
    together: dict[tuple[Held, np.dtype], list[int]] = {}
    values: list[Any] = [None] * len(parameters)
    arrays: list[Any] = [None] * len(parameters)
    for i, p in enumerate(parameters):
        transform, u = p._spec.transform, p.unconstrained
        if transform is not None and transform.scalar and elementwise(transform) and _is_concrete(u):
            arrays[i] = u = np.asarray(u)
            together.setdefault((transform, u.dtype), []).append(i)
        else:
            values[i] = np.asarray(p.value)
    for (transform, _), members in together.items():
        flat = np.asarray(forward(transform, np.concatenate([arrays[i].ravel() for i in members])))
        start = 0
        for i in members:
            end = start + arrays[i].size
            values[i] = flat[start:end].reshape(arrays[i].shape)
            start = end
    return values


def _is_concrete(array: Any) -> bool:
    return isinstance(array, jax.Array | np.ndarray) and not isinstance(array, jax.core.Tracer)
