"""GPflow's utilities: each names Parameters and lets the functional core, or the cells, do the rest."""

import copy
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..models import principal_components
from ..parameters import print_summary as core_print_summary
from ..parameters import tabulate
from ._arrays import map_containers, to_tensor
from ._config import default_float, default_int, default_summary_fmt
from ._gather import gather
from ._naming import described, listed
from ._nodes import Node, branches, parameters_below, roots, walk
from ._parameter import Parameter, Variable


def set_trainable(model: Any, flag: Any) -> Any:
    """Freeze Parameters, or let them train again, in place.

    Parameters
    ----------
    model
        A Parameter, a module (all below it), or an iterable of these.
    flag
        True or False.

    Returns
    -------
    The new functional model: of the outermost module that holds what was named, or a tuple of them where several do.

    Raises
    ------
    TypeError
        If the flag is not a Boolean, or something named is neither Parameter nor module.
    ValueError
        If there is no Parameter below a module.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> k = gpflow.kernels.RBF()
    >>> gpflow.set_trainable(k.lengthscales, False).lengthscales
    Parameter(1., transform=Softplus, trainable=False)
    >>> k.lengthscales.trainable
    False
    """
    targets = [model] if isinstance(model, Node | Parameter | Variable) else listed(model)
    for target in targets:
        if not isinstance(target, Node | Parameter | Variable):
            raise TypeError(f"set_trainable: expected a Parameter or a module, got {described(target)}")
        if not parameters_below([target]):
            raise ValueError(f"set_trainable: {type(target).__name__} has no Parameter at or below it")
    cells = [p for target in targets for p in parameters_below([target])]
    for p in cells:
        p.trainable = flag
    tops = {id(r): r for t in targets for r in roots(t.parameter if isinstance(t, Variable) else t)}
    models = tuple(_functional(r) for r in tops.values())
    return models[0] if len(models) == 1 else models


def _functional(obj: Any) -> Any:
    return obj.functional()


def parameter_dict(module: Any) -> dict[str, Parameter]:
    """Return the Parameters by path; a shared one comes at each of its paths.

    Parameters
    ----------
    module
        A stateful module.

    Returns
    -------
    Path, such as ``".kernel.variance"``, to Parameter.

    Raises
    ------
    TypeError
        If it is a functional module.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> list(gpflow.utilities.parameter_dict(gpflow.kernels.RBF()))
    ['.variance', '.lengthscales']
    """
    if isinstance(module, eqx.Module):
        raise TypeError(f"parameter_dict: expected a stateful module, got {described(module)}")
    return {path: p for path, p in walk(module) if isinstance(p, Parameter)}


def select_dict_parameters_with_prior(model: Any) -> dict[str, Parameter]:
    """Return the Parameters that have a prior, by path.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.select_dict_parameters_with_prior(gpflow.kernels.RBF())
    {}
    """
    return {path: p for path, p in parameter_dict(model).items() if p.prior is not None}


def read_values(module: Any) -> dict[str, np.ndarray]:
    """Return the constrained values by path, as NumPy arrays; what `multiple_assign` takes.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> {path: float(v) for path, v in gpflow.utilities.read_values(gpflow.kernels.RBF(2.0)).items()}
    {'.variance': 2.0, '.lengthscales': 1.0}
    """
    return {path: np.asarray(p.numpy()) for path, p in parameter_dict(module).items()}


def multiple_assign(module: Any, parameters: Mapping[str, Any]) -> None:
    """Assign to many Parameters by path, in place; all or none.

    Parameters
    ----------
    module
        A stateful module.
    parameters
        Path to value, as `read_values` or `parameter_dict` return it.

    Raises
    ------
    KeyError
        If a path is not in the module.
    ValueError, TypeError
        As for ``Parameter.assign``.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> k = gpflow.kernels.RBF()
    >>> gpflow.utilities.multiple_assign(k, {".variance": 3.0})
    >>> float(k.variance)
    3.0
    """
    cells = parameter_dict(module)
    lacking = [path for path in parameters if path not in cells]
    if lacking:
        raise KeyError(f"multiple_assign: {lacking} are not in this {type(module).__name__}; it has {', '.join(cells)}")
    old = {path: cells[path]._held for path in parameters}
    try:
        for path, value in parameters.items():
            cells[path].assign(value)
    except (TypeError, ValueError):
        for path, held in old.items():
            cells[path].put(held)
        raise


