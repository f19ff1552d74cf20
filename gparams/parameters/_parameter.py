"""Parameter and Buffer: the two kinds of leaf that a model is made of."""

import operator
from typing import Any, Literal, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import wadler_lindig
from jaxtyping import Array

from ._array_manners import ArrayManners
from ._entry import default_float, read_array, to_unconstrained
from ._held import Held, hold
from ._spec import Spec
from ._tfp import tfb, tfd
from ._transforms import elementwise, forward, forward_shape

PriorOn = Literal["constrained", "unconstrained"]


@final
class Parameter(ArrayManners, eqx.Module):
    r"""A number, vector or array that a model learns, or holds fixed.

    The optimiser moves `unconstrained`, the model reads `value`, and the transform :math:`g` stands between them:
    :math:`\text{value} = g(\text{unconstrained})`. That array is the Parameter's one PyTree leaf. Transform, prior and
    trainable flag are static: they never reach an optimiser, and equal ones share one compilation.

    A Parameter is immutable. It is changed by verbs that return a new model: `set_trainable`, `assign`, `set_prior`,
    `set_transform`, `tie`.

    It stands wherever an operator, NumPy or `jax.numpy` takes an array. `jax.lax` functions and `x[p]` take `p.value`.

    Parameters
    ----------
    value
        Number, array or nested list of the constrained value. Or a Parameter, which is copied, with whatever is not
        given here taken from it.
    transform
        A TFP bijector from the unconstrained to the constrained space, such as `positive()`; None is the identity.
    prior
        A TFP distribution over the elements of the value; None is no prior.
    prior_on
        The space in which `prior` is a density: ``"constrained"`` (the default) or ``"unconstrained"``.
    trainable
        Whether optimisers move it; True unless given.
    dtype
        Floating dtype. By default that of a floating array, and JAX's default float for all else.

    Raises
    ------
    TypeError
        If the value is not numeric, the transform or prior is not a TFP object, or the flag is not a Boolean.
    ValueError
        If the value is NaN, infinite, or outside the transform's domain; if the prior is over arrays of another shape, or
        `prior_on` is neither of the two.

    Examples
    --------
    >>> import gparams as gp
    >>> p = gp.Parameter([0.5, 2.0], transform=gp.positive())
    >>> p
    Parameter([0.5 2. ], transform=Softplus)
    >>> print(2 * p)
    [1. 4.]
    """

    unconstrained: Array
    _spec: Spec = eqx.field(static=True)

    # Equinox makes PyTrees of bound methods at each access to an attribute. Reading a thousand Parameters, that is half
    # the time, and nobody hands a Parameter's methods to jit.
    __getattribute__ = object.__getattribute__

    def __init__(
        self,
        value: Any,
        *,
        transform: tfb.Bijector | None = None,
        prior: tfd.Distribution | None = None,
        prior_on: PriorOn | None = None,
        trainable: bool | None = None,
        dtype: Any = None,
    ):
        facts = transform, prior, prior_on, trainable
        self.unconstrained, self._spec = _read(value, *facts, dtype, "Parameter")

    @property
    def value(self) -> Array:
        """The constrained value, ``transform(unconstrained)``."""
        if self.unconstrained is None:
            raise ValueError(
                "this Parameter holds no array: its model is the static half that `partition` returned. "
                "Put the halves together first: gp.combine(params, static)."
            )
        known = self.__dict__.get("_known")
        return forward(self._spec.transform, self.unconstrained) if known is None else known

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value, known without computing it."""
        return forward_shape(self._spec.transform, tuple(self.unconstrained.shape))

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the value."""
        return self.unconstrained.dtype

    @property
    def transform(self) -> tfb.Bijector | None:
        """The TFP bijector, or None for the identity."""
        held = self._spec.transform
        return None if held is None else held.obj

    @property
    def prior(self) -> tfd.Distribution | None:
        """The TFP distribution, or None."""
        held = self._spec.prior
        return None if held is None else held.obj

    @property
    def prior_on(self) -> str:
        """The space in which the prior is a density, ``"constrained"`` or ``"unconstrained"``."""
        return self._spec.prior_on

    @property
    def trainable(self) -> bool:
        """Whether optimisers move it. With an element mask: whether they move any element."""
        return self._spec.trainable

    @property
    def frozen_elements(self) -> np.ndarray | None:
        """Boolean array of the frozen elements of a partly frozen Parameter; None where all are alike."""
        mask = self._spec.mask
        return None if mask is None else mask.frozen

    def __repr__(self) -> str:
        u, spec = self.unconstrained, self._spec
        if eqx.is_array(u) and not isinstance(u, jax.core.Tracer) or isinstance(u, np.ndarray):
            text = np.array2string(np.asarray(self.value), threshold=6, edgeitems=2).replace("\n", "")
        elif hasattr(u, "shape"):
            text = f"{u.dtype}{list(u.shape)}"
        else:
            text = repr(u)
        facts = [f"{name}={held.name}" for name, held in (("transform", spec.transform), ("prior", spec.prior)) if held]
        if spec.prior_on != "constrained":
            facts.append(f"prior_on={spec.prior_on!r}")
        if not spec.trainable:
            facts.append("trainable=False")
        if spec.mask is not None:
            facts.append(f"frozen={spec.mask.num_frozen} of {spec.mask.frozen.size}")
        if spec.tie is not None:
            facts.append("tied")
        return f"Parameter({', '.join([text, *facts])})"

    def __pdoc__(self, **kwargs: Any) -> wadler_lindig.AbstractDoc:
        return wadler_lindig.TextDoc(repr(self))


