"""Checking a tree that was edited by hand, with `tree_at` or `tree_map`, past the verbs' own checks."""

from typing import TypeVar

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ._entry import outside
from ._parameter import Buffer, Parameter
from ._paths import Named, text_of, walk
from ._ties import groups, same_numbers
from ._transforms import forward, forward_shape

Tree = TypeVar("Tree")


def check(tree: Tree) -> Tree:
    """Validate every Parameter, Buffer and tie of a tree; for trees that were edited by hand.

    The verbs check what they are given. `equinox.tree_at` and `jax.tree.map` don't: they can put a wrong dtype, NaN,
    another shape, or one of two tied numbers anywhere.

    Parameters
    ----------
    tree
        Any PyTree.

    Returns
    -------
    The tree itself.

    Raises
    ------
    ValueError
        With one line for each thing that is wrong, by path.

    Examples
    --------
    >>> import equinox as eqx
    >>> import gparams as gp
    >>> kernel = gp.check(gp.kernels.SquaredExponential())
    >>> broken = eqx.tree_at(lambda k: k.variance.unconstrained, kernel, float("nan"))
    >>> gp.check(broken)
    Traceback (most recent call last):
        ...
    ValueError: check: 1 problem in this SquaredExponential
      variance: holds a float where an array belongs
    """
    named = walk(tree)[0]
    problems = []
    for path, leaf in named:
        found = _parameter(leaf) if isinstance(leaf, Parameter) else _buffer(leaf) if isinstance(leaf, Buffer) else None
        if found is not None:
            problems.append(f"{text_of(path) or type(leaf).__name__}: {found}")
    if not problems:
        problems = _aliases(named) + _ties(named)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ValueError("\n  ".join([f"check: {count} in this {type(tree).__name__}", *problems]))
    return tree


def _parameter(p: Parameter) -> str | None:
    u, spec = p.unconstrained, p._spec
    if u is None:
        return "holds no array; it is of the static half that partition or split gave"
    if not isinstance(u, jax.Array | np.ndarray):
        return f"holds a {type(u).__name__} where an array belongs"
    if not jnp.issubdtype(u.dtype, jnp.floating):
        return f"holds {u.dtype}, expected a floating dtype"
    try:
        shape = forward_shape(spec.transform, tuple(u.shape))
    except (ValueError, TypeError) as error:
        return f"its transform {spec.transform} does not take shape {u.shape} ({error})"
    mask = spec.mask
    if mask is not None and shape[len(shape) - len(mask.shape) :] != mask.shape:
        return f"has shape {shape}, and the mask of its frozen elements {mask.shape}"
    for held in (spec.transform, spec.prior):
        if held is not None and held.dtype is not None and held.dtype.itemsize != max(u.dtype.itemsize, 4):
            return f"holds {u.dtype}, and its {held} computes in {held.dtype}; make it anew with gp.Parameter"
    if isinstance(u, jax.core.Tracer):
        return None
    if not np.isfinite(np.asarray(u, float)).all():
        return "its unconstrained array is not finite"
    y = np.asarray(forward(spec.transform, u))
    if not np.isfinite(np.asarray(y, float)).all():
        return "its value is not finite"
    bad = outside(spec.transform, y, u)
    return None if bad is None else f"its value is at the edge of the domain of {spec.transform}"


def _buffer(b: Buffer) -> str | None:
    if b.value is None:
        return "holds no array; it is of the last part that split gave"
    if not isinstance(b.value, jax.Array | np.ndarray):
        return f"holds a {type(b.value).__name__} where an array belongs"
    return None


def _aliases(named: list[Named]) -> list[str]:
    seen: dict[int, int] = {}
    problems = []
    for i, (path, leaf) in enumerate(named):
        if isinstance(leaf, Parameter):
            first = seen.setdefault(id(leaf), i)
            if first != i:
                problems.append(
                    f"{text_of(named[first].path)} and {text_of(path)}: one Parameter object in two places, not tied"
                )
    return problems


def _ties(named: list[Named]) -> list[str]:
    try:
        tied = groups(named)
    except ValueError as error:
        return [str(error)]
    problems = []
    for members in tied:
        first = named[members[0]]
        for i in members[1:]:
            a, b = first.leaf, named[i].leaf
            names = f"{text_of(first.path)} and {text_of(named[i].path)}"
            if a._spec.replace(tie=None) is not b._spec.replace(tie=None):
                problems.append(f"{names}: tied, and differ in transform, prior or flag")
            elif not same_numbers(a.unconstrained, b.unconstrained):
                problems.append(f"{names}: tied, and hold different numbers")
    return problems
