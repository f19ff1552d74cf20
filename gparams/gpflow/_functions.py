"""GPflow's free functions on stateful objects, and the two that users extend: `Kuu` and `Kuf`."""

import functools
from collections.abc import Callable
from typing import Any

from .. import inducing_variables
from ._gather import gather
from ._module import argument, present, shell_of, stateful


def shelled(core: Callable[..., Any], **given: Callable[[], Any]) -> Callable[..., Any]:
    """Make a function of stateful objects from a functional one; `given` are arguments that GPflow takes from elsewhere."""

    @functools.wraps(core)
    def call(*args: Any, **kwargs: Any) -> Any:
        extra = {name: make() for name, make in given.items() if name not in kwargs}
        return present(core(*(argument(a) for a in args), **{k: argument(v) for k, v in kwargs.items()}, **extra))

    return call


class Dispatcher:
    """A covariance of inducing variables that users extend by type, as GPflow's multiple dispatch does.

    Parameters
    ----------
    name
        ``"Kuu"`` or ``"Kuf"``: the method of the inducing variables that does the work.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import jax.numpy as jnp
    >>> from gparams.gpflow.covariances import Kuu
    >>> class Fixed(gpflow.inducing_variables.InducingVariables):
    ...     num_inducing = 2
    >>> @Kuu.register(Fixed, gpflow.kernels.Kernel)
    ... def _(inducing_variable, kernel, *, jitter=None):
    ...     return jnp.eye(2)
    >>> Kuu(Fixed(), gpflow.kernels.RBF()).shape
    (2, 2)
    """

    def __init__(self, name: str):
        self.name = name
        self.__name__ = name

    def register(self, *types: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a function for types of inducing variables and of kernels; tuples of types count each."""
        first, second = (t if isinstance(t, tuple) else (t,) for t in types[:2])

        def add(fn: Callable[..., Any]) -> Callable[..., Any]:
            for variables in first:
                for kernel in second:
                    _register(variables, self.name, kernel, fn)
            return fn

        return add

    def __call__(self, inducing_variable: Any, kernel: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the covariance."""
        if kwargs.get("jitter", 0.0) is None:
            kwargs["jitter"] = 0.0
        return present(getattr(gather(inducing_variable), self.name)(gather(kernel), *map(argument, args), **kwargs))


def _register(variables: type, name: str, kernel: type, fn: Callable[..., Any]) -> None:
    table = vars(variables).get("_registered")
    if table is None:
        table = variables._registered = {}  # type: ignore[attr-defined]
    if name not in table:
        table[name] = {}
        setattr(variables, name, _dispatching(name, table[name], getattr(variables, name)))
    table[name][kernel] = fn


def _dispatching(name: str, table: dict[type, Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The method that asks the table for the kernel's type, and then the method that was there before."""

    def call(self: Any, kernel: Any, *args: Any, **kwargs: Any) -> Any:
        kernel = stateful(kernel)
        fn = next((table[t] for t in type(kernel).__mro__ if t in table), None)
        return fn(self, kernel, *args, **kwargs) if fn is not None else otherwise(self, kernel, *args, **kwargs)

    call.__name__ = name
    return call


Kuu = Dispatcher("Kuu")
Kuf = Dispatcher("Kuf")


def inducingpoint_wrapper(inducing_variable: Any) -> Any:
    """Return inducing variables: what came, if it is that, and inducing points of an array.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> type(gpflow.models.util.inducingpoint_wrapper(np.ones((2, 1)))).__name__
    'InducingPoints'
    """
    base = shell_of(inducing_variables.InducingVariables)
    if isinstance(inducing_variable, base):
        return inducing_variable
    return shell_of(inducing_variables.InducingPoints)(inducing_variable)
