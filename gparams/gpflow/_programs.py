"""Closures over stateful objects, as pure functions of numbers: traced once, and compiled once for each structure.

While the closure is traced, the Parameters that it reads hold traced arrays, and are given their own numbers back after
it: swap in, call, swap out. Which Parameters, modules and variables it read is noted on the way. Numbers are inputs of
the compiled function, so an assignment needs no new one; what was compiled for another structure (a flag, a prior, a
kernel that has been replaced) is not used again until that structure is back.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..parameters import rebuild
from ._arrays import arrays_in
from ._captures import Captured, Untraceable
from ._fingerprint import fingerprint
from ._gather import is_custom, plain
from ._moving import Moving, hold
from ._naming import described, listed
from ._nodes import Node, attributes, holds_state, parameters_below, roots, walk
from ._parameter import Parameter, Variable
from ._tracking import epoch, recording

_PROGRAMS = 8  # kept for each closure


class Program:
    """A closure and the variables to move, traced for one structure.

    Parameters
    ----------
    captured
        The closure and what it captures.
    cells
        The Parameters to move.
    """

    def __init__(self, captured: Captured, cells: Sequence[Parameter]):
        self.captured, self.cells = captured, tuple(cells)
        self.closure = captured.closure
        self.moving = Moving(self.cells)
        self.kept: dict[Any, Any] = {}  # functions compiled from this one
        guess = {id(x): x for _, x in walk([*captured.nodes, *(r for c in cells for r in roots(c))])}
        self._lay_out(guess)
        with recording() as read:
            jax.eval_shape(self.loss, self.moving.params(), self.inputs())
        self.unused = [c for c in self.cells if id(c) not in read]
        self._lay_out({**{id(c): c for c in self.cells}, **read})
        self.nodes = [x for x in read.values() if isinstance(x, Node)]
        self.custom = [node for node in self.nodes if is_custom(node)]
        self.signature = self._signature()
        self.epoch = epoch()

    def _lay_out(self, objects: dict[int, Any]) -> None:
        moved = {id(c) for c in self.cells}
        self.others = [x for x in objects.values() if isinstance(x, Parameter) and id(x) not in moved]
        self.arrays = [
            (node, name)
            for node in objects.values()
            if isinstance(node, Node)
            for name, value in attributes(node).items()
            if arrays_in(value)
        ]

    def _signature(self) -> Any:
        return (
            tuple((c._held._spec, c._held.unconstrained.shape) for c in (*self.cells, *self.others)),
            tuple(node._facts.version for node in self.nodes),
            tuple(fingerprint(_plain_state(node)) for node in self.custom),
        )

    def valid(self) -> bool:
        """Whether the structure is the one that it was traced for."""
        if self.epoch == epoch() and not self.custom:
            return True
        if self._signature() != self.signature:
            return False
        self.epoch = epoch()
        return True

    # ---- inputs: what is moved, and all other numbers that the closure reads

    def inputs(self, captured: Captured | None = None) -> tuple[list[Any], list[Any], list[Any]]:
        """The numbers of all else that the closure reads: Parameters, arrays of modules, captured variables."""
        own = () if self.moving.whole else self.cells  # of a partly frozen Parameter, the frozen elements are inputs
        cells = [c._held.unconstrained for c in (*own, *self.others)]
        arrays = [arrays_in(node.__dict__[name]) for node, name in self.arrays]
        found = self.captured if captured is None else captured
        return cells, arrays, [_numbers(value) for value in found.arrays()]

    def loss(self, params: Any, inputs: tuple[list[Any], list[Any], list[Any]]) -> jax.Array:
        """Call the closure with these numbers in place: a pure function."""
        with self._installed(params, inputs):
            value = plain(self.closure())
        value = jnp.asarray(value)
        if value.size != 1:
            raise ValueError(f"the loss closure must return one number, and returned shape {value.shape}; take its sum")
        return value.reshape(())

    @contextlib.contextmanager
    def _installed(self, params: Any, inputs: tuple[list[Any], list[Any], list[Any]]) -> Iterator[None]:
        numbers, arrays, captured = inputs
        everything = (*self.cells, *self.others)
        old = [c._held for c in everything]
        old_arrays = [node.__dict__[name] for node, name in self.arrays]
        count = 0 if self.moving.whole else len(self.cells)
        moved = self.moving.moved(params, numbers[:count] or None)
        try:
            for c, held in zip(self.cells, moved, strict=True):
                hold(c, held)
            for c, u in zip(self.others, numbers[count:], strict=True):
                hold(c, rebuild(u, c._held._spec))
            for (node, name), value, leaves in zip(self.arrays, old_arrays, arrays, strict=True):
                node.__dict__[name] = _refilled(value, leaves)
            values = [_refilled(v, n) for v, n in zip(self.captured.arrays(), captured, strict=True)]
            with self.captured.swapped(values):
                yield
        finally:
            for c, held in zip(everything, old, strict=True):
                hold(c, held)
            for (node, name), value in zip(self.arrays, old_arrays, strict=True):
                node.__dict__[name] = value

    # ---- what is compiled

    def compiled(self, name: Any, make: Callable[[], Any]) -> Any:
        """Return the function of that name; made once."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    @property
    def value_and_grad(self) -> Any:
        """Loss and gradient, compiled."""
        return self.compiled("value and gradient", lambda: jax.jit(jax.value_and_grad(self.loss)))


def _plain_state(node: Node) -> dict[str, Any]:
    return {name: value for name, value in attributes(node).items() if not holds_state(value)}


