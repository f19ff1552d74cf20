"""Crossing over between Parameters and plain arrays, for modules that know nothing of Parameters."""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax.tree_util as jtu

from ._parameter import Buffer, Parameter
from ._paths import is_leaf, text_of, walk
from ._tfp import tfb

Tree = TypeVar("Tree")


def values(tree: Any) -> Any:
    """Return the tree with each Parameter and Buffer replaced by its plain array.

    For code that asks for real arrays (`jax.lax`), and for handing a trained module back to its own library. A model of
    gparams itself reads ``.value``, and can't compute afterwards: freeze it instead (`set_trainable`).

    Parameters
    ----------
    tree
        Any PyTree.

    Returns
    -------
    The tree with arrays in place of Parameters.

    Examples
    --------
    >>> import gparams as gp
    >>> print(gp.values({"a": gp.Parameter(2.0, transform=gp.positive())}))
    {'a': Array(2., dtype=float64)}
    """
    return jtu.tree_map(lambda x: x.value if is_leaf(x) else x, tree, is_leaf=is_leaf)


def parametrize(
    tree: Tree,
    *,
    filter: Callable[[Any], bool] = eqx.is_inexact_array,
    transform: tfb.Bijector | None = None,
    trainable: bool = True,
) -> Tree:
    """Turn the arrays of a foreign module into Parameters, so that the verbs work on it.

    An `eqx.nn` layer computes with Parameters as it does with arrays. One that calls `jax.lax` (a convolution) is used
    through ``gp.values(model)(x)``.

    Parameters
    ----------
    tree
        Any PyTree; Parameters and Buffers in it stay as they are.
    filter
        Which leaves become Parameters; by default all floating arrays.
    transform
        TFP bijector of the new Parameters; None for the identity.
    trainable
        Their flag.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If one array object sits in two places, which would silently come apart in training; the message names both.

    Examples
    --------
    >>> import equinox as eqx
    >>> import gparams as gp
    >>> import jax
    >>> mlp = gp.parametrize(eqx.nn.MLP(2, 1, 8, depth=1, key=jax.random.key(0)))
    >>> mlp = gp.set_trainable(gp.at(mlp).layers[0], False)
    >>> list(gp.partition(mlp)[0])
    ['layers[1].weight', 'layers[1].bias']
    """
    named, treedef = walk(tree)
    seen: dict[int, str] = {}
    leaves = []
    for path, leaf in named:
        if isinstance(leaf, Parameter | Buffer) or not filter(leaf):
            leaves.append(leaf)
            continue
        first = seen.setdefault(id(leaf), text_of(path))
        if first != text_of(path):
            raise ValueError(
                f"parametrize: {first!r} and {text_of(path)!r} are one array. Make them two (a copy), or one Parameter: "
                "put the same Parameter in both places with gp.replace, and tie them with gp.tie."
            )
        leaves.append(Parameter(leaf, transform=transform, trainable=trainable))
    return jtu.tree_unflatten(treedef, leaves)