def print_summary(module: Any, fmt: str | None = None) -> None:
    """Print the table of Parameters.

    Parameters
    ----------
    module
        A stateful module.
    fmt
        As for `gparams.print_summary`; ``"notebook"`` shows a table in a notebook. By default that of the settings.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.print_summary(gpflow.kernels.White())
    name            class      transform    prior    trainable    shape    dtype      value
    --------------  ---------  -----------  -------  -----------  -------  -------  -------
    White.variance  Parameter  Softplus              True         ()       float64        1
    """
    core_print_summary(gather(module), default_summary_fmt() if fmt is None else fmt)


def tabulate_module_summary(module: Any, tablefmt: str | None = None) -> str:
    """Return the table of Parameters as text.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> "White.variance" in gpflow.utilities.tabulate_module_summary(gpflow.kernels.White())
    True
    """
    return tabulate(gather(module), default_summary_fmt() if tablefmt is None else tablefmt)


def deepcopy(input_module: Any, memo: dict | None = None) -> Any:
    """Return a copy that shares nothing with the original.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> k = gpflow.kernels.RBF()
    >>> other = gpflow.utilities.deepcopy(k)
    >>> other.variance.assign(5.0)
    >>> float(k.variance)
    1.0
    """
    return copy.deepcopy(input_module, memo)


def freeze(input_module: Any) -> Any:
    """Return a copy whose Parameters are plain arrays: nothing in it trains, or can be assigned to.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.freeze(gpflow.kernels.RBF()).trainable_variables
    ()
    """
    copied = copy.deepcopy(input_module)
    for _, node in list(walk(copied)):
        if isinstance(node, Node):
            for step, child in branches(node):
                setattr(node, step[1:], _as_arrays(child))
    return copied


def _as_arrays(value: Any) -> Any:
    if isinstance(value, Parameter):
        return jnp.asarray(value.value)
    return map_containers(_as_arrays, value) if isinstance(value, list | tuple | dict) else value


def to_default_float(x: Any) -> Any:
    """Make an array of the default floating dtype.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.to_default_float(1).dtype
    dtype('float64')
    """
    return jnp.asarray(x.value if isinstance(x, Parameter) else x).astype(default_float())


def to_default_int(x: Any) -> Any:
    """Make an array of the default integer dtype.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.to_default_int(1.0).dtype
    dtype('int32')
    """
    return jnp.asarray(x).astype(default_int())


def is_variable(t: Any) -> bool:
    """Whether `t` is something that an optimiser can move.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.is_variable(gpflow.Parameter(1.0))
    True
    """
    return isinstance(t, Parameter | Variable)


def triangular_size(n: Any) -> Any:
    """Return the number of entries of a triangular matrix of n rows.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.triangular_size(3)
    6
    """
    return n * (n + 1) // 2


def pca_reduce(X: Any, latent_dim: Any) -> Any:
    """Project the centred rows of X [N, D] on the leading eigenvectors of their covariance, the foremost last.

    It is where GPflow's GPLVM starts. `gparams.models.principal_components` has unit variances, and the foremost first.

    Raises
    ------
    ValueError
        If there are fewer columns than latent dimensions.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.utilities.ops.pca_reduce([[1.0, 0.0], [-1.0, 0.0], [0.0, 1e-3]], 1).shape
    (3, 1)
    """
    X = np.asarray(X)
    scores = principal_components(X, latent_dim)
    deviations = np.linalg.norm((X - X.mean(0)).T @ scores, axis=0) / len(X)
    return to_tensor(jnp.asarray((scores * deviations)[:, ::-1]))


def data_input_to_tensor(structure: Any) -> Any:
    """Turn NumPy arrays and numbers, also in containers, into JAX arrays.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> X, Y = gpflow.models.util.data_input_to_tensor((np.ones(2), np.ones(2)))
    >>> X.dtype
    dtype('float64')
    """

    def one(x: Any) -> Any:
        return jnp.asarray(x, default_float()) if isinstance(x, float | int) else jnp.asarray(x)

    return map_containers(one, structure)
