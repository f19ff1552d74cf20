"""The verbs: each takes a place (or a whole tree) and returns a new tree with one thing changed.

They are atomic: a verb that raises has changed nothing, since nothing is changed in place.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ._entry import read_same_shape
from ._parameter import (
    Buffer,
    Parameter,
    PriorOn,
    check_shape,
    hold_prior,
    read_flag,
    read_space,
    rebuild,
    with_transform,
    with_value,
)
from ._paths import Path, get
from ._place import Place, Target, at, below, describe, parts, resolve, without_buffers
from ._spec import Mask
from ._tfp import tfb, tfd
from ._transforms import elementwise
from ._writing import write

Tree = TypeVar("Tree")


def set_trainable(where: Any, trainable: bool) -> Any:
    """Freeze Parameters, or let them train again.

    Only trainable Parameters ever reach an optimiser, so weight decay, momentum or clipping can't move a frozen one.

    Parameters
    ----------
    where
        A place, a list of places, or a tree: all Parameters at or below it. Elements (``at(m).Z[:5]``) are frozen one by
        one.
    trainable
        True or False.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If there is no Parameter at or below the place, it is a Buffer, or elements of a Parameter whose transform mixes
        elements.
    TypeError
        If the flag is not a Boolean.
    PlaceError
        If the places of a list are in different trees.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential()
    >>> kernel = gp.set_trainable(kernel.at.lengthscales, False)
    >>> kernel.lengthscales
    Parameter(1., transform=Softplus, trainable=False)
    """
    flag = read_flag(trainable, "set_trainable")
    tree, targets = resolve(where)
    edits: dict[Path, Any] = {}
    for target in without_buffers(tree, targets):
        node = get(tree, target.path)
        if isinstance(node, Buffer):
            raise ValueError(f"{describe(target)!r} is a Buffer, which is never trained; only Parameters are")
        leaves = below(tree, (target,))
        found = [(path, p) for path, p in leaves if isinstance(p, Parameter)]
        if not found:
            raise ValueError(_nothing_to_train(target, node, leaves))
        for path, p in found:
            p = edits.get(path, p)
            spec = p._spec.replace(trainable=flag, mask=None) if target.index is None else _masked(p, target, flag)
            edits[path] = rebuild(p.unconstrained, spec)
    return write(tree, edits)


def _nothing_to_train(target: Target, node: Any, leaves: list[tuple[Path, Any]]) -> str:
    name = describe(target) or type(node).__name__
    if any(eqx.is_inexact_array(leaf) for _, leaf in leaves):
        return (
            f"{name!r} holds arrays and no Parameter: only Parameters are trained or frozen, plain arrays are facts. "
            "gp.parametrize(tree) turns the arrays of a foreign module into Parameters."
        )
    return f"{name!r} ({type(node).__name__}) has no Parameter at or below it: nothing to train or freeze"


def _masked(p: Parameter, target: Target, flag: bool) -> Any:
    spec = p._spec
    if not elementwise(spec.transform):
        raise ValueError(
            f"{describe(target)!r}: the transform {spec.transform} mixes elements, so that none can be held while the "
            "others move. Freeze the whole Parameter, or give it a transform that acts on each element."
        )
    if spec.mask is not None and spec.mask.shape != p.shape:
        raise ValueError(
            f"{describe(target)!r}: this is a batch of models of shape {p.shape}, whose frozen elements were chosen before "
            f"they were stacked, out of {spec.mask.shape}. Unstack them, freeze, and stack them again."
        )
    frozen = np.full(p.shape, not spec.trainable) if spec.mask is None else np.array(spec.mask.frozen)
    frozen[target.index] = not flag
    if frozen.all() or not frozen.any():
        return spec.replace(trainable=not frozen.any(), mask=None)
    return spec.replace(trainable=True, mask=Mask(frozen))


def assign(where: Any, value: Any) -> Any:
    """Set the constrained value of a Parameter, a Buffer or an array.

    Parameters
    ----------
    where
        A place; several Parameters (a glob) all get the value. Elements take a value of their own shape, or a number for
        them all.
    value
        Number or array of exactly the shape that is there.

    Returns
    -------
    The new tree. All places tied to the Parameter are set.

    Raises
    ------
    ValueError
        If the shape differs, or the value is NaN, infinite, or outside the transform's domain; the message names the
        path, the value and the domain.
    TypeError
        If the value is not numeric, or the place is a module.
    PlaceError
        If the places of a list are in different trees.

    Notes
    -----
    Inside `jit` the value is traced and can't be looked at: shapes are checked there, domains are not.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential(lengthscales=[1.0, 2.0])
    >>> gp.assign(kernel.at.lengthscales[0], 0.1).lengthscales
    Parameter([0.1 2. ], transform=Softplus)
    """
    tree, targets = resolve(where)
    edits: dict[Path, Any] = {}
    for target in targets:
        node = edits.get(target.path, get(tree, target.path))
        edits[target.path] = _assigned(node, target, value)
    return write(tree, edits)


def _assigned(node: Any, target: Target, value: Any) -> Any:
    name = describe(target)
    if not (isinstance(node, Parameter | Buffer) or eqx.is_array(node) or isinstance(node, np.ndarray)):
        raise TypeError(
            f"{name!r} is a {type(node).__name__}, and only a Parameter, a Buffer or an array has a value to assign. "
            "gp.replace(place, node) puts in another node."
        )
    old = node.value if isinstance(node, Parameter | Buffer) else node
    new = _new_value(old, target, value, name)
    if isinstance(node, Parameter):
        return with_value(node, new, what=name or "Parameter")
    return Buffer(new) if isinstance(node, Buffer) else new


def _new_value(old: Any, target: Target, value: Any, name: str) -> Any:
    if not jnp.issubdtype(old.dtype, jnp.floating):  # a Buffer or array of integers or Booleans
        new = jnp.asarray(value)
        shape = old.shape if target.index is None else old[target.index].shape
        if new.shape != shape or not jnp.can_cast(new.dtype, old.dtype):
            raise ValueError(f"{name}: expected {old.dtype}{list(shape)}, got {new.dtype}{list(new.shape)}")
        new = new.astype(old.dtype)
    elif target.index is None:
        return read_same_shape(value, tuple(old.shape), old.dtype, what=name or "value")
    else:
        part = tuple(old[target.index].shape)
        if (jnp if eqx.is_array(value) else np).ndim(value) == 0:
            value = jnp.full(part, value)
        new = read_same_shape(value, part, old.dtype, what=name)
    return new if target.index is None else jnp.asarray(old).at[target.index].set(new)


def multiple_assign(tree: Tree, values: Mapping[str, Any]) -> Tree:
    """Assign to many places at once, by path; all or none.

    Parameters
    ----------
    tree
        Any tree with Parameters.
    values
        Path to value, as `read_values` returns it. A value that is a Parameter (as `parameter_dict` returns) gives its
        number.

    Returns
    -------
    The new tree.

    Raises
    ------
    PlaceError
        If a path is not in the tree.
    ValueError, TypeError
        As for `assign`.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.multiple_assign(gp.kernels.Matern52(), {"variance": 2.0, "lengthscales": 0.5})
    >>> {name: float(v) for name, v in gp.read_values(kernel).items()}
    {'variance': 2.0, 'lengthscales': 0.5}
    """
    edits: dict[Path, Any] = {}
    for text, value in values.items():
        value = value.value if isinstance(value, Parameter | Buffer) else value
        for target in parts(at(tree, text))[1]:
            edits[target.path] = _assigned(get(tree, target.path), target, value)
    return write(tree, edits)


def update(where: Any, fn: Callable[[Any], Any]) -> Any:
    """Apply a function to what stands at a place, and put the result there.

    Parameters
    ----------
    where
        A place. The function gets the value of a Parameter, a Buffer or an array (or elements of one), and the node
        itself where a module stands.
    fn
        From the old value to the new one, of the same shape.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError, TypeError, PlaceError
        As for `assign`.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential(lengthscales=2.0)
    >>> gp.update(kernel.at.lengthscales, lambda x: x / 2).lengthscales
    Parameter(1., transform=Softplus)
    """
    tree, targets = resolve(where)
    edits: dict[Path, Any] = {}
    for target in targets:
        node = edits.get(target.path, get(tree, target.path))
        if isinstance(node, Parameter | Buffer) or eqx.is_array(node):
            value = node.value if isinstance(node, Parameter | Buffer) else node
            value = value if target.index is None else value[target.index]
            edits[target.path] = _assigned(node, target, fn(value))
        else:
            edits[target.path] = fn(node)
    return write(tree, edits)


def replace(where: Any, node: Any) -> Any:
    """Put another node in a place: a kernel for a kernel, a Parameter for a Parameter.

    Parameters
    ----------
    where
        A place.
    node
        What to put there: taken as it is, unchecked. Only a number or an array in the place of a Parameter or a Buffer
        becomes its value, as with `assign`, so that the Parameter and its facts stay.

    Returns
    -------
    The new tree.

    Raises
    ------
    TypeError
        If `where` is not a place, or is elements of a Parameter; or if `node` is a class.
    ValueError, PlaceError
        As for `assign`.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential() + gp.kernels.Matern32()
    >>> type(gp.replace(kernel.at.kernels[1], gp.kernels.Matern52()).kernels[1]).__name__
    'Matern52'
    """
    if not isinstance(where, Place | list | tuple):
        raise TypeError("replace: expected a place such as model.at.kernel")
    tree, targets = resolve(where)
    if isinstance(node, type):
        raise TypeError(f"replace: expected an object, got the class {node.__name__}; call it: {node.__name__}(...)")
    for target in targets:
        if target.index is not None:
            raise TypeError(f"replace: {describe(target)!r} is elements of an array; assign sets them")
    numeric = isinstance(node, bool | int | float | np.ndarray | np.generic) or eqx.is_array(node)
    edits: dict[Path, Any] = {}
    for target in targets:
        keeps = numeric and isinstance(get(tree, target.path), Parameter | Buffer)
        edits[target.path] = _assigned(get(tree, target.path), target, node) if keeps else node
    return write(tree, edits)


def set_prior(where: Any, prior: tfd.Distribution | None, prior_on: PriorOn = "constrained") -> Any:
    """Put a prior on Parameters, or take it off with None.

    Parameters
    ----------
    where
        A place: one Parameter, or several by a glob.
    prior
        TFP distribution over the elements of the value, in its unit; None for no prior.
    prior_on
        Space in which it is a density: ``"constrained"`` or ``"unconstrained"``.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If the prior is over arrays of a shape that the Parameter does not have, or `prior_on` is neither of the two.
    TypeError
        If the prior is not a TFP distribution, or the place is not a Parameter.
    PlaceError
        If the places of a list are in different trees.

    Examples
    --------
    >>> import gparams as gp
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> kernel = gp.kernels.SquaredExponential()
    >>> gp.set_prior(kernel.at.variance, tfd.Gamma(2.0, 1.0)).variance
    Parameter(1., transform=Softplus, prior=Gamma)
    """
    space = read_space(prior_on, "prior_on")

    def edit(p: Parameter, name: str) -> Parameter:
        held = None if prior is None else hold_prior(prior, p.dtype)
        if held is not None:
            check_shape(held, p.shape if space == "constrained" else tuple(p.unconstrained.shape), name)
        return rebuild(p.unconstrained, p._spec.replace(prior=held, prior_on=space))

    return _edit_parameters(where, edit, "set_prior")


def set_transform(where: Any, transform: tfb.Bijector | None) -> Any:
    """Give Parameters another transform, and keep their constrained values.

    Parameters
    ----------
    where
        A place: one Parameter, or several by a glob.
    transform
        TFP bijector, such as ``gp.bounded(0.1, 10.0)``; None for the identity.

    Returns
    -------
    The new tree.

    Raises
    ------
    ValueError
        If the present value is outside the new transform's domain, or the transform mixes elements and some are frozen.
    TypeError
        If the transform is not a TFP bijector, or the place is not a Parameter.
    PlaceError
        If the places of a list are in different trees.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.SquaredExponential()
    >>> gp.set_transform(kernel.at.lengthscales, gp.bounded(0.1, 10.0)).lengthscales
    Parameter(1., transform=Sigmoid)
    """
    return _edit_parameters(where, lambda p, name: with_transform(p, transform, name), "set_transform")


def _edit_parameters(where: Any, edit: Callable[[Parameter, str], Parameter], verb: str) -> Any:
    tree, targets = resolve(where)
    edits: dict[Path, Any] = {}
    for target in without_buffers(tree, targets):
        node = get(tree, target.path)
        name = describe(target)
        if not isinstance(node, Parameter) or target.index is not None:
            what = "elements of a Parameter" if target.index is not None else f"a {type(node).__name__}"
            raise TypeError(
                f"{verb}: {name!r} is {what}, expected a Parameter. For all below a module use a glob: '{name or ''}.**'"
            )
        edits[target.path] = edit(node, name or "Parameter")
    return write(tree, edits)
