"""Module, and the stateful classes that are made from the functional ones.

`shell_of` turns a functional class into a stateful one: its fields become attributes that can be set, its methods and
properties are called on the functional object that `gather` builds from what the attributes hold at the call. Nothing
is computed here.
"""

import contextlib
import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..models import Float32Warning
from ..parameters import Module as CoreModule
from ..parameters import Parameter as Held
from ..parameters import parameters, tabulate
from ._arrays import map_containers, to_tensor
from ._config import config, default_summary_fmt
from ._defaults import in_default_style, next_key
from ._gather import Record, field_names, gather, gather_apart
from ._nodes import Computed, Node, parameters_below, place, snake_case, walk
from ._parameter import Parameter, Variable
from ._snapshot import snapshot
from ._tfp import is_distribution
from ._tracking import note


class Module(Node):
    """A mutable module: attributes that hold Parameters, other modules, or anything else.

    Subclass it as in GPflow; calling ``super().__init__()`` is not needed.

    Parameters
    ----------
    name
        A name to print; by default the class's.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> class Line(gpflow.Module):
    ...     def __init__(self):
    ...         self.slope = gpflow.Parameter(2.0)
    ...
    ...     def __call__(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line.slope.assign(3.0)
    >>> print(line(2.0), len(line.trainable_variables))
    6.0 1
    """

    _core: type = CoreModule
    name = Computed(snake_case, "The name that the constructor was given, or that of the class in snake_case.")

    def __init__(self, name: str | None = None):
        name_of(self, name)

    def __init_subclass__(cls) -> None:
        """Let what a user's method returns answer to `.numpy()`, where it is one of the functional class's methods."""
        if "_core" in vars(cls):
            return
        for name, value in list(vars(cls).items()):
            if inspect.isfunction(value) and callable(getattr(cls._core, name, None)) and not _is_python(name):
                setattr(cls, name, _presented(value))

    def __setattr__(self, name: str, value: Any) -> None:
        if _is_class(value) and _holds_object(self, name):
            raise TypeError(
                f"{type(self).__name__}.{name}: expected an object, got the class {value.__name__}; call it: "
                f"{value.__name__}(...)"
            )
        if isinstance(value, eqx.Module) and parameters(value):
            value = stateful(value)
        if is_distribution(value) and name == "prior":
            raise AttributeError(
                f"{type(self).__name__}.prior: a prior belongs to a Parameter and not to a module (GPflow takes this and "
                "does nothing). Set it on one: module.variance.prior = ..."
            )
        Node.__setattr__(self, name, value)

    # ---- both ways

    def functional(self) -> Any:
        """Return the functional object that this one stands for now: a PyTree, which no later change reaches."""
        return gather(snapshot(self))

    # ---- what GPflow's modules list

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All Parameters, each once."""
        return parameters_below(self)

    @property
    def trainable_parameters(self) -> tuple[Parameter, ...]:
        """The trainable Parameters."""
        return tuple(p for p in parameters_below(self) if p.trainable)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The unconstrained variables of all Parameters."""
        return tuple(Variable(p) for p in parameters_below(self))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """What an optimiser moves: the unconstrained variables of the trainable Parameters."""
        return tuple(Variable(p) for p in self.trainable_parameters)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """The unconstrained variables of the frozen Parameters."""
        return tuple(Variable(p) for p in parameters_below(self) if not p.trainable)

    @property
    def submodules(self) -> tuple["Module", ...]:
        """All modules below this one."""
        found = {id(x): x for _, x in walk(self, ordered=True) if isinstance(x, Module) and x is not self}
        return tuple(found.values())

    @property
    def trainable(self) -> bool:
        """Whether any Parameter here is trainable; setting it sets them all."""
        return any(p.trainable for p in parameters_below(self))

    @trainable.setter
    def trainable(self, flag: Any) -> None:
        for p in parameters_below(self):
            p.trainable = flag

    def __reduce__(self) -> tuple:
        cls = type(self)
        maker = (new_shell, (cls._core,)) if "_core" in vars(cls) and cls is not Module else (new_node, (cls,))
        return *maker, self.__getstate__()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} object>"

    def _repr_html_(self) -> str:
        return tabulate(gather(self), "html")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        fmt = default_summary_fmt()
        printer.text(f"{self!r}\n{tabulate(gather(self), None if fmt == 'notebook' else fmt)}")


def _is_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Node | eqx.Module)


def _holds_object(node: Module, name: str) -> bool:
    """Whether an attribute is one that the library reads, or holds a module already."""
    core = type(node)._core
    known = name in field_names(core) or name in getattr(core, "__abstractvars__", ())
    return known or isinstance(vars(node).get(name), Node)


def name_of(obj: Any, name: str | None) -> None:
    """Give an object the name that its constructor was given, if any."""
    if name is not None:
        obj.name = name


