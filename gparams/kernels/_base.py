"""Kernel: what all covariance functions have in common, and their sums, products and multiples."""

import abc
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, final

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Module, Parameter, as_parameter, share
from ._inputs import Slice, read_active_dims


class Kernel(Module):
    """A covariance function. Subclass it, give it fields, `K` and `K_diag`, and it has the rest.

    A kernel is called: ``kernel(X)`` is [N, N], ``kernel(X, X2)`` is [N, N2] and ``kernel(X, full_cov=False)`` the
    diagonal, [N]. Calling picks the `active_dims` columns; `K` and `K_diag` get inputs that are cut already. A kernel that
    offers the choice has a static field for it, ``active_dims: Any = equinox.field(static=True)``: a list, a tuple or a
    slice. Kernels add and multiply, and a number in front scales one: ``2.0 * k``.

    References
    ----------
    Rasmussen & Williams (2006), chapter 4.

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

    # A kernel that can read some columns only overrides this with a static field.
    active_dims = None
    # What `full_cov` is where a call leaves it out; GPflow has the variances for kernels of several outputs.
    _full_cov_by_default = True
    # NumPy must leave `np.float64(2.0) * kernel` to us.
    __array_ufunc__ = None

    def __check_init__(self):
        for field in dataclasses.fields(self):
            if field.name == "active_dims":
                if not field.metadata.get("static", False):
                    raise TypeError(
                        f"{type(self).__name__}.active_dims: JAX would trace the columns. Write the field as "
                        "active_dims: Any = equinox.field(static=True)"
                    )
                # Still under construction: a list or a slice becomes what can be hashed.
                object.__setattr__(self, "active_dims", read_active_dims(self.active_dims))

    @abc.abstractmethod
    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances between inputs.

        Parameters
        ----------
        X, X2
            Inputs, their active columns picked already; without X2, X against itself.

        Returns
        -------
        [*B, N, N], of the rows of X; or [*B, N, *C, N2], between those of X and of X2.
        """

    @abc.abstractmethod
    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X; its active columns are picked already."""

    def __call__(
        self, X: Any, X2: Any = None, *, full_cov: bool | None = None, presliced: bool = False, **outputs: bool
    ) -> Array:
        """Evaluate the kernel.

        Parameters
        ----------
        X, X2
            Inputs [*B, N, D] and [*C, N2, D]; without X2, X against itself.
        full_cov
            False for the variances at X alone. True by default; for a kernel of several outputs that is called without
            X2, False (GPflow's defaults).
        presliced
            True where the active columns were picked already.
        **outputs
            ``full_output_cov=``, which kernels of several outputs alone have: see `MultioutputKernel`.

        Returns
        -------
        [*B, N, N], [*B, N, *C, N2] or [*B, N]; with more axes for a kernel of several outputs.

        Raises
        ------
        ValueError
            If X2 comes with ``full_cov=False``, or an input is not [..., N, D], or lacks an active column.
        """
        if X2 is not None and full_cov is False:
            raise ValueError("kernel(X, X2, full_cov=False): variances are those of X alone; leave X2 out")
        if full_cov is None:
            full_cov = X2 is not None or self._full_cov_by_default
        if X2 is not None and jnp.shape(X)[-1:] != jnp.shape(X2)[-1:]:
            raise ValueError(
                f"{type(self).__name__}: X has shape {jnp.shape(X)} and X2 {jnp.shape(X2)}; expected one number of columns"
            )
        X = self._read(X, "X", presliced)
        if not full_cov:
            return self.K_diag(X, **outputs)
        return self.K(X, None if X2 is None else self._read(X2, "X2", presliced), **outputs)

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

    def __add__(self, other: Any) -> "Kernel":
        if isinstance(other, Kernel):
            return Sum([self, other])
        if _is_zero(other):  # where `sum([k1, k2])` starts
            return self
        if _is_number(other):
            raise TypeError(
                f"kernel + {other!r}: a number is no kernel. For a constant function of that variance, add "
                f"gparams.kernels.Constant({other!r})"
            )
        return NotImplemented

    def __radd__(self, other: Any) -> "Kernel":
        return self.__add__(other)

    def __mul__(self, other: Any) -> "Kernel":
        if isinstance(other, Kernel):
            return Product([self, other])
        return Scaled(self, other) if _is_number(other) else NotImplemented

    def __rmul__(self, other: Any) -> "Kernel":
        return self.__mul__(other)


def _is_number(x: Any) -> bool:
    """Whether a kernel can be multiplied by it: a number, array or Parameter of any shape, which `Scaled` looks at."""
    return isinstance(x, int | float | np.number | np.ndarray | jax.Array | Parameter) and not isinstance(x, bool)


def _is_zero(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and bool(x == 0)


class MultioutputKernel(Kernel):
    r"""A covariance function of P outputs: what outputs p and q have to do with each other, at x and x'.

    The outputs are mixtures of L independent latent functions, :math:`f_p(x) = \sum_l W_{pl} g_l(x)` with
    :math:`g_l \sim GP(0, k_l)`, or the latent functions themselves. Subclasses say which, by `latent_kernels` and `mixing`.

    In a call, `full_output_cov` (True by default) says whether there are covariances between the outputs:

    ==========================  ======================  =======================
    ``kernel(X, ...)``          ``full_output_cov``     ``not full_output_cov``
    ==========================  ======================  =======================
    ``X, full_cov=False``       [*B, N, P, P]           [*B, N, P]
    ``X, full_cov=True``        [*B, N, P, N, P]        [P, *B, N, N]
    ``X, X2``                   [*B, N, P, *C, N2, P]   [P, *B, N, *C, N2]
    ==========================  ======================  =======================

    As in GPflow, ``kernel(X)`` is short for ``kernel(X, full_cov=False)``.

    References
    ----------
    Álvarez, Rosasco & Lawrence (2012), *Kernels for Vector-Valued Functions: A Review*, section 4. van der Wilk et al.
    (2020), *A Framework for Interdomain and Multioutput Gaussian Processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.SharedIndependent(gp.kernels.SquaredExponential(), output_dim=2)
    >>> isinstance(k, gp.kernels.MultioutputKernel)
    True
    >>> X = np.zeros((3, 1))
    >>> k(X, full_cov=True).shape, k(X, full_cov=True, full_output_cov=False).shape
    ((3, 2, 3, 2), (2, 3, 3))
    """

    _full_cov_by_default = False

    @property
    @abc.abstractmethod
    def latent_kernels(self) -> tuple[Kernel, ...]:
        """Kernels of the L latent functions."""

    @property
    @abc.abstractmethod
    def mixing(self) -> Float[Array, "P L"] | None:
        """How outputs are made of latent functions; None where they are the latent functions."""

    @property
    def num_latent_gps(self) -> int:
        """L, the number of latent functions."""
        return len(self.latent_kernels)

    @property
    def num_outputs(self) -> int:
        """P, the number of outputs."""
        W = self.mixing
        return self.num_latent_gps if W is None else W.shape[0]

    def K(
        self,
        X: Float[Array, "*B N D"],
        X2: Float[Array, "*C N2 D"] | None = None,
        full_output_cov: bool = True,
    ) -> Float[Array, "..."]:
        """Covariances [*B, N, P, *C, N2, P] ([*B, N, P, N, P] without X2), or [P, *B, N, *C, N2] of each output alone."""
        K, W = self._latent_covariances(X, X2), self.mixing  # [L, *B, N, *C, N2]
        if not full_output_cov:
            return K if W is None else jnp.einsum("l...,pl->p...", K, W * W, precision="highest")
        if W is None:
            K = _diagonal(jnp.moveaxis(K, 0, -1))  # [*B, N, *C, N2, P, P]
        else:
            K = jnp.einsum("l...,plq->...pq", K, W[:, :, None] * W.T[None], precision="highest")
        return jnp.moveaxis(K, -2, X.ndim - 1)

    def K_diag(self, X: Float[Array, "*B N D"], full_output_cov: bool = True) -> Float[Array, "..."]:
        """Variances at the rows of X: [*B, N, P, P], or [*B, N, P] of each output alone."""
        v, W = jnp.moveaxis(self._of_each_latent(lambda k: k(X, full_cov=False)), 0, -1), self.mixing  # [*B, N, L]
        if W is None:
            return _diagonal(v) if full_output_cov else v
        if not full_output_cov:
            return jnp.einsum("...l,pl->...p", v, W * W, precision="highest")
        return jnp.einsum("...l,plq->...pq", v, W[:, :, None] * W.T[None], precision="highest")

    def _latent_covariances(self, X: Array, X2: Array | None) -> Array:
        return self._of_each_latent(lambda k: k(X, X2))

    def _of_each_latent(self, evaluate: Callable[[Kernel], Array]) -> Array:
        """Stack what the latent kernels give; one that serves several latent functions is evaluated once."""
        found: dict[int, Array] = {}
        return jnp.stack(
            [found[id(k)] if id(k) in found else found.setdefault(id(k), evaluate(k)) for k in self.latent_kernels]
        )


def _diagonal(v: Float[Array, "*B P"]) -> Float[Array, "*B P P"]:
    P = v.shape[-1]
    return v[..., None] * jnp.eye(P, dtype=v.dtype).reshape((1,) * (v.ndim - 1) + (P, P))


def read_kernel(kernel: Any, who: str) -> Kernel:
    """Check a part of a kernel: a kernel itself, and of one output."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"{who}: expected kernels, got {kernel!r} of type {type(kernel).__name__}")
    if isinstance(kernel, MultioutputKernel):
        raise TypeError(
            f"{who}: {type(kernel).__name__} has several outputs, and can't be a part of another kernel. Combine, scale "
            "and wrap the kernels inside it"
        )
    return kernel


def read_kernels(kernels: Any, who: str) -> tuple[Kernel, ...]:
    """Check the parts of a kernel: one kernel of one output at least."""
    if isinstance(kernels, Kernel):
        raise TypeError(f"{who}: expected a list of kernels, got one {type(kernels).__name__}")
    found = tuple(read_kernel(k, who) for k in kernels)
    if not found:
        raise ValueError(f"{who}: expected at least one kernel")
    return found


@final
class Sum(Kernel):
    r"""The sum of kernels, :math:`k(x, x') = \sum_i k_i(x, x')`: a sum of independent functions.

    Parameters
    ----------
    kernels
        Kernels of one output; the terms of a sum among them are taken in one by one.

    Raises
    ------
    TypeError
        If one of them is not a kernel, or has several outputs.
    ValueError
        If there is none.

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
        Kernels of one output; the factors of a product among them are taken in one by one.

    Raises
    ------
    TypeError
        If one of them is not a kernel, or has several outputs.
    ValueError
        If there is none.

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
    for k in read_kernels(kernels, kind.__name__):
        # Parameters tied inside a sum must stay so when its terms move: `share` makes them one object again.
        found += share(k).kernels if isinstance(k, kind) else [k]
    return tuple(found)


@final
class Scaled(Kernel):
    r"""A kernel times a number, :math:`c\, k(x, x')`: what ``2.0 * k`` makes.

    Parameters
    ----------
    kernel
        A kernel of one output.
    factor
        :math:`c \ge 0`, in squared units of the output. A number is a fact, and never trains; a Parameter is adopted
        whole, and must have a transform that keeps it positive.

    Raises
    ------
    TypeError
        If the kernel is none, or has several outputs.
    ValueError
        If the factor is negative, not finite, or more than one number; or a Parameter without a transform.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.4.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = 2.0 * gp.kernels.SquaredExponential()
    >>> print(k(np.zeros((1, 1))))
    [[2.]]
    >>> list(gp.parameter_dict(k))
    ['kernel.variance', 'kernel.lengthscales']
    """

    kernel: Kernel
    factor: Array | Parameter

    def __init__(self, kernel: Kernel, factor: Any):
        self.kernel = read_kernel(kernel, "Scaled")
        if np.ndim(factor) != 0:
            raise ValueError(f"a factor of a kernel: expected one number, got an array of shape {np.shape(factor)}")
        if isinstance(factor, Parameter):
            if factor.transform is None:
                raise ValueError(
                    "a factor of a kernel: this Parameter could become negative. Give it a transform, as in "
                    "gparams.Parameter(2.0, transform=gparams.positive())"
                )
            self.factor = as_parameter(factor)
        else:
            self.factor = jnp.asarray(factor, dtype=factor.dtype if isinstance(factor, jax.Array) else float)
        value = self.factor.value if isinstance(self.factor, Parameter) else self.factor
        if not isinstance(value, jax.core.Tracer) and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"a factor of a kernel: expected a finite number, not negative, got {value}")

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        return self._times(self.kernel(X, X2))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        return self._times(self.kernel(X, full_cov=False))

    def _times(self, k: Array) -> Array:
        c = self.factor.value if isinstance(self.factor, Parameter) else self.factor.astype(k.dtype)
        return c * k
