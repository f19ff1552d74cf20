"""Kernels of the distance between inputs, each lengthscale its unit along one dimension."""

import abc
import math
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..maths import square_distance
from ..parameters import Parameter
from ._base import Kernel
from ._inputs import ActiveDims, read_active_dims
from ._numbers import one_number, one_or_one_a_column

# Below this squared distance two inputs are one: the square root has no derivative at zero. The figure is GPflow's.
_COINCIDENT = 1e-36


class IsotropicStationary(Kernel):
    r"""A kernel :math:`\sigma^2 f(r^2)` of the scaled distance :math:`r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2`.

    Subclasses have fields `variance` and `lengthscales`, and write :math:`\sigma^2 f` as `K_r2`.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.1.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.kernels.SquaredExponential(), gp.kernels.IsotropicStationary)
    True
    """

    variance: eqx.AbstractVar[Parameter]
    lengthscales: eqx.AbstractVar[Parameter]

    @abc.abstractmethod
    def K_r2(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a squared scaled distance."""

    @property
    def ard(self) -> bool:
        """Whether each dimension has a lengthscale of its own (automatic relevance determination)."""
        return self.lengthscales.ndim > 0

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        ell = self.lengthscales.value
        check_columns(type(self).__name__, "lengthscales", ell, X)
        return self.K_r2(square_distance(_scale(X, ell), None if X2 is None else _scale(X2, ell)))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return jnp.broadcast_to(self.variance.value, X.shape[:-1])


def _scale(X: Array, ell: Array) -> Array:
    return X / per_column(ell, X)


def per_column(v: Array, X: Array) -> Array:
    """Give one number, or one for each column of X, the rank of X."""
    return v.reshape((1,) * (X.ndim - v.ndim) + v.shape)


def check_columns(kernel: str, name: str, v: Array, X: Array) -> None:
    """Refuse a vector with another number of elements than X has columns; nothing is broadcast in silence."""
    if v.ndim and v.shape[-1] != X.shape[-1]:
        raise ValueError(
            f"{kernel} has {v.shape[-1]} {name}, and X has {X.shape[-1]} columns; give one a column, or a single number "
            "for all, or choose columns by active_dims"
        )


def distance(r2: Float[Array, "..."]) -> Float[Array, "..."]:
    """Distance from its square, with derivative 0 where two inputs are one."""
    return jnp.sqrt(jnp.maximum(r2, _COINCIDENT))


class DistanceStationary(IsotropicStationary):
    """A stationary kernel that needs the distance itself; subclasses write it as `K_r`.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.1.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.kernels.Matern32(), gp.kernels.DistanceStationary)
    True
    """

    @abc.abstractmethod
    def K_r(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a scaled distance."""

    def K_r2(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a squared scaled distance."""
        return self.K_r(distance(r2))


@final
class SquaredExponential(IsotropicStationary):
    r"""The squared exponential (Gaussian, RBF) kernel: functions with derivatives of every order.

    .. math:: k(x, x') = \sigma^2 \exp\left(-\tfrac12 r^2\right), \qquad r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted
        whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), *Gaussian Processes for Machine Learning*, eq. 4.9.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.SquaredExponential(variance=2.0)(np.array([[0.0], [1.0]])).round(3))
    [[2.    1.213]
     [1.213 2.   ]]
    """

    variance: Parameter
    lengthscales: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales)
        self.active_dims = read_active_dims(active_dims)

    def K_r2(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a squared scaled distance."""
        s2 = self.variance.value
        return s2 * jnp.exp(-0.5 * r2)


@final
class Matern12(DistanceStationary):
    r"""The Matérn kernel of order 1/2: continuous functions without derivatives (an Ornstein-Uhlenbeck process).

    .. math:: k(x, x') = \sigma^2 \exp(-r), \qquad r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted
        whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), eq. 4.14 with :math:`\nu = 1/2`.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Matern12()(np.array([[0.0]]), np.array([[1.0]])).round(3))
    [[0.368]]
    """

    variance: Parameter
    lengthscales: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales)
        self.active_dims = read_active_dims(active_dims)

    def K_r(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a scaled distance."""
        s2 = self.variance.value
        return s2 * jnp.exp(-r)


@final
class Matern32(DistanceStationary):
    r"""The Matérn kernel of order 3/2: functions with one derivative.

    .. math:: k(x, x') = \sigma^2 (1 + \sqrt3 r) \exp(-\sqrt3 r), \qquad r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted
        whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), eq. 4.17.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Matern32()(np.array([[0.0]]), np.array([[1.0]])).round(3))
    [[0.483]]
    """

    variance: Parameter
    lengthscales: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales)
        self.active_dims = read_active_dims(active_dims)

    def K_r(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a scaled distance."""
        s2, q = self.variance.value, math.sqrt(3.0) * r
        return s2 * (1.0 + q) * jnp.exp(-q)


@final
class Matern52(DistanceStationary):
    r"""The Matérn kernel of order 5/2: functions with two derivatives.

    .. math:: k(x, x') = \sigma^2 (1 + \sqrt5 r + \tfrac53 r^2) \exp(-\sqrt5 r), \qquad
              r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted
        whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), eq. 4.17.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Matern52()(np.array([[0.0]]), np.array([[1.0]])).round(3))
    [[0.524]]
    """

    variance: Parameter
    lengthscales: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales)
        self.active_dims = read_active_dims(active_dims)

    def K_r(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a scaled distance."""
        s2, q = self.variance.value, math.sqrt(5.0) * r
        return s2 * (1.0 + q + q**2 / 3.0) * jnp.exp(-q)


@final
class Exponential(DistanceStationary):
    r"""The exponential kernel in GPflow's form: a Matern12 of doubled lengthscale.

    .. math:: k(x, x') = \sigma^2 \exp(-\tfrac12 r), \qquad r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted
        whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), eq. 4.18, with :math:`2 \ell`.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Exponential()(np.array([[0.0]]), np.array([[1.0]])).round(3))
    [[0.607]]
    """

    variance: Parameter
    lengthscales: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales)
        self.active_dims = read_active_dims(active_dims)

    def K_r(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a scaled distance."""
        s2 = self.variance.value
        return s2 * jnp.exp(-0.5 * r)


@final
class RationalQuadratic(IsotropicStationary):
    r"""The rational quadratic kernel: squared exponentials of many lengthscales at once.

    .. math:: k(x, x') = \sigma^2 \left(1 + \frac{r^2}{2 \alpha}\right)^{-\alpha}, \qquad
              r^2 = \sum_d (x_d - x'_d)^2 / \ell_d^2

    As :math:`\alpha \to \infty` it becomes the squared exponential.

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted
        whole.
    alpha
        :math:`\alpha > 0`, a pure number: how alike the lengthscales are. A Parameter is adopted whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), eq. 4.19.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.RationalQuadratic()(np.array([[0.0]]), np.array([[1.0]])).round(3))
    [[0.667]]
    """

    variance: Parameter
    lengthscales: Parameter
    alpha: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, alpha: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales)
        self.alpha = one_number(self, "alpha", alpha)
        self.active_dims = read_active_dims(active_dims)

    def K_r2(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariance at a squared scaled distance."""
        s2, alpha = self.variance.value, self.alpha.value
        return s2 * jnp.exp(-alpha * jnp.log1p(0.5 * r2 / alpha))