def _numbers(value: Any) -> list[Any]:
    return [jnp.asarray(a) for a in _every_array(value)]


def _every_array(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [a for v in value for a in _every_array(v)]
    if isinstance(value, dict):
        return [a for v in value.values() for a in _every_array(v)]
    return (
        [value]
        if isinstance(value, jax.Array) or (isinstance(value, np.ndarray) and value.dtype.kind in "fiub")
        else []
    )


def _refilled(value: Any, leaves: list[Any]) -> Any:
    """`value` with other arrays in the places of its arrays, in order."""
    queue = iter(leaves)

    def one(x: Any) -> Any:
        return next(queue) if _every_array(x) else x

    return _map(one, value)


def _map(fn: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list | tuple):
        parts = [_map(fn, v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {key: _map(fn, v) for key, v in value.items()}
    return fn(value)


# ---- finding one that is compiled already


def cells_of(variables: Any) -> tuple[Parameter, ...]:
    """The Parameters that a user named as variables: variables, Parameters, or modules, each once."""
    cells: dict[int, Parameter] = {}
    for v in [variables] if isinstance(variables, Parameter | Variable | Node) else listed(variables):
        if not isinstance(v, Parameter | Variable | Node):
            raise TypeError(
                f"variables: expected model.trainable_variables, or a list of Parameters, got {described(v)}"
            )
        for p in parameters_below([v]):
            cells[id(p)] = p
    if not cells:
        raise ValueError("variables: nothing to train; set_trainable(parameter, True) lets a Parameter train")
    return tuple(cells.values())


def trainable_cells(variables: Any) -> tuple[Parameter, ...]:
    """The Parameters that an optimiser moves of those that a user named: a frozen one stays where it is."""
    named = cells_of(variables)
    cells = tuple(c for c in named if c.trainable)
    if not cells:
        raise ValueError(
            f"variables: nothing to train, all {len(named)} that were given are frozen; set_trainable(parameter, True) "
            "lets a Parameter train"
        )
    return cells


def program_for(closure: Callable[[], Any], cells: tuple[Parameter, ...]) -> tuple[Program, Captured]:
    """Return the closure's program for the present structure, and what it captures now.

    Raises
    ------
    Untraceable
        If the closure gives another result at each call by itself.
    """
    captured = Captured(closure)
    programs = cells[0]._facts.programs
    key = (captured.key, tuple(c._facts.serial for c in cells))
    known = programs.setdefault(key, [])
    for program in known:
        if program.valid():
            return program, captured
    program = Program(captured, cells)
    known.append(program)
    del known[:-_PROGRAMS]
    while len(programs) > 8 * _PROGRAMS:
        del programs[next(iter(programs))]
    return program, captured


def value_and_grad(closure: Callable[[], Any], variables: Any) -> tuple[Any, list[Any]]:
    """Return a loss and its gradient with respect to variables: what a loop with a gradient tape computes.

    Parameters
    ----------
    closure
        A function without arguments that returns the loss, such as ``model.training_loss``.
    variables
        ``model.trainable_variables``, or a list of variables or Parameters.

    Returns
    -------
    loss
        A number.
    gradients
        One array for each variable, of its unconstrained shape.

    Raises
    ------
    TypeError
        If `variables` holds anything else.
    ValueError
        If there is no variable, or the loss is not one number.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> p = gpflow.Parameter(3.0)
    >>> loss, (gradient,) = gpflow.value_and_grad(lambda: p**2, [p])
    >>> print(loss, gradient)
    9.0 6.0
    """
    cells = cells_of(variables)
    loss, gradients = evaluate(closure, cells)
    return loss, list(gradients.values())


def evaluate(closure: Callable[[], Any], cells: tuple[Parameter, ...]) -> tuple[Any, dict[str, Any]]:
    """Loss and gradients by path, in the order of the Parameters."""
    try:
        program, captured = program_for(closure, cells)
    except Untraceable:
        program, captured = once(closure, cells)
        loss, gradients = jax.value_and_grad(program.loss)(program.moving.params(), program.inputs(captured))
    else:
        loss, gradients = program.value_and_grad(program.moving.params(), program.inputs(captured))
    return loss, {key: gradients[key] for key in program.moving.keys}


def once(closure: Callable[[], Any], cells: tuple[Parameter, ...]) -> tuple[Any, Any]:
    """Make a program that is not kept, for a closure that must be called afresh at each step."""
    return Uncompiled(closure, cells), None


class Uncompiled:
    """A closure that is called at each evaluation, nothing of it kept.

    Parameters
    ----------
    closure
        Any function without arguments.
    cells
        The Parameters to move.
    """

    def __init__(self, closure: Callable[[], Any], cells: Sequence[Parameter]):
        self.closure, self.moving = closure, Moving(cells)
        self.unused: list[Parameter] = []

    def inputs(self, captured: Any = None) -> tuple[()]:
        """Nothing: the closure reads everything by itself."""
        return ()

    def loss(self, params: Any, inputs: Any) -> jax.Array:
        """Call the closure with these numbers in place."""
        old = [c._held for c in self.moving.cells]
        try:
            for c, held in zip(self.moving.cells, self.moving.moved(params), strict=True):
                hold(c, held)
            return jnp.asarray(plain(self.closure())).reshape(())
        finally:
            for c, held in zip(self.moving.cells, old, strict=True):
                hold(c, held)

    @functools.cached_property
    def value_and_grad(self) -> Any:
        """Loss and gradient."""
        return jax.value_and_grad(self.loss)
