"""The verbs that make Parameters one, and two again."""

from typing import Any

from ._parameter import Parameter, rebuild
from ._paths import Path, text_of, walk
from ._place import below, resolve, whole
from ._ties import groups, write_tie
from ._writing import put


def tie(*places: Any) -> Any:
    """Make Parameters one: one number, one gradient, one row in the summary.

    Parameters
    ----------
    places
        Two or more places of one tree (or one place with several Parameters). The first Parameter's value, transform,
        prior and flag become everyone's.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If there are fewer than two Parameters, their shapes or dtypes differ, or a place is elements of one.
    PlaceError
        If the places of a list are in different trees.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.SquaredExponential() + gp.kernels.Matern32()
    >>> k = gp.tie(k.at.kernels[0].lengthscales, k.at.kernels[1].lengthscales)
    >>> float(gp.assign(k.at.kernels[1].lengthscales, 0.5).kernels[0].lengthscales)
    0.5
    """
    tree, targets = resolve(list(places) if len(places) != 1 else places[0])
    whole(targets, "tie")
    named = walk(tree)[0]
    chosen = {path for path, leaf in below(tree, targets) if isinstance(leaf, Parameter)}
    joined = [i for i, n in enumerate(named) if n.path in chosen]
    for members in groups(named, strict=False):
        if set(members) & set(joined):
            joined += [i for i in members if i not in joined]
    if len(joined) < 2:
        raise ValueError("tie: expected at least two Parameters")
    first = next(i for t in targets for i in joined if named[i].path[: len(t.path)] == t.path)
    joined = [first, *sorted(i for i in joined if i != first)]
    one = named[first].leaf
    for i in joined:
        other = named[i].leaf
        if other.shape != one.shape or other.dtype != one.dtype:
            raise ValueError(
                f"tie: {text_of(named[first].path)!r} is {one.dtype}{list(one.shape)} and "
                f"{text_of(named[i].path)!r} is {other.dtype}{list(other.shape)}; tied Parameters have one shape and dtype"
            )
    edits: dict[Path, Any] = {}
    write_tie(named, joined, lambda i, p: edits.__setitem__(named[i].path, p))
    return put(tree, edits)


def untie(where: Any) -> Any:
    """Take Parameters out of their ties; each keeps its value and goes its own way.

    Parameters
    ----------
    where
        A place, a list of places, or a tree: all Parameters at or below it.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If no Parameter there is tied, or a place is elements of one.
    PlaceError
        If the places of a list are in different trees.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.SquaredExponential()
    >>> twice = k + k
    >>> gp.untie(twice.at.kernels[1]).kernels[1].variance
    Parameter(1., transform=Softplus)
    """
    tree, targets = resolve(where)
    whole(targets, "untie")
    tied = [(path, p) for path, p in below(tree, targets) if isinstance(p, Parameter) and p._spec.tie is not None]
    if not tied:
        raise ValueError("untie: no Parameter there is tied")
    return put(tree, {path: rebuild(p.unconstrained, p._spec.replace(tie=None)) for path, p in tied})
