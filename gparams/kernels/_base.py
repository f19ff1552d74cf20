"""Kernel: what all covariance functions have in common, and their sums and products."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Module, share


class Slice(NamedTuple):
    """A Python slice that can be hashed (before Python 3.12 they can't)."""

    start: int | None
    stop: int | None
    step: int | None


ActiveDims = tuple[int, ...] | Slice | None


def read_active_dims(active_dims: Any) -> ActiveDims:
    """Check the columns of X that a kernel reads: a list of indices, a slice, or None for all."""
    if active_dims is None or isinstance(active_dims, Slice):
        return active_dims
    if isinstance(active_dims, slice):
        return Slice(active_dims.start, active_dims.stop, active_dims.step)
    dims = np.asarray(active_dims)
    if dims.ndim != 1 or dims.dtype.kind not in "iu" or dims.size == 0:
        raise ValueError(f"active_dims: expected a slice or a list of column numbers, got {active_dims!r}")
    return tuple(int(d) for d in dims)


class Kernel(Module):
    """A covariance function. Subclass it, give it fields, `K` and `K_diag`, and it has the rest.

    A kernel is called: ``kernel(X)`` is [N, N], ``kernel(X, X2)`` is [N, N2] and ``kernel(X, full_cov=False)`` the
    diagonal, [N]. Calling picks the `active_dims` columns; `K` and `K_diag` get inputs that are cut already. Kernels add
    and multiply.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> class Brownian(gp.kernels.Kernel):
    ...     variance: gp.Parameter
    ...
    ...     def __init__(self, variance=1.0):
    ...         self.variance = gp.as_parameter(variance, transform=gp.positive())
    ...
    ...     def K(self, X, X2=None):
    ...         X2 = X if X2 is None else X2
    ...         return self.variance.value * jnp.minimum(X, X2.T)
    ...
    ...     def K_diag(self, X):
    ...         return self.variance.value * X[:, 0]
    >>> X = jnp.array([[1.0], [2.0]])
    >>> print((Brownian() + gp.kernels.SquaredExponential())(X, full_cov=False))
    [2. 3.]
    """

    # A kernel that reads some columns only overrides this with a static field.
    active_dims = None

    @abc.abstractmethod
    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N] of the rows of X, or [*B, N, *C, N2] between those of X and of X2."""

    @abc.abstractmethod
    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""

    def __call__(self, X: Any, X2: Any = None, *, full_cov: bool = True, presliced: bool = False) -> Array:
        """Evaluate the kernel.

        Parameters
        ----------
        X, X2
            Inputs [*B, N, D] and [*C, N2, D]; without X2, X against itself.
        full_cov
            False for the variances at X alone.
        presliced
            True where the active columns were picked already.

        Returns
        -------
        [*B, N, N], [*B, N, *C, N2] or [*B, N].

        Raises
        ------
        ValueError
            If X2 comes with ``full_cov=False``, or an input has no columns.
        """
        if X2 is not None and not full_cov:
            raise ValueError("kernel(X, X2, full_cov=False): variances are those of X alone; leave X2 out")
        X = self._read(X, "X", presliced)
        if not full_cov:
            return self.K_diag(X)
        return self.K(X, None if X2 is None else self._read(X2, "X2", presliced))

    def _read(self, X: Any, name: str, presliced: bool) -> Array:
        X = jnp.asarray(X)
        if X.ndim < 2:
            raise ValueError(
                f"kernel: expected {name} of shape [..., N, D], got {X.shape}. One input a row: {name}[:, None]"
            )
        X = X if jnp.issubdtype(X.dtype, jnp.floating) else X.astype(jnp.result_type(float))
        return X if presliced else self.slice(X)

    def slice(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N d"]:
        """Pick the active columns of X."""
        dims = self.active_dims
        if dims is None:
            return X
        if isinstance(dims, Slice):
            picked = X[..., slice(dims.start, dims.stop, dims.step)]
            if picked.shape[-1] == 0:
                raise ValueError(f"active_dims {dims} picks no column of an input of {X.shape[-1]} columns")
            return picked
        if max(dims) >= X.shape[-1] or min(dims) < -X.shape[-1]:
            raise ValueError(f"active_dims {list(dims)} asks for columns that an input of {X.shape[-1]} columns lacks")
        return X[..., np.asarray(dims)]

    def __add__(self, other: Any) -> "Sum":
        return Sum([self, other]) if isinstance(other, Kernel) else NotImplemented

    def __mul__(self, other: Any) -> "Product":
        return Product([self, other]) if isinstance(other, Kernel) else NotImplemented


@final
class Sum(Kernel):
    r"""The sum of kernels, :math:`k(x, x') = \sum_i k_i(x, x')`: a sum of independent functions.

    Parameters
    ----------
    kernels
        Two kernels or more; the terms of a sum among them are taken in one by one.

    Raises
    ------
    TypeError
        If one of them is not a kernel.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.4.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.SquaredExponential() + gp.kernels.Matern32() + gp.kernels.Matern12()
    >>> len(k.kernels)
    3
    """

    kernels: tuple[Kernel, ...]

    def __init__(self, kernels: Sequence[Kernel]):
        self.kernels = _flatten(kernels, Sum)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        first, *others = self.kernels
        total = first(X, X2)
        for k in others:
            total = total + k(X, X2)
        return total

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        first, *others = self.kernels
        total = first(X, full_cov=False)
        for k in others:
            total = total + k(X, full_cov=False)
        return total


@final
class Product(Kernel):
    r"""The product of kernels, :math:`k(x, x') = \prod_i k_i(x, x')`.

    Parameters
    ----------
    kernels
        Two kernels or more; the factors of a product among them are taken in one by one.

    Raises
    ------
    TypeError
        If one of them is not a kernel.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.4.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.SquaredExponential(active_dims=[0]) * gp.kernels.Matern32(active_dims=[1])
    >>> [type(factor).__name__ for factor in k.kernels]
    ['SquaredExponential', 'Matern32']
    """

    kernels: tuple[Kernel, ...]

    def __init__(self, kernels: Sequence[Kernel]):
        self.kernels = _flatten(kernels, Product)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        first, *others = self.kernels
        total = first(X, X2)
        for k in others:
            total = total * k(X, X2)
        return total

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        first, *others = self.kernels
        total = first(X, full_cov=False)
        for k in others:
            total = total * k(X, full_cov=False)
        return total


def _flatten(kernels: Sequence[Kernel], kind: type) -> tuple[Kernel, ...]:
    found: list[Kernel] = []
    for k in kernels:
        if not isinstance(k, Kernel):
            raise TypeError(f"{kind.__name__}: expected kernels, got {k!r} of type {type(k).__name__}")
        # Parameters tied inside a sum must stay so when its terms move: `share` makes them one object again.
        found += share(k).kernels if isinstance(k, kind) else [k]
    if not found:
        raise ValueError(f"{kind.__name__}: expected at least one kernel")
    return tuple(found)
