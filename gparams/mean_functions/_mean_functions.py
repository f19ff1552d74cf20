"""Mean functions: what is expected before any data."""

import abc
import operator
from typing import Any, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..maths import first_odd_label
from ..parameters import Module, Parameter, as_parameter

ArrayOrNumpy = Array | np.ndarray


class MeanFunction(Module):
    """A mean function: subclasses are called with X [N, D] and return [N, P] (or [N, 1], for all outputs alike).

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> class Slope(gp.mean_functions.MeanFunction):
    ...     slope: gp.Parameter
    ...
    ...     def __init__(self, slope=1.0):
    ...         self.slope = gp.as_parameter(slope)
    ...
    ...     def __call__(self, X):
    ...         return self.slope.value * X[:, :1]
    >>> print(Slope(3.0)(jnp.array([[2.0]])))
    [[6.]]
    """

    @abc.abstractmethod
    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """Mean at the rows of X."""

    def __add__(self, other: Any) -> "Additive":
        return Additive(self, other) if isinstance(other, MeanFunction) else NotImplemented

    def __mul__(self, other: Any) -> "Product":
        return Product(self, other) if isinstance(other, MeanFunction) else NotImplemented


def _read_part(part: Any, who: str) -> Any:
    """Check a part of a mean function: a mean function itself, or a plain function of X."""
    if isinstance(part, MeanFunction) or (callable(part) and not isinstance(part, type | Module)):
        return part
    got = f"{part!r} of type {type(part).__name__}" if not isinstance(part, Module) else f"a {type(part).__name__}"
    mend = ""
    if isinstance(part, type):
        got, mend = f"the class {part.__name__}", f"; call it: {part.__name__}(...)"
    elif isinstance(part, int | float | np.generic):
        mend = "; a constant is gparams.mean_functions.Constant of it"
    elif isinstance(part, Module):
        mend = ", whose class is not a subclass of gparams.mean_functions.MeanFunction"
    raise TypeError(f"{who}: expected mean functions, got {got}{mend}")


def _read_whole(n: Any, least: int, what: str) -> int:
    """Check a whole number that is not below the least."""
    try:
        whole = operator.index(n)
    except TypeError as error:
        raise TypeError(f"Polynomial: expected {what} to be a whole number, got {n!r}") from error
    if whole < least:
        raise ValueError(f"Polynomial: expected {what} to be {least} or more, got {whole}")
    return whole


@final
class Zero(MeanFunction):
    """The mean function :math:`m(x) = 0`.

    Parameters
    ----------
    output_dim
        Number of outputs P.

    References
    ----------
    Rasmussen & Williams (2006), section 2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Zero()(np.ones((2, 3))))
    [[0.]
     [0.]]
    """

    output_dim: int = eqx.field(static=True)

    def __init__(self, output_dim: int = 1):
        self.output_dim = output_dim

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """Zeros [*B, N, P]."""
        return jnp.zeros((*X.shape[:-1], self.output_dim), X.dtype)


@final
class Constant(MeanFunction):
    """The mean function :math:`m(x) = c`.

    Parameters
    ----------
    c
        One number for all outputs, or a vector of one for each, in the output's unit; 0 by default. A Parameter is
        adopted whole.

    References
    ----------
    Rasmussen & Williams (2006), section 2.7.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Constant([1.0, 2.0])(np.ones((2, 3))))
    [[1. 2.]
     [1. 2.]]
    """

    c: Parameter

    def __init__(self, c: Any = None):
        self.c = as_parameter(np.zeros(1) if c is None else c)

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The constant, [*B, N, P]."""
        c = self.c.value
        return jnp.broadcast_to(c.reshape(-1), (*X.shape[:-1], c.size))


@final
class Linear(MeanFunction):
    r"""The mean function :math:`m(x) = A^\top x + b`.

    Parameters
    ----------
    A
        Matrix [D, P], in units of output over input; one 1 by default. A vector is one row, and one row serves all inputs.
        A Parameter is adopted whole, and is a matrix.
    b
        Vector [P], in the output's unit; 0 by default. A Parameter is adopted whole.

    Raises
    ------
    ValueError
        If A has more than two axes, or, a Parameter, fewer; if b has neither one number nor one for each output of A; and,
        when called, if A has neither one row nor one for each column of X.

    References
    ----------
    Rasmussen & Williams (2006), section 2.7.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Linear([[2.0], [3.0]], [1.0])(np.ones((1, 2))))
    [[6.]]
    """

    A: Parameter
    b: Parameter

    def __init__(self, A: Any = None, b: Any = None):
        A = np.ones((1, 1)) if A is None else A
        self.A = as_parameter(A if isinstance(A, Parameter) else np.atleast_2d(A))
        self.b = as_parameter(np.zeros(1) if b is None else b)
        if self.A.ndim != 2:
            raise ValueError(f"Linear: expected A of shape [D, P], got {self.A.shape}")
        if 1 not in (self.A.shape[1], self.b.size) and self.A.shape[1] != self.b.size:
            raise ValueError(
                f"Linear: A of shape {self.A.shape} has {self.A.shape[1]} outputs, and b has {self.b.size} numbers; give "
                "one for each output, or one for all"
            )

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The line, [*B, N, P]."""
        A, b = self.A.value, self.b.value
        if A.shape[0] not in (1, X.shape[-1]):
            raise ValueError(
                f"Linear: A has {A.shape[0]} rows, and X has {X.shape[-1]} columns; give A one row for each column, or one "
                "for all"
            )
        A = jnp.broadcast_to(A, (X.shape[-1], A.shape[1]))
        return jnp.matmul(X, A, precision="highest") + jnp.broadcast_to(b.reshape(-1), (*X.shape[:-1], b.size))


