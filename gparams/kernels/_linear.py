"""Kernels of the inner product of inputs: lines, polynomials, and wide one-layer networks."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Parameter
from ._base import Kernel
from ._inputs import ActiveDims, pair, read_active_dims
from ._numbers import one_number, one_or_one_a_column
from ._stationary import check_columns, per_column


def _weighted(X: Array, w: Array) -> Array:
    return X * per_column(w, X)


def _inner(X: Array, w: Array, X2: Array | None) -> Array:
    """Weighted inner products [*B, N, N], or [*B, N, *C, N2]."""
    if X2 is None:
        return jnp.matmul(_weighted(X, w), jnp.swapaxes(X, -1, -2), precision="highest")
    return jnp.tensordot(_weighted(X, w), X2, axes=((-1,), (-1,)), precision="highest")


def _square(X: Array, w: Array) -> Array:
    """Weighted squared norms of the rows, [*B, N]."""
    return jnp.sum(_weighted(X * X, w), -1)


@final
class Linear(Kernel):
    r"""The linear kernel: functions :math:`f(x) = w^\top x` with :math:`w_d \sim N(0, \sigma_d^2)`.

    .. math:: k(x, x') = \sum_d \sigma_d^2 x_d x'_d

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of output over input: one number, or one for each active dimension. A
        Parameter is adopted whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Linear([1.0, 2.0])(np.array([[1.0, 1.0], [0.0, 3.0]])))
    [[ 3.  6.]
     [ 6. 18.]]
    """

    variance: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, active_dims: Any = None):
        self.variance = one_or_one_a_column(self, "variance", variance)
        self.active_dims = read_active_dims(active_dims)

    @property
    def ard(self) -> bool:
        """Whether each dimension has a variance of its own."""
        return self.variance.ndim > 0

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        s2 = self.variance.value
        check_columns("Linear", "variances", s2, X)
        return _inner(X, s2, X2)

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        s2 = self.variance.value
        check_columns("Linear", "variances", s2, X)
        return _square(X, s2)


@final
class Polynomial(Kernel):
    r"""The polynomial kernel, :math:`k(x, x') = (\sum_d \sigma_d^2 x_d x'_d + \gamma)^p`.

    Parameters
    ----------
    degree
        :math:`p`, a whole number from 0; it is a fact, not a Parameter.
    variance
        :math:`\sigma^2 > 0`, in units of the offset over squared units of the input: one number, or one for each active
        dimension. A Parameter is adopted whole.
    offset
        :math:`\gamma > 0`; :math:`\gamma^p` is in squared units of the output. A number, or a Parameter, which is adopted
        whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or has more axes than are said above, or the degree is not a whole number
        from 0.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Polynomial(2.0)(np.array([[1.0], [2.0]])))
    [[ 4.  9.]
     [ 9. 25.]]
    """

    variance: Parameter
    offset: Parameter
    degree: int = eqx.field(static=True)
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, degree: float | int = 3.0, variance: Any = 1.0, offset: Any = 1.0, active_dims: Any = None):
        # Other powers are no covariance functions, and NaN where the base is negative.
        if not (np.ndim(degree) == 0 and float(degree).is_integer() and degree >= 0):
            raise ValueError(f"Polynomial: expected degree to be a whole number from 0 on, got {degree!r}")
        self.degree = int(degree)
        self.variance = one_or_one_a_column(self, "variance", variance)
        self.offset = one_number(self, "offset", offset)
        self.active_dims = read_active_dims(active_dims)

    @property
    def ard(self) -> bool:
        """Whether each dimension has a variance of its own."""
        return self.variance.ndim > 0

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        s2, gamma = self.variance.value, self.offset.value
        check_columns("Polynomial", "variances", s2, X)
        return (_inner(X, s2, X2) + gamma) ** self.degree

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        s2, gamma = self.variance.value, self.offset.value
        check_columns("Polynomial", "variances", s2, X)
        return (_square(X, s2) + gamma) ** self.degree


@final
class ArcCosine(Kernel):
    r"""The arc-cosine kernel: a network of one infinitely wide layer of rectified monomials.

    With the weighted product :math:`\langle x, x'\rangle = \sum_d w_d x_d x'_d + b` and the angle
    :math:`\cos\theta = \langle x, x'\rangle / \sqrt{\langle x, x\rangle \langle x', x'\rangle}`,

    .. math:: k(x, x') = \frac{\sigma^2}{\pi} (\langle x, x\rangle \langle x', x'\rangle)^{n/2} J_n(\theta)

    where :math:`J_0 = \pi - \theta`, :math:`J_1 = \sin\theta + (\pi - \theta)\cos\theta` and
    :math:`J_2 = 3 \sin\theta\cos\theta + (\pi - \theta)(1 + 2\cos^2\theta)`.

    Parameters
    ----------
    order
        :math:`n`: 0 for steps, 1 for ramps (ReLU), 2 for squared ramps.
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    weight_variances
        :math:`w > 0`, over squared units of the input: one number, or one for each active dimension. A Parameter is
        adopted whole.
    bias_variance
        :math:`b > 0`, a pure number. A number, or a Parameter, which is adopted whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If the order is not 0, 1 or 2, or a value is not positive and finite, or has more axes than are said above.

    References
    ----------
    Cho & Saul (2009), *Kernel Methods for Deep Learning*, eqs. 1 and 3 to 7.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.ArcCosine(order=1)(np.array([[0.0], [1.0]]), full_cov=False).round(3))
    [1. 2.]
    """

    variance: Parameter
    bias_variance: Parameter
    weight_variances: Parameter
    order: int = eqx.field(static=True)
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(
        self,
        order: int = 0,
        variance: Any = 1.0,
        weight_variances: Any = 1.0,
        bias_variance: Any = 1.0,
        *,
        active_dims: Any = None,
    ):
        if order not in (0, 1, 2):
            raise ValueError(f"ArcCosine: expected order 0, 1 or 2, got {order!r}")
        self.order = order
        self.variance = one_number(self, "variance", variance)
        self.bias_variance = one_number(self, "bias_variance", bias_variance)
        self.weight_variances = one_or_one_a_column(self, "weight_variances", weight_variances)
        self.active_dims = read_active_dims(active_dims)

    @property
    def ard(self) -> bool:
        """Whether each dimension has a weight variance of its own."""
        return self.weight_variances.ndim > 0

    def _product_diag(self, X: Array) -> Array:
        w, b = self.weight_variances.value, self.bias_variance.value
        check_columns("ArcCosine", "weight variances", w, X)
        return _square(X, w) + b

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        s2, w, b = self.variance.value, self.weight_variances.value, self.bias_variance.value
        left, right = pair(jnp.sqrt(self._product_diag(X)), None if X2 is None else jnp.sqrt(self._product_diag(X2)))
        norms = left * right
        c = (_inner(X, w, X2) + b) / norms
        # Kept off 1, where the angle has no derivative. GPflow's figure in float64.
        margin = max(1e-15, 2.0 * float(jnp.finfo(c.dtype).eps))
        theta = jnp.arccos(jnp.clip(margin + (1.0 - 2.0 * margin) * c, margin - 1.0, 1.0 - margin))
        return s2 / np.pi * _angular(self.order, theta) * norms**self.order

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        at_zero = (1.0, 1.0, 3.0)[self.order]  # J_n(0) / pi
        return at_zero * self.variance.value * self._product_diag(X) ** self.order


def _angular(order: int, theta: Array) -> Array:
    """Cho & Saul's J_n."""
    if order == 0:
        return np.pi - theta
    sine, cosine = jnp.sin(theta), jnp.cos(theta)
    if order == 1:
        return sine + (np.pi - theta) * cosine
    return 3.0 * sine * cosine + (np.pi - theta) * (1.0 + 2.0 * cosine**2)
