"""The mutable Parameter: a cell that holds a functional one, and the variable that an optimiser moves."""

import enum
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np

from ..parameters import ArrayManners, assign, log_prior, rebuild, set_prior, set_trainable, set_transform
from ..parameters import Parameter as Held
from ._arrays import Tensor, to_tensor
from ._config import default_float
from ._naming import name_of_cell, named_in_errors
from ._tracking import Facts, changed, is_recording, note


class PriorOn(enum.Enum):
    """The space in which a prior is a density.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.Parameter(1.0, prior_on=gpflow.base.PriorOn.UNCONSTRAINED).prior_on
    <PriorOn.UNCONSTRAINED: 'unconstrained'>
    """

    CONSTRAINED = "constrained"
    UNCONSTRAINED = "unconstrained"


def read_space(space: Any) -> Any:
    """The name of a space, from GPflow's enumeration or its text."""
    known: Any = PriorOn(space)
    return known.value


class Parameter(ArrayManners):
    """A parameter that is changed in place, with GPflow's signature.

    Everything about it (value, transform, prior, flag) is a functional `gparams.Parameter`; each method here puts
    another one in its place. It stands wherever an operator, NumPy or `jax.numpy` takes an array.

    Parameters
    ----------
    value
        Number, array, or another Parameter, which is copied with whatever is not given here.
    transform
        TFP bijector (of TFP's JAX substrate).
    prior
        TFP distribution.
    prior_on
        ``"constrained"`` or ``"unconstrained"``, or GPflow's `PriorOn`.
    trainable
        Whether optimisers move it.
    dtype
        Floating dtype; `gpflow.config.default_float()` unless given.
    name
        A name to print.
    unconstrained_shape, constrained_shape, shape
        Taken and not used: a Parameter's shape is that of its value.

    Raises
    ------
    TypeError, ValueError
        As for `gparams.Parameter`; setting `trainable`, `transform`, `prior` or `prior_on`, as for `gparams.set_trainable`,
        `gparams.set_transform` and `gparams.set_prior`.
    AttributeError
        If another attribute is set.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> p = gpflow.Parameter(2.0, transform=gpflow.utilities.positive())
    >>> p.assign(3.0)
    >>> p.numpy()
    array(3.)
    """

    __array_priority__ = 2000
    _facts: Facts
    _held: Held
    name: str

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        obj = object.__new__(cls)
        object.__setattr__(obj, "_facts", Facts())
        return obj

    def __init__(
        self,
        value: Any,
        *,
        transform: Any = None,
        prior: Any = None,
        prior_on: Any = None,
        trainable: bool | None = None,
        dtype: Any = None,
        name: str | None = None,
        unconstrained_shape: Any = None,
        constrained_shape: Any = None,
        shape: Any = None,
    ):
        if isinstance(value, Parameter):
            value, dtype = value._held, value.dtype if dtype is None else dtype
        dtype = default_float() if dtype is None else dtype
        space = None if prior_on is None else read_space(prior_on)
        held = Held(value, transform=transform, prior=prior, prior_on=space, trainable=trainable, dtype=dtype)
        object.__setattr__(self, "_held", held)
        object.__setattr__(self, "name", name or "parameter")

    # ---- reading

    @property
    def held(self) -> Held:
        """The functional Parameter that it holds now."""
        note(self)
        return self._held

    @property
    def value(self) -> Any:
        """The constrained value."""
        return self.held.value

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self._held.shape

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the value."""
        return self._held.dtype

    @property
    def unconstrained_variable(self) -> "Variable":
        """What an optimiser moves; the same object at each call, as far as ``==`` and ``hash`` go."""
        return Variable(self)

    @property
    def trainable_variables(self) -> tuple["Variable", ...]:
        """The variable, if it is trainable."""
        return (Variable(self),) if self.trainable else ()

    def read_value(self) -> Any:
        """Return the value as an array."""
        return to_tensor(self.value)

    def log_prior_density(self) -> Any:
        """Log density of the prior at the value; 0 without one."""
        return to_tensor(log_prior(self.held, include_frozen=True))

    # ---- writing

    def put(self, held: Held) -> None:
        """Hold another functional Parameter."""
        old = self._held
        object.__setattr__(self, "_held", held)
        if held._spec is not old._spec or held.unconstrained.shape != old.unconstrained.shape:
            changed(self._facts)

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> None:
        """Set the constrained value, in place.

        Raises
        ------
        ValueError, TypeError
            If the shape differs, or the value is NaN, infinite or outside the transform's domain. If the value is traced:
            a compiled closure can't write to a Parameter.
        """
        value = value.value if isinstance(value, Parameter | Variable) else value
        if isinstance(value, jax.core.Tracer) and is_recording():
            raise TypeError(
                "assign: the value is traced. A loss closure is compiled, and may read Parameters and not write them; "
                "assign outside of it."
            )
        with named_in_errors(self):
            self.put(assign(self._held, np.asarray(value) if isinstance(value, Tensor) else value))

    def assign_add(self, value: Any) -> None:
        """Add to the constrained value, in place."""
        self.assign(self.value + jnp.asarray(value, self.dtype))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the constrained value, in place."""
        self.assign(self.value - jnp.asarray(value, self.dtype))

    @property
    def trainable(self) -> bool:
        """Whether optimisers move it; may be set."""
        return self.held.trainable

    @trainable.setter
    def trainable(self, flag: Any) -> None:
        with named_in_errors(self):
            self.put(set_trainable(self._held, flag))

    @property
    def transform(self) -> Any:
        """The TFP bijector, None for the identity; may be set, and keeps the value."""
        return self.held.transform

    @transform.setter
    def transform(self, transform: Any) -> None:
        with named_in_errors(self):
            self.put(set_transform(self._held, transform))

    @property
    def bijector(self) -> Any:
        """The transform."""
        return self.held.transform

    @property
    def prior(self) -> Any:
        """The TFP distribution, or None; may be set."""
        return self.held.prior

    @prior.setter
    def prior(self, prior: Any) -> None:
        on: Any = self._held.prior_on
        with named_in_errors(self):
            self.put(set_prior(self._held, prior, on))

    @property
    def prior_on(self) -> PriorOn:
        """The space in which the prior is a density; may be set."""
        return PriorOn(self.held.prior_on)

    @prior_on.setter
    def prior_on(self, space: Any) -> None:
        facts = self._held._spec.replace(prior_on=read_space(space))
        self.put(rebuild(self._held.unconstrained, facts))

    def functional(self) -> Held:
        """Return the functional Parameter that it holds now."""
        return self.held

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(getattr(type(self), name, None), property) and name != "name":
            raise AttributeError(f"a Parameter has no attribute {name!r} to set; its value is set by p.assign(value)")
        object.__setattr__(self, name, value)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [x.value if isinstance(x, Parameter | Variable) else x for x in inputs]
        traced = any(isinstance(x, jax.core.Tracer) for x in plain)
        if traced or (method == "__call__" and not kwargs and any(isinstance(x, jax.Array) for x in plain)):
            return getattr(jnp, ufunc.__name__)(*plain, **kwargs)
        return getattr(ufunc, method)(*(np.asarray(x) for x in plain), **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"_held": self._held, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<Parameter: name={self.name}, {repr(self._held).removeprefix('Parameter(').removesuffix(')')}>"


class Variable(ArrayManners):
    """The unconstrained array of a Parameter: what ``trainable_variables`` lists and an optimiser moves."""

    __slots__ = ("parameter",)

    def __init__(self, parameter: Parameter):
        self.parameter = parameter

    @property
    def value(self) -> Any:
        """The unconstrained array."""
        return self.parameter.held.unconstrained

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the unconstrained array."""
        return tuple(self.parameter._held.unconstrained.shape)

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the array."""
        return self.parameter.dtype

    @property
    def name(self) -> str:
        """The Parameter's name."""
        return f"{self.parameter.name}:0"

    @property
    def trainable(self) -> bool:
        """The Parameter's flag."""
        return self.parameter.trainable

    def assign(self, value: Any) -> None:
        """Set the unconstrained array, in place.

        Raises
        ------
        ValueError
            If the shape differs.
        """
        held = self.parameter._held
        array = jnp.asarray(value, held.dtype)
        if array.shape != self.shape:
            name = name_of_cell(self.parameter)
            raise ValueError(f"{name}: expected an unconstrained array of shape {self.shape}, got {array.shape}")
        self.parameter.put(rebuild(array, held._spec))

    def assign_add(self, value: Any) -> None:
        """Add to the unconstrained array, in place."""
        self.assign(self.value + jnp.asarray(value, self.dtype))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the unconstrained array, in place."""
        self.assign(self.value - jnp.asarray(value, self.dtype))

    def read_value(self) -> Any:
        """Return the unconstrained array."""
        return to_tensor(self.value)

    def __hash__(self) -> int:
        return hash((Variable, self.parameter._facts.serial))

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Variable):
            return other.parameter is self.parameter
        return ArrayManners.__eq__(self, other)

    def __repr__(self) -> str:
        return f"<Variable {self.name!r} shape={self.shape} dtype={self.dtype}, numpy={self.numpy()}>"


# JAX's functions take what is a PyTree, and see the functional Parameter (or the array) that it holds.
def _only(_: None, children: Any) -> Any:
    return children[0]


jtu.register_pytree_node(Parameter, lambda p: ((p.held,), None), _only)
jtu.register_pytree_node(Variable, lambda v: ((v.value,), None), _only)
