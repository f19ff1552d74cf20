"""Module: an Equinox module that knows places, and in which a shared Parameter stays shared."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.tree_util as jtu

from ._paths import is_leaf
from ._place import at
from ._summary import tabulate
from ._ties import tie_aliases


class Module(eqx.Module):
    """Base class of models made of Parameters: an `equinox.Module` with two additions.

    ``m.at`` is ``gp.at(m)``; and a Parameter object that the finished module holds in two places is tied there, so that
    it stays one through `jit`, `tree_map` and training.

    Examples
    --------
    >>> import gparams as gp
    >>> class Line(gp.Module):
    ...     slope: gp.Parameter
    ...     offset: gp.Parameter
    ...
    ...     def __init__(self, slope, offset):
    ...         self.slope = gp.Parameter(slope)
    ...         self.offset = gp.Parameter(offset)
    ...
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line(2.0, 1.0)
    >>> print(gp.assign(line.at.offset, 5.0)(10.0))
    25.0
    """

    def __check_init__(self) -> None:
        for field in dataclasses.fields(self):
            declared = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
            value = getattr(self, field.name, None)
            if declared.rpartition(".")[2] == "Parameter" and not is_leaf(value) and eqx.is_array_like(value):
                raise TypeError(
                    f"{type(self).__name__}.{field.name} is declared as a Parameter, and holds a plain number or array: "
                    f"make one of it in __init__, self.{field.name} = gp.as_parameter({field.name}, transform=...)"
                )
        tied = tie_aliases(self)
        if tied is not self:
            for key, value in jtu.tree_flatten_with_path(tied, is_leaf=lambda x: x is not tied)[0]:
                object.__setattr__(self, key[0].name, value)  # still under construction: nobody has seen it yet

    @property
    def at(self) -> Any:
        """The place of this module, to navigate from: ``m.at.kernel.lengthscales``."""
        return at(self)

    def _repr_html_(self) -> str:
        return tabulate(self, "html")