@final
class Identity(MeanFunction):
    """The mean function :math:`m(x) = x`, of as many outputs as inputs.

    Parameters
    ----------
    input_dim
        Number of inputs; a fact for a reader, since the inputs tell it.

    References
    ----------
    GPflow 2.11, ``functions.Identity``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Identity()(np.array([[1.0, 2.0]])))
    [[1. 2.]]
    """

    input_dim: int | None = eqx.field(static=True)

    def __init__(self, input_dim: int | None = None):
        self.input_dim = input_dim

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The inputs, [*B, N, D]."""
        return jnp.asarray(X)


@final
class Polynomial(MeanFunction):
    r"""The mean function :math:`m_p(x) = \sum_i w_{pi} \prod_d x_d^{k_{id}}` over all powers of at most a total degree.

    Parameters
    ----------
    degree
        Highest total degree.
    input_dim
        Number of inputs D.
    output_dim
        Number of outputs P.
    w
        Weights, broadcast to [P, number of terms]; by default 1 for the constant term and 0 for the others. The terms are
        in lexicographic order of their powers: for degree 2 in two inputs 1, y, y², x, xy, x². A Parameter is adopted
        whole.

    Raises
    ------
    TypeError
        If the degree or a number of inputs or outputs is not a whole number.
    ValueError
        If the degree is below 0, or a number of inputs or outputs below 1; if the weights don't fit the number of terms;
        and, when called, if X has not `input_dim` columns.

    References
    ----------
    GPflow 2.11, ``functions.Polynomial``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.mean_functions.Polynomial(2, w=[1.0, 2.0, 3.0])(np.array([[10.0]])))
    [[321.]]
    """

    w: Parameter
    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(self, degree: int, input_dim: int = 1, output_dim: int = 1, w: Any = None):
        degree, input_dim = _read_whole(degree, 0, "degree"), _read_whole(input_dim, 1, "input_dim")
        output_dim = _read_whole(output_dim, 1, "output_dim")
        self.powers = tuple(_powers(degree, input_dim))
        if not isinstance(w, Parameter):
            w = np.eye(1, len(self.powers)) if w is None else np.asarray(w, float)
            try:
                w = np.broadcast_to(w, (output_dim, len(self.powers)))
            except ValueError as error:
                raise ValueError(
                    f"Polynomial: expected weights that broadcast to {(output_dim, len(self.powers))}, got {w.shape}"
                ) from error
        self.w = as_parameter(w)
        if self.w.shape != (output_dim, len(self.powers)):
            raise ValueError(
                f"Polynomial: expected a Parameter of shape {(output_dim, len(self.powers))}, got {self.w.shape}"
            )

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The polynomial, [*B, N, P]."""
        w, input_dim = self.w.value, len(self.powers[0])
        if X.shape[-1] != input_dim:
            raise ValueError(
                f"Polynomial: it is one of {input_dim} inputs, and X has {X.shape[-1]} columns; give "
                f"input_dim={X.shape[-1]}"
            )
        terms = [_monomial(jnp.asarray(X), powers) for powers in self.powers]
        return jnp.matmul(jnp.stack(terms, -1), w.T, precision="highest")