def construct(obj: Module, core: type, args: tuple, kwargs: dict[str, Any]) -> None:
    """Fill a stateful object as the constructor of its functional class fills that.

    A module among the arguments becomes the attribute itself, so that it is shared; a Parameter gives its value and
    facts to a new one (GPflow's rule).
    """
    record: Record = {}
    given = set(inspect.signature(core).parameters) if "jitter" not in kwargs and config().jitter is not None else ()
    if "jitter" in given:
        kwargs = {**kwargs, "jitter": config().jitter}
    with as_asked():
        made = _make(core, record, args, kwargs)
    for name in field_names(core):
        place(obj, name, stateful(getattr(made, name), record, new=True))


@contextlib.contextmanager
def as_asked() -> Iterator[None]:
    """Keep quiet about float32 where it is the default that the user has set."""
    with warnings.catch_warnings():
        if np.dtype(config().float) != np.float64:
            warnings.simplefilter("ignore", Float32Warning)
        yield


def _make(core: type, record: Record, args: tuple, kwargs: dict[str, Any]) -> Any:
    return core(*(gather_apart(a, record) for a in args), **{k: gather_apart(v, record) for k, v in kwargs.items()})


# ---- from functional to stateful


def stateful(value: Any, record: Record | None = None, *, new: bool = False) -> Any:
    """Return the stateful object of a functional one: of any Module, with its Parameters as mutable ones.

    Parameters
    ----------
    value
        A functional module or Parameter, or containers of them; anything else comes back as it is.
    record
        Functional objects that have a stateful one already.
    new
        Whether Parameters are given the dtype and the positive transform of `gpflow.config`.

    Returns
    -------
    The stateful object, with a `functional` method for the way back. Tied Parameters become one.

    Examples
    --------
    >>> import gparams as gp
    >>> import gparams.gpflow as gpflow
    >>> k = gp.stateful(gp.kernels.SquaredExponential())
    >>> k.variance.assign(2.0)
    >>> k.functional()
    SquaredExponential(
      variance=Parameter(2., transform=Softplus),
      lengthscales=Parameter(1., transform=Softplus),
      active_dims=None
    )
    """
    return _Crossing({} if record is None else record, new)(value)


class _Crossing:
    def __init__(self, record: Record, new: bool):
        self.record, self.new = record, new
        self.tied: dict[Any, Parameter] = {}

    def __call__(self, value: Any) -> Any:
        if id(value) in self.record:
            return self.record[id(value)][1]
        if isinstance(value, Held):
            return self._cell(value)
        if isinstance(value, eqx.Module):
            origin = value.__dict__.get("_origin")
            if origin is None:
                node = new_node(shell_of(type(value)))
            else:  # an adaptor: its plain Python state is that of the object behind it
                node = new_node(type(origin.obj))
                node.__setstate__(origin.obj.__getstate__())
            for name in field_names(type(value)):
                if name in value.__dict__ and name != "_origin":
                    place(node, name, self(value.__dict__[name]))
            self.record[id(value)] = (value, node)
            return node
        return map_containers(self, value) if isinstance(value, list | tuple | dict) else value

    def _cell(self, held: Held) -> Parameter:
        tie = held._spec.tie
        key = None if tie is None else (tie.places, id(held.unconstrained))
        if key in self.tied:
            return self.tied[key]
        cell = Parameter.__new__(Parameter)
        cell.__setstate__({"_held": held if tie is None else as_free(held), "name": "parameter"})
        if self.new:
            cell.put(in_default_style(cell._held))
        if key is not None:
            self.tied[key] = cell
        return cell


def as_free(held: Held) -> Held:
    """A Parameter out of its ties: where it is shared, the stateful cell is one object."""
    return Held(held)


def present(value: Any, record: Record | None = None) -> Any:
    """What the shell hands out: arrays that answer to `.numpy()`, and stateful objects (those of `record`, if there)."""

    def one(x: Any) -> Any:
        if isinstance(x, jax.Array):
            return to_tensor(x)
        return stateful(x, record) if isinstance(x, eqx.Module) else x

    return map_containers(one, value) if isinstance(value, list | tuple | dict) else one(value)


