"""Many models as one with a leading axis, and back."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np

from ._paths import text_of


def stack(models: Sequence[Any]) -> Any:
    """Put models of one structure together, each array with a new leading axis.

    Parameters
    ----------
    models
        At least one model; all of one structure: the same classes, flags, transforms and priors. Arrays at the same path
        have one shape.

    Returns
    -------
    One model for `equinox.filter_vmap`: ``eqx.filter_vmap(lambda m: m.training_loss())(gp.stack(models))``.

    Raises
    ------
    ValueError
        If there is no model, or two differ in structure, or in the shape of an array (the message names its path).

    Examples
    --------
    >>> import gparams as gp
    >>> batch = gp.stack([gp.kernels.SquaredExponential(v) for v in (1.0, 2.0, 3.0)])
    >>> print(batch.variance)
    [1. 2. 3.]
    """
    if not models:
        raise ValueError("stack: expected at least one model")
    flat = [jtu.tree_flatten_with_path(model) for model in models]
    first, treedef = flat[0]
    for k, (_, other) in enumerate(flat[1:], 1):
        if other != treedef:
            raise ValueError(
                f"stack: model {k} is of another structure than model 0 (a flag, transform, prior, class or field "
                "differs); print_summary of both shows where"
            )
    columns = zip(*([leaf for _, leaf in leaves] for leaves, _ in flat), strict=True)
    return jtu.tree_unflatten(
        treedef, [_stacked(text_of(path), column) for (path, _), column in zip(first, columns, strict=True)]
    )


def _stacked(name: str, column: tuple[Any, ...]) -> Any:
    if _is_array(column[0]):
        shapes = {np.shape(leaf) for leaf in column}
        if len(shapes) > 1:
            raise ValueError(f"stack: {name!r} has shapes {sorted(shapes)}; arrays at one path must have one shape")
        return jnp.stack([jnp.asarray(leaf) for leaf in column])
    if any(leaf is not column[0] and leaf != column[0] for leaf in column[1:]):
        raise ValueError(f"stack: {name!r} is no array, and differs between the models: {column[0]!r}, ...")
    return column[0]


def unstack(model: Any) -> list[Any]:
    """Take a batch of models apart along the leading axis of its arrays.

    Parameters
    ----------
    model
        What `stack`, or `equinox.filter_vmap` over a function that returns a model, gave.

    Returns
    -------
    A list of models.

    Raises
    ------
    ValueError
        If the arrays have no leading axis of one length; the message names two paths.

    Examples
    --------
    >>> import gparams as gp
    >>> models = gp.unstack(gp.stack([gp.Parameter(1.0), gp.Parameter(2.0)]))
    >>> models
    [Parameter(1.), Parameter(2.)]
    """
    leaves, treedef = jtu.tree_flatten_with_path(model)
    arrays = [(text_of(path), leaf) for path, leaf in leaves if _is_array(leaf)]
    if not arrays:
        raise ValueError("unstack: there is no array to take apart")
    lengths = {name: np.shape(leaf)[0] if np.ndim(leaf) else None for name, leaf in arrays}
    size = lengths[arrays[0][0]]
    odd = next((name for name, length in lengths.items() if length != size or length is None), None)
    if size is None or odd is not None:
        raise ValueError(
            f"unstack: {arrays[0][0]!r} has shape {np.shape(arrays[0][1])}"
            + (f" and {odd!r} has shape {np.shape(dict(arrays)[odd])}" if odd not in (None, arrays[0][0]) else "")
            + ": expected one leading axis, the models, on every array"
        )
    return [jtu.tree_unflatten(treedef, [_item(x, k) if _is_array(x) else x for _, x in leaves]) for k in range(size)]


def _item(x: Any, k: int) -> Any:
    return np.asarray(x[k]) if isinstance(x, np.ndarray) else x[k]


def _is_array(x: Any) -> bool:
    return eqx.is_array(x) or isinstance(x, np.ndarray)