def _powers(degree: int, input_dim: int) -> list[tuple[int, ...]]:
    if input_dim == 0:
        return [()]
    return [(k, *rest) for k in range(degree + 1) for rest in _powers(degree - k, input_dim - 1)]


def _monomial(X: Array, powers: tuple[int, ...]) -> Array:
    term = jnp.ones(X.shape[:-1], X.dtype)
    for d, k in enumerate(powers):
        if k:
            term = term * X[..., d] ** k
    return term


@final
class Additive(MeanFunction):
    """The sum of two mean functions; ``m + n`` makes it.

    Parameters
    ----------
    first_part, second_part
        Mean functions of the same number of outputs, or of one; a plain function of X is taken too.

    Raises
    ------
    TypeError
        If one of them is not a mean function.

    References
    ----------
    GPflow 2.11, ``functions.Additive``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> mean = gp.mean_functions.Identity() + gp.mean_functions.Constant(1.0)
    >>> print(mean(np.array([[2.0]])))
    [[3.]]
    """

    add_1: MeanFunction
    add_2: MeanFunction

    def __init__(self, first_part: Any, second_part: Any):
        self.add_1, self.add_2 = (_read_part(part, "Additive") for part in (first_part, second_part))

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The sum, [*B, N, P]."""
        return self.add_1(X) + self.add_2(X)


@final
class Product(MeanFunction):
    """The product of two mean functions; ``m * n`` makes it.

    Parameters
    ----------
    first_part, second_part
        Mean functions of the same number of outputs, or of one; a plain function of X is taken too.

    Raises
    ------
    TypeError
        If one of them is not a mean function.

    References
    ----------
    GPflow 2.11, ``functions.Product``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> mean = gp.mean_functions.Identity() * gp.mean_functions.Constant(3.0)
    >>> print(mean(np.array([[2.0]])))
    [[6.]]
    """

    prod_1: MeanFunction
    prod_2: MeanFunction

    def __init__(self, first_part: Any, second_part: Any):
        self.prod_1, self.prod_2 = (_read_part(part, "Product") for part in (first_part, second_part))

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """The product, [*B, N, P]."""
        return self.prod_1(X) * self.prod_2(X)


@final
class SwitchedMeanFunction(MeanFunction):
    """One mean function for each label: the last column of X says which.

    Parameters
    ----------
    meanfunction_list
        Mean functions of the same number of outputs; label k takes the k-th. They get X without its last column.

    Raises
    ------
    TypeError
        If one of them is not a mean function.
    ValueError
        If there is none; and, when called, if a label is not a whole number from 0 to one less than their number. (Inside
        `jit`, where a label can't be looked at, the mean is then NaN.)

    References
    ----------
    GPflow 2.11, ``functions.SwitchedFunction``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> mean = gp.mean_functions.SwitchedMeanFunction([gp.mean_functions.Zero(), gp.mean_functions.Constant(5.0)])
    >>> print(mean(np.array([[0.3, 0.0], [0.3, 1.0]])))
    [[0.]
     [5.]]
    """

    functions: tuple[MeanFunction, ...]

    def __init__(self, meanfunction_list: Any):
        if callable(meanfunction_list):
            raise TypeError(
                f"SwitchedMeanFunction: expected a list of mean functions, got one {type(meanfunction_list).__name__}"
            )
        self.functions = tuple(_read_part(part, "SwitchedMeanFunction") for part in meanfunction_list)
        if not self.functions:
            raise ValueError("SwitchedMeanFunction: expected at least one mean function")

    def __call__(self, X: Float[ArrayOrNumpy, "*B N D"]) -> Float[Array, "*B N P"]:
        """Each row's own mean, [*B, N, P]."""
        label, inputs = jnp.asarray(X)[..., -1:], X[..., :-1]
        count = len(self.functions)
        odd = None if isinstance(label, jax.core.Tracer) else first_odd_label(np.asarray(label), count)
        if odd is not None:
            place = ", ".join(str(i) for i in (*odd[:-1], X.shape[-1] - 1))
            raise ValueError(
                f"SwitchedMeanFunction: X[{place}] is {label[odd]:g}, expected a label, a whole number from 0 to "
                f"{count - 1}"
            )
        values = jnp.stack([m(inputs) for m in self.functions])  # [K, *B, N, P]
        out = jnp.full(values.shape[1:], jnp.nan, values.dtype)
        for k, value in enumerate(values):
            out = jnp.where(label == k, value, out)
        return out
