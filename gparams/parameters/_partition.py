"""Only the free elements of trainable Parameters ever reach an optimiser: cutting a model in two, and gradients."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array

from ._parameter import Parameter, rebuild
from ._paths import Named, refuse_opaque, text_of, walk
from ._ties import groups, same_numbers

Tree = TypeVar("Tree")


def partition(tree: Tree) -> tuple[dict[str, Array], Tree]:
    """Cut a tree into what an optimiser moves and all the rest.

    Parameters
    ----------
    tree
        Any PyTree with Parameters.

    Returns
    -------
    params
        Flat dictionary from path to unconstrained array, in order of declaration: the trainable Parameters only, of a
        partly frozen one just the free elements (flat), of tied ones just the first.
    static
        The tree without those numbers; a PyTree that can go through `jit`.

    Raises
    ------
    ValueError
        If one Parameter object sits in two places of a tree that has not tied them.
    TypeError
        If it is an object of gparams.gpflow, or a result that has a model.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential()
    >>> params, static = gp.partition(gp.set_trainable(kernel.at.lengthscales, False))
    >>> list(params)
    ['variance']
    """
    refuse_opaque(tree)
    named, treedef = walk(tree)
    refuse_aliases(named)
    params: dict[str, Array] = {}
    leaves = [leaf for _, leaf in named]
    for members in representatives(named):
        path, p = named[members[0]]
        _refuse_disagreement(named, members)
        mask = p._spec.mask
        params[text_of(path)] = p.unconstrained if mask is None else mask.gather(p.unconstrained)
        if mask is None:
            for i in members:
                leaves[i] = rebuild(None, named[i].leaf._spec)
    return params, jtu.tree_unflatten(treedef, leaves)


def combine(params: Mapping[str, Array], static: Tree) -> Tree:
    """Put the two halves of `partition` together again.

    Parameters
    ----------
    params
        Path to unconstrained array; exactly the keys that `partition` gave.
    static
        The other half (or the whole old tree, whose trainable numbers are then replaced).

    Returns
    -------
    The tree.

    Raises
    ------
    ValueError
        If a key is missing or left over.

    Examples
    --------
    >>> import gparams as gp
    >>> params, static = gp.partition(gp.kernels.SquaredExponential())
    >>> gp.combine(params, static).variance
    Parameter(1., transform=Softplus)
    """
    named, treedef = walk(static)
    leaves = [leaf for _, leaf in named]
    wanted = set()
    for members in representatives(named):
        path, p = named[members[0]]
        text = text_of(path)
        wanted.add(text)
        if text not in params:
            raise _wrong_keys(named, params)
        u = params[text] if p._spec.mask is None else p._spec.mask.scatter(p.unconstrained, params[text])
        for i in members:
            leaves[i] = rebuild(u, named[i].leaf._spec)
    if len(wanted) != len(params):
        raise _wrong_keys(named, params)
    return jtu.tree_unflatten(treedef, leaves)


def representatives(named: list[Named]) -> list[list[int]]:
    """Trainable Parameters as groups of indices into `named`: tied ones together, all others alone."""
    tied = {members[0]: members for members in groups(named)}
    partners = {i for members in tied.values() for i in members[1:]}
    return [
        tied.get(i, [i])
        for i, (_, leaf) in enumerate(named)
        if isinstance(leaf, Parameter) and leaf._spec.trainable and i not in partners
    ]


def _refuse_disagreement(named: list[Named], members: list[int]) -> None:
    first = named[members[0]]
    for i in members[1:]:
        if not same_numbers(first.leaf.unconstrained, named[i].leaf.unconstrained):
            a, b = text_of(first.path), text_of(named[i].path)
            raise ValueError(
                f"{a!r} and {b!r} are tied, and hold different numbers: one comes from another model. Say what they "
                f"are now: gp.tie(at(tree, {a!r}), at(tree, {b!r})) or gp.untie(at(tree, {b!r}))."
            )


def refuse_aliases(named: list[Named]) -> None:
    """Raise if one trainable Parameter object sits in two places that are not tied."""
    seen: dict[int, int] = {}
    for i, (path, leaf) in enumerate(named):
        if isinstance(leaf, Parameter) and leaf._spec.trainable:
            first = seen.setdefault(id(leaf), i)
            if first != i:
                a, b = text_of(named[first].path), text_of(path)
                raise ValueError(
                    f"{a!r} and {b!r} are one Parameter object in two places. JAX would train them apart: tie them with "
                    f"gp.tie(at(tree, {a!r}), at(tree, {b!r})), or make them two with gp.as_parameter."
                )


def _wrong_keys(named: list[Named], params: Mapping[str, Array]) -> ValueError:
    wanted = [text_of(named[members[0]].path) for members in representatives(named)]
    lacking = [key for key in wanted if key not in params]
    extra = [key for key in params if key not in wanted]
    return ValueError(
        f"combine: the keys of params are not the trainable Parameters of static. Missing: {lacking or 'none'}; left "
        f"over: {extra or 'none'}. After a change of flags, partition the model again."
    )


def filter_grad(fun: Callable[..., Any], *, has_aux: bool = False) -> Callable[..., Any]:
    """Differentiate a function of a model with respect to its trainable Parameters.

    Parameters
    ----------
    fun
        Takes the model first, returns a scalar (and with `has_aux` anything beside it).
    has_aux
        Whether `fun` returns a pair.

    Returns
    -------
    A function of the same arguments that returns the gradient with respect to the unconstrained arrays, as a dictionary
    of the form that `partition` gives (and the auxiliary value).

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential()
    >>> list(gp.filter_grad(lambda k: k.variance**2)(gp.set_trainable(kernel.at.lengthscales, False)))
    ['variance']
    """
    value_and_grad = filter_value_and_grad(fun, has_aux=has_aux)

    @functools.wraps(fun, assigned=("__name__", "__doc__"))
    def grad(model: Any, /, *args: Any, **kwargs: Any) -> Any:
        value, gradient = value_and_grad(model, *args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return grad


def filter_value_and_grad(fun: Callable[..., Any], *, has_aux: bool = False) -> Callable[..., Any]:
    """Like `filter_grad`, and return the value too: ``(value, gradient)`` or ``((value, aux), gradient)``.

    Parameters
    ----------
    fun
        Takes the model first, returns a scalar (and with `has_aux` anything beside it).
    has_aux
        Whether `fun` returns a pair.

    Returns
    -------
    A function of the same arguments.

    Examples
    --------
    >>> import gparams as gp
    >>> value, gradient = gp.filter_value_and_grad(lambda p: p**2)(gp.Parameter(3.0))
    >>> print(value, gradient[""])
    9.0 6.0
    """

    @functools.wraps(fun, assigned=("__name__", "__doc__"))
    def value_and_grad(model: Any, /, *args: Any, **kwargs: Any) -> Any:
        params, static = partition(model)

        def of_params(params: dict[str, Array]) -> Any:
            out = fun(combine(params, static), *args, **kwargs)
            return (jnp.asarray(out[0]), out[1]) if has_aux else jnp.asarray(out)

        value, gradient = jax.value_and_grad(of_params, has_aux=has_aux)(params)
        return value, {key: gradient[key] for key in params}  # JAX sorts the keys

    return value_and_grad


def apply_updates(model: Tree, updates: Mapping[str, Array]) -> Tree:
    """Add an optimiser's updates to the unconstrained arrays of the trainable Parameters.

    Parameters
    ----------
    model
        Any tree with Parameters.
    updates
        Path to array, as optax makes them from the gradients of `filter_grad`.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If a key is missing or left over, or an update has another shape.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> gp.apply_updates(gp.Parameter(1.0), {"": jnp.asarray(0.5)})
    Parameter(1.5)
    """
    params, static = partition(model)
    if set(params) != set(updates):
        raise _wrong_keys(walk(model)[0], updates)
    for key, u in params.items():
        if jnp.shape(updates[key]) != u.shape:
            raise ValueError(f"apply_updates: {key!r} has shape {u.shape}, and its update {jnp.shape(updates[key])}")
    moved = {key: jnp.asarray(u + updates[key], dtype=u.dtype) for key, u in params.items()}
    return combine(moved, static)


def trainable(tree: Tree) -> Tree:
    """Return the tree with a Boolean in place of each leaf: True where a trainable Parameter holds its array.

    For those who stay with `equinox.partition` and `equinox.filter_grad`.

    Parameters
    ----------
    tree
        Any PyTree with Parameters.

    Returns
    -------
    A PyTree of the same structure.

    Raises
    ------
    ValueError
        If a Parameter is frozen in part, or tied: one Boolean a leaf can't say so, and `partition` can.

    Examples
    --------
    >>> import equinox as eqx
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential()
    >>> kernel = gp.set_trainable(kernel.at.lengthscales, False)
    >>> diff, static = eqx.partition(kernel, gp.trainable(kernel))
    >>> diff.lengthscales.unconstrained is None
    True
    """
    named, treedef = walk(tree)
    tied = {i for members in groups(named) for i in members}
    leaves: list[Any] = []
    for i, (path, leaf) in enumerate(named):
        if not isinstance(leaf, Parameter):
            leaves.append(jtu.tree_map(lambda _: False, leaf))
            continue
        if leaf._spec.mask is not None or (i in tied and leaf._spec.trainable):
            what = "frozen in part" if leaf._spec.mask is not None else "tied"
            raise ValueError(
                f"trainable: {text_of(path)!r} is {what}, which a Boolean a leaf can't say; use gp.partition"
            )
        leaves.append(rebuild(leaf._spec.trainable, leaf._spec))
    return jtu.tree_unflatten(treedef, leaves)