@final
class Buffer(ArrayManners, eqx.Module):
    """State that a model keeps beside its Parameters, and that no optimiser moves: a running mean, a mask, data.

    It has a Parameter's array manners, and is listed in the summary. `assign` sets it, `set_trainable` on a whole
    model passes it by.

    Parameters
    ----------
    value
        Number, array or nested list of any numeric or Boolean dtype.
    dtype
        Dtype to store; by default that of the value, and JAX's default float for Python floats.

    Raises
    ------
    TypeError
        If the value is not numeric.

    Examples
    --------
    >>> import gparams as gp
    >>> running_mean = gp.Buffer([0.0, 0.0])
    >>> print(running_mean + 1.0)
    [1. 1.]
    """

    value: Array

    def __init__(self, value: Any, *, dtype: Any = None):
        value = value.value if isinstance(value, ArrayManners) else value
        if isinstance(value, float | list | tuple) and dtype is None and np.asarray(value).dtype.kind == "f":
            dtype = default_float()
        try:
            self.value = jnp.asarray(value, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"Buffer: expected a number or an array of numbers, got {value!r} ({error})") from error

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the value."""
        return self.value.dtype

    def __index__(self) -> int:
        return operator.index(self.value)

    def __repr__(self) -> str:
        if not isinstance(self.value, jax.Array | np.ndarray) or isinstance(self.value, jax.core.Tracer):
            return f"Buffer({self.value!r})"
        return f"Buffer({np.array2string(np.asarray(self.value), threshold=6, edgeitems=2)})".replace("\n", "")

    def __pdoc__(self, **kwargs: Any) -> wadler_lindig.AbstractDoc:
        return wadler_lindig.TextDoc(repr(self))


def _read(
    value: Any, transform: Any, prior: Any, prior_on: PriorOn | None, trainable: bool | None, dtype: Any, what: str
) -> tuple[Array, Spec]:
    """The two halves of a Parameter, from what its constructor takes; `what` it is called in messages."""
    given = value if isinstance(value, Parameter) else None
    array = read_array(value.value if given is not None else value, dtype, what=what)
    old = Spec() if given is None else given._spec.replace(tie=None)
    if given is not None and array.dtype != given.dtype:  # the numbers of transform and prior go along
        held = (None if h is None else hold(h.obj, array.dtype) for h in (old.transform, old.prior))
        old = old.replace(**dict(zip(("transform", "prior"), held, strict=True)))
    t = old.transform if transform is None else hold_transform(transform, array.dtype)
    u = given.unconstrained if given is not None and transform is None else None
    if u is None or u.dtype != array.dtype:
        u = to_unconstrained(t, array, what=what)
    mask = old.mask if t is old.transform and trainable is None else None
    space, density = old.prior_on if prior_on is None else read_space(prior_on, "prior_on"), old.prior
    if prior is not None:
        density = hold_prior(prior, array.dtype)
        check_shape(density, tuple(array.shape if space == "constrained" else u.shape), what)
    flag = old.trainable if trainable is None else read_flag(trainable, "trainable")
    return jnp.asarray(u), Spec(t, density, space, flag, mask)


def as_parameter(value: Any, *, transform: tfb.Bijector | None = None, name: str = "Parameter") -> Parameter:
    """Make a Parameter of what a constructor was given: a number or array, or a Parameter, adopted whole.

    A Parameter is copied with its own transform, prior and trainable flag, so that two constructors given the same
    one share nothing (GPflow's rule). To share, give the same *module* twice, or `tie`.

    Parameters
    ----------
    value
        Number, array, or Parameter.
    transform
        TFP bijector for a value that is not a Parameter yet.
    name
        What messages call it, such as ``"GPR: noise_variance"``.

    Returns
    -------
    A new Parameter.

    Raises
    ------
    TypeError, ValueError
        As for `Parameter`.

    Examples
    --------
    >>> import gparams as gp
    >>> fixed = gp.Parameter(2.0, transform=gp.bounded(0.0, 5.0), trainable=False)
    >>> gp.as_parameter(fixed, transform=gp.positive())
    Parameter(2., transform=Sigmoid, trainable=False)
    """
    if isinstance(value, Parameter):
        return rebuild(value.unconstrained, value._spec.replace(tie=None))
    return rebuild(*_read(value, transform, None, None, None, None, name))


# ---- building blocks of the verbs


def rebuild(unconstrained: Any, spec: Spec) -> Parameter:
    """Put a Parameter together from its two halves, unchecked (as unflattening does).

    Parameters
    ----------
    unconstrained
        The array that is its leaf, or what stands for it in a tree.
    spec
        The static facts: transform, prior, flag.

    Returns
    -------
    The Parameter.

    Examples
    --------
    >>> import gparams as gp
    >>> p = gp.Parameter(1.0, transform=gp.positive())
    >>> rebuild(p.unconstrained, p._spec)
    Parameter(1., transform=Softplus)
    """
    p = object.__new__(Parameter)
    object.__setattr__(p, "unconstrained", unconstrained)
    object.__setattr__(p, "_spec", spec)
    return p


def know_value(p: Parameter, value: Any) -> None:
    """Attach the value that the transform would give, computed together with that of others.

    It is no part of the tree: whatever flattens the Parameter drops it, and the transform is then run as ever.
    """
    object.__setattr__(p, "_known", value)


def with_value(p: Parameter, array: Array, what: str) -> Parameter:
    """Return `p` with a new constrained value of the right shape and dtype."""
    return rebuild(to_unconstrained(p._spec.transform, array, what=what), p._spec)


def with_transform(p: Parameter, transform: tfb.Bijector | None, what: str) -> Parameter:
    """Return `p` with another transform and the same constrained value."""
    held = None if transform is None else hold_transform(transform, p.dtype)
    u = to_unconstrained(held, jnp.asarray(p.value), what=what)
    if p._spec.mask is not None and not elementwise(held):
        raise ValueError(
            f"{what}: some of its elements are frozen, and {held} mixes elements, so that none can be held alone. "
            "Make it trainable or frozen as a whole first."
        )
    return rebuild(u, p._spec.replace(transform=held))


def hold_transform(transform: Any, dtype: Any) -> Held:
    """Check and hold a transform."""
    if not isinstance(transform, tfb.Bijector):
        raise TypeError(
            f"transform: expected a TFP bijector such as gp.positive(), or None, got {transform!r} of type "
            f"{type(transform).__name__}"
        )
    return hold(transform, dtype)


def hold_prior(prior: Any, dtype: Any) -> Held:
    """Check and hold a prior."""
    if not isinstance(prior, tfd.Distribution):
        raise TypeError(
            f"prior: expected a TFP distribution (tensorflow_probability.substrates.jax.distributions), or None, got "
            f"{prior!r} of type {type(prior).__name__}"
        )
    return hold(prior, dtype)


def check_shape(prior: Held, shape: tuple[int, ...], name: str) -> None:
    """Refuse a prior over arrays that a value of this shape does not hold; a prior of one number is each element's."""
    event = tuple(prior.obj.event_shape)
    whole = tuple(prior.obj.batch_shape) + event
    try:
        fits = np.broadcast_shapes(whole, shape) == shape and shape[len(shape) - len(event) :] == event
    except (TypeError, ValueError):  # a joint distribution has several shapes
        fits = False
    if not fits:
        raise ValueError(f"{name}: its prior, {prior}, is over arrays of shape {whole}, and it has shape {shape}")


def read_space(space: Any, name: str) -> str:
    """Check the name of a space."""
    space = getattr(space, "value", space)  # GPflow's PriorOn enumeration
    if space not in ("constrained", "unconstrained"):
        raise ValueError(f"{name}: expected 'constrained' or 'unconstrained', got {space!r}")
    return space


def read_flag(flag: Any, name: str) -> bool:
    """Check a Boolean flag; an array or a string is a mistake."""
    if isinstance(flag, bool | np.bool_):
        return bool(flag)
    raise TypeError(f"{name}: expected True or False, got {flag!r} of type {type(flag).__name__}")