def _presented(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return present(method(*args, **kwargs))

    return call


def _is_python(name: str) -> bool:
    return name[:2] == "__" and name != "__call__"


# ---- making the classes

_shells: "weakref.WeakKeyDictionary[type, type]" = weakref.WeakKeyDictionary({CoreModule: Module, eqx.Module: Module})
EXTRAS: dict[type, dict[str, Any]] = {}  # what GPflow's class has besides: functional class to names and values


def shell_of(core: type) -> type:
    """Return the stateful class of a functional class; made once, with a base for each of the functional one's."""
    if core not in _shells:
        bases = tuple(shell_of(b) for b in core.__bases__ if issubclass(b, eqx.Module)) or (Module,)
        bases = tuple(b for b in dict.fromkeys(bases) if not any(o is not b and issubclass(o, b) for o in bases))
        _shells[core] = type(Module)(core.__name__, bases, _namespace(core))
    return _shells[core]


def _namespace(core: type) -> dict[str, Any]:
    room = core.__module__.split(".")[1] if core.__module__.startswith("gparams.") else None
    names: dict[str, Any] = {
        "_core": core,
        "__doc__": core.__doc__,
        "__module__": core.__module__ if room is None else f"gparams.gpflow.{room}",
    }
    for name, value in vars(core).items():
        if name in field_names(core) or _is_python(name) or name in vars(CoreModule):
            continue
        found = getattr(core, name)
        if isinstance(value, property):
            names[name] = _Property(name, value)
        elif inspect.isfunction(found) and not isinstance(value, staticmethod | classmethod):
            names[name] = method(name, found)
        elif name[0] != "_" and not callable(value) and not isinstance(value, staticmethod | classmethod):
            names[name] = value  # a fact that the class states
    for name in field_names(core):
        names[name] = _Field(name)
    if not is_abstract(core):
        names["__init__"] = _constructor(core)
    return {**names, **EXTRAS.get(core, {})}


def is_abstract(core: type) -> bool:
    """Whether a functional class is a base for others, and can't be made."""
    return inspect.isabstract(core) or bool(getattr(core, "__abstractvars__", ()))


def _constructor(core: type) -> Callable[..., None]:
    def __init__(self: Module, *args: Any, name: str | None = None, **kwargs: Any) -> None:
        construct(self, core, args, kwargs)
        name_of(self, name)

    __init__.__signature__ = inspect.signature(core.__init__)  # type: ignore[attr-defined]
    return __init__


def new_node(cls: type) -> Any:
    """Make an object of a stateful class without its constructor."""
    return Node.__new__(cls)


def new_shell(core: type) -> Any:
    """Make an object of the stateful class of a functional class; pickles name library classes by this."""
    return new_node(shell_of(core))


class _Field:
    """An attribute of a library class: arrays read from it answer to `.numpy()`."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        if obj is None:
            return self
        try:
            return readable(obj.__dict__[self.name])
        except KeyError:
            raise AttributeError(f"{type(obj).__name__} has no {self.name!r} yet") from None

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self.name] = READERS.get(self.name, lambda v: v)(value)

    def __delete__(self, obj: Any) -> None:
        del obj.__dict__[self.name]


READERS: dict[str, Callable[[Any], Any]] = {}  # how the value of an attribute is read, as its constructor would


def readable(value: Any) -> Any:
    """Arrays, also in containers, as arrays that answer to `.numpy()`."""
    return map_containers(to_tensor, value) if isinstance(value, list | tuple | dict) else to_tensor(value)


def argument(value: Any) -> Any:
    """What a functional method is given for an argument of a stateful one."""
    value = gather(value)
    return map_containers(_array, value) if isinstance(value, list | tuple) else _array(value)


def _array(value: Any) -> Any:
    return jnp.asarray(value) if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" else value


class _Property:
    """A property of the functional object; an object's own attribute of that name goes before it.

    Where it returns a part of the functional object, what is handed out is the stateful object which that part was
    gathered from, so that a change of it is a change of this one.
    """

    def __init__(self, name: str, core: property):
        self.name, self.core, self.__doc__ = name, core, core.__doc__

    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        if obj is None:
            return self
        record: Record = {}
        core = gather_apart(obj, record)
        if getattr(self.core, "__isabstractmethod__", False) or self.core.fget is None:
            return present(getattr(core, self.name), record)
        return present(self.core.fget(core), record)


def method(name: str, core_method: Callable[..., Any]) -> Callable[..., Any]:
    """Make the stateful form of a functional class's method: it is called on what is gathered."""
    signature = inspect.signature(core_method)
    abstract = getattr(core_method, "__isabstractmethod__", False)
    wants_key, wants_jitter = "key" in signature.parameters, "jitter" in signature.parameters

    @functools.wraps(core_method)
    def call(self: Module, *args: Any, **kwargs: Any) -> Any:
        note(self)
        if wants_key and "key" not in kwargs:
            kwargs["key"] = next_key()
        if wants_jitter and "jitter" not in kwargs and config().jitter is not None:
            kwargs["jitter"] = config().jitter
        core = gather(self)
        # The functional class's own method, and not what a user's class has over it: `super().K(X)` comes here.
        bound = getattr(core, name) if abstract else functools.partial(core_method, core)
        return present(bound(*(argument(a) for a in args), **{k: argument(v) for k, v in kwargs.items()}))

    return call
