"""Natural gradients for the Gaussians of variational models, alone or in turn with an optax optimiser of the rest."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from ..parameters import Flat, Parameter, at, combine, multiple_assign, parameter_dict, set_trainable
from ._optax import all_finite, optax_step, read_steps
from ._problem import Problem
from ._solver import Outcome, Reporter, Solver
from ._steps import Pace, Task, take_steps
from ._stream import Stream
from ._xi import XiNat, XiTransform


@final
@dataclasses.dataclass(frozen=True)
class NaturalGradient(Solver):
    r"""Natural-gradient steps for variational Gaussians :math:`q(u) = N(m, S)`; between them, optax steps for the rest.

    A step of length :math:`\gamma` goes along the gradient by the expectation parameters :math:`\eta`, seen in the
    parametrisation :math:`\xi`:

    .. math:: \xi \leftarrow \xi - \gamma\, \frac{d\xi}{d\theta} \frac{dF}{d\eta}, \qquad
        \theta = (S^{-1} m, -\tfrac12 S^{-1}), \quad \eta = (m, S + m m^\top)

    It is steepest descent where distance is that between the Gaussians themselves; with a Gaussian likelihood one step of
    gamma 1 is exact. Where a step would leave the cone of positive definite matrices, it is tried again with gamma halved,
    and the message says how often that was.

    It acts on exactly the pairs named in `variables`, whatever their trainable flag; without names, on those that are
    trainable. All else moves if it is trainable and `rest` is given: each step is then a natural-gradient step, and after
    it one of `rest` at the new point, on the same batch.

    Parameters
    ----------
    gamma
        Length of a step: a number, or an optax schedule (a function of the step's number).
    rest
        Optax optimiser of all other trainable Parameters; None lets them be.
    variables
        Pairs (q_mu, q_sqrt) of means [M, L] and lower triangular roots [L, M, M] (or standard deviations [M, L]), each a
        place or a path in the model; a third item is the pair's own `xi`. By default all trainable pairs of those two
        names.
    xi
        Parametrisation of the step: `XiNat`, or `XiSqrtMeanVar`.
    steps
        Number of steps.
    batch_size
        Rows of `data` to a step, as for `Optax`.
    max_halvings
        How often gamma is halved in one step at most; then the pair stays where it is.
    every
        Steps between two reports to a callback or a progress bar.

    Raises
    ------
    ValueError
        If there is no step to take, gamma is not positive, or `variables` holds what is not a pair. From `fit`: if there is
        no such pair, its shapes don't belong together, it is frozen in part, or, without names, none is free.
    TypeError
        If `rest` is not an optax optimiser, or `variables` names a pair by Parameters in the place of places or paths, or
        holds a third item that is no parametrisation.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice: Non-Conjugate Variational Inference in
    Gaussian Process Models*; Hensman, Fusi & Lawrence (2013) for the exact step.

    Examples
    --------
    A Gaussian approximation of a Gaussian, in one step:

    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> q = {"q_mu": gp.Parameter([[0.0]]), "q_sqrt": gp.Parameter([[[1.0]]], transform=gp.triangular())}
    >>> def loss(q):  # -E[log N(u; 3, 4)] - H[q]
    ...     m, L = q["q_mu"].value[0, 0], q["q_sqrt"].value[0, 0, 0]
    ...     return ((m - 3.0) ** 2 + L**2) / 8.0 - jnp.log(L)
    >>> solver = gp.fitting.NaturalGradient(gamma=1.0, steps=1)
    >>> model = gp.fit(q, loss, solver=solver).model
    >>> print(model["q_mu"].value, model["q_sqrt"].value)
    [[3.]] [[[2.]]]

    With Adam for kernel and likelihood, for a model whose loss takes batches:

    >>> import optax
    >>> solver = gp.fitting.NaturalGradient(0.1, rest=optax.adam(0.01), steps=2000, batch_size=256)
    """

    takes_batches: ClassVar[bool] = True
    gamma: float | optax.Schedule
    rest: optax.GradientTransformation | None = None
    variables: Sequence[tuple] | None = None
    xi: XiTransform = XiNat()  # noqa: RUF009
    steps: int = 1000
    batch_size: int | None = None
    max_halvings: int = 20
    every: int = 50

    def __post_init__(self) -> None:
        read_steps("NaturalGradient", self.steps, self.batch_size, self.every)
        if not callable(self.gamma) and not self.gamma > 0.0:
            raise ValueError(f"NaturalGradient: expected gamma above 0, got {self.gamma}")
        if self.rest is not None and not isinstance(self.rest, optax.GradientTransformation):
            raise TypeError(f"NaturalGradient: expected rest to be an optax optimiser, got {self.rest!r}")
        if self.variables is not None:
            object.__setattr__(self, "variables", tuple(_read_entry(entry) for entry in self.variables))

    @property
    def max_steps(self) -> int:
        """Number of steps."""
        return self.steps

    def minimize(self, problem: Problem, reporter: Reporter, key: Key[Array, ""] | None) -> Outcome:
        """Take all steps, unless the loss stops being finite."""
        pairs = _find_pairs(combine(problem.flat.params, problem.flat.static), self.variables, self.xi)
        resident = problem.with_data(None) if isinstance(problem.data, Stream) else problem
        task = _NaturalTask(_without(resident, pairs), pairs, self.gamma, self.rest, self.max_halvings)
        pace = Pace(self.steps, self.batch_size, self.every)
        out = take_steps(task, pace, problem.data, reporter, key)
        return out._replace(build=lambda home, point: _build(home, pairs, point))


class Pair(NamedTuple):
    m: str
    s: str
    xi: XiTransform


class _Point(NamedTuple):
    named: dict[str, Array]  # constrained values of the pairs, by path
    rest: Array | None  # all else that is trainable, as one vector


class _State(NamedTuple):
    rest: Any
    backed_off: Array  # number of steps in which gamma was halved
    least: Array  # smallest gamma of such a step


@final
class _NaturalTask(Task):
    problem: Problem  # of all that is trainable beside the pairs
    pairs: tuple[Pair, ...] = eqx.field(static=True)
    gamma: Any = eqx.field(static=True)
    optimizer: optax.GradientTransformation | None = eqx.field(static=True)
    max_halvings: int = eqx.field(static=True)

    def start(self) -> tuple[_Point, _State]:
        found = parameter_dict(combine(self.problem.flat.params, self.problem.flat.static))
        named = {path: found[path].value for pair in self.pairs for path in (pair.m, pair.s)}
        moves = self.optimizer is not None and self.problem.flat.params
        rest = self.problem.flat.vector() if moves else None
        state = None if self.optimizer is None or rest is None else self.optimizer.init(rest)
        dtype = jnp.result_type(*named.values())
        return _Point(named, rest), _State(state, jnp.zeros((), int), jnp.asarray(jnp.inf, dtype))

    def step(self, point: Any, state: Any, batch: Any, k: Array) -> tuple[Any, Any, Float[Array, ""], Array]:
        loss, grads = jax.value_and_grad(self._loss)(point.named, point.rest, batch)
        finite = all_finite(loss, grads)
        with jax.numpy_dtype_promotion("standard"):  # schedules mix dtypes
            gamma = jnp.asarray(self.gamma(k) if callable(self.gamma) else self.gamma).astype(state.least.dtype)
        named, used = dict(point.named), gamma
        for m, s, xi in self.pairs:
            named[m], named[s], own = back_off(
                xi, gamma, named[m], named[s], grads[m], grads[s], finite, self.max_halvings
            )
            used = jnp.minimum(used, own)
        halved = finite & (used < gamma)
        state = state._replace(
            backed_off=state.backed_off + halved.astype(int),
            least=jnp.where(halved, jnp.minimum(state.least, used), state.least),
        )
        if self.optimizer is None or point.rest is None:
            return _Point(named, point.rest), state, loss, finite
        rest, own, _, fine = optax_step(
            self.optimizer, lambda x, batch: self._loss(named, x, batch), point.rest, state.rest, batch
        )
        return _Point(named, rest), state._replace(rest=own), loss, finite & fine

    def model(self, point: Any) -> Any:
        return multiple_assign(self._base(point.rest), point.named)

    def remark(self, state: Any) -> str:
        count = int(state.backed_off)
        if not count:
            return ""
        return f"; gamma was halved in {count} of them, down to {float(state.least):.2g}, to stay in the cone"

    def _base(self, rest: Array | None) -> Any:
        return self.problem.model(self.problem.flat.params if rest is None else rest)

    def _loss(self, named: Mapping[str, Array], rest: Array | None, batch: Any) -> Float[Array, ""]:
        return self.problem.evaluate(multiple_assign(self._base(rest), named), batch)


def back_off(
    xi: XiTransform, gamma: Array, m: Array, s: Array, grad_m: Array, grad_s: Array, finite: Array, max_halvings: int
) -> tuple[Array, Array, Array]:
    """Step with gamma, or with the first half, quarter, ... of it that stays in the cone; the last item is that."""
    step = xi.step if s.ndim == 3 else xi.step_diagonal

    def attempt(carry: tuple) -> tuple:
        k, gamma, *_ = carry
        new_m, new_s = step(gamma, m, s, grad_m, grad_s)
        inside = all_finite(new_m, new_s)
        return k + 1, jnp.where(inside, gamma, 0.5 * gamma), new_m, new_s, inside

    def going(carry: tuple) -> Array:
        return finite & ~carry[-1] & (carry[0] <= max_halvings)

    _, used, new_m, new_s, inside = jax.lax.while_loop(going, attempt, (0, gamma, m, s, jnp.zeros((), bool)))
    return jnp.where(inside, new_m, m), jnp.where(inside, new_s, s), jnp.where(inside, used, 0.0)


# ---- which Parameters

_MEAN = re.compile(r"(^|\.|\[')q_mu('\]|$)$")


def _find_pairs(model: Any, variables: Sequence[tuple] | None, xi: XiTransform) -> tuple[Pair, ...]:
    found = parameter_dict(model)
    if variables is None:
        pairs = _default_pairs(model, found, xi)
    else:
        pairs = [Pair(_only(m, at(model, m)), _only(s, at(model, s)), *(own or (xi,))) for m, s, *own in variables]
    for pair in pairs:
        check_pair(pair, found[pair.m], found[pair.s])
    names = [path for pair in pairs for path in pair[:2]]
    if len(set(names)) != len(names):
        raise ValueError(f"NaturalGradient: a Parameter is named twice: {names}")
    return tuple(pairs)


def _default_pairs(model: Any, found: Mapping[str, Any], xi: XiTransform) -> list[Pair]:
    """All pairs q_mu and q_sqrt, but those that are frozen."""
    names = {path: _MEAN.sub(r"\g<1>q_sqrt\g<2>", path) for path in found if _MEAN.search(path)}
    pairs = [Pair(mean, root, xi) for mean, root in names.items() if root in found]
    if not pairs:
        raise ValueError(
            f"NaturalGradient: this {type(model).__name__} has no pair of Parameters q_mu and q_sqrt; name them with "
            "variables=[(mean, root)]"
        )
    free = []
    for pair in pairs:
        flags = [found[path].trainable for path in pair[:2]]
        if flags[0] != flags[1]:
            frozen, other = (pair.m, pair.s) if flags[1] else (pair.s, pair.m)
            raise ValueError(
                f"NaturalGradient: {frozen!r} is frozen and {other!r} is not, and a step moves both or none. Free or "
                f"freeze both, or say that both are to move: variables=[({pair.m!r}, {pair.s!r})]"
            )
        free += [pair] if flags[0] else []
    if not free:
        raise ValueError(
            f"NaturalGradient: {pairs[0].m!r} and {pairs[0].s!r} are frozen. Free them, or say that they are to move all "
            f"the same: variables=[({pairs[0].m!r}, {pairs[0].s!r})]"
        )
    return free


def _read_entry(entry: Any) -> tuple[Any, ...]:
    """One item of `variables`; places become paths, which hold for the next model too."""
    if not isinstance(entry, tuple | list) or len(entry) not in (2, 3):
        raise ValueError(f"NaturalGradient: expected variables to hold pairs (q_mu, q_sqrt), got {entry!r}")
    if any(isinstance(where, Parameter) for where in entry[:2]):
        raise TypeError(
            "NaturalGradient: a Parameter doesn't know where it is in its model; name it by place or path, such as "
            "model.at.q_mu or 'q_mu'"
        )
    if len(entry) == 3 and not isinstance(entry[2], XiTransform):
        raise TypeError(f"NaturalGradient: expected the third item to be XiNat() or XiSqrtMeanVar(), got {entry[2]!r}")
    named = [where if isinstance(where, str) or callable(where) else _only(where, where) for where in entry[:2]]
    return (*named, *entry[2:])


def _only(where: Any, place: Any) -> str:
    """Path of the one Parameter at a place."""
    paths = [path for path, p in parameter_dict(place).items() if isinstance(p, Parameter)]
    if len(paths) != 1:
        raise ValueError(f"NaturalGradient: expected {where!r} to be one Parameter, and it is {paths or 'none'}")
    return paths[0]


def check_pair(pair: Pair, m: Any, s: Any) -> None:
    for path, p in ((pair.m, m), (pair.s, s)):
        if p.frozen_elements is not None:
            raise ValueError(f"NaturalGradient: {path!r} is frozen in part, and a step moves all of it or nothing")
    shape = tuple(m.shape)
    if len(shape) != 2 or s.shape not in (shape, (shape[1], shape[0], shape[0])):
        raise ValueError(
            f"NaturalGradient: expected {pair.m!r} of shape [M, L] and {pair.s!r} of [L, M, M] (roots) or [M, L] "
            f"(standard deviations), got {shape} and {tuple(s.shape)}"
        )


def _without(problem: Problem, pairs: tuple[Pair, ...]) -> Problem:
    """The problem of what is trainable beside the pairs."""
    model = combine(problem.flat.params, problem.flat.static)
    for pair in pairs:
        model = set_trainable([at(model, pair.m), at(model, pair.s)], False)
    return Problem(Flat(model), problem.loss, problem.data, problem.mesh)


def _build(home: Problem, pairs: tuple[Pair, ...], point: _Point) -> Any:
    """The model as it came, flags and all, at the point."""
    model = combine(home.flat.params, home.flat.static)
    if point.rest is not None:
        moved = _without(home, pairs).flat.unravel(point.rest)
        model = combine({**home.flat.params, **moved}, home.flat.static)
    return multiple_assign(model, point.named)
