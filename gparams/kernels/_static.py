"""Kernels that don't look at the inputs."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..parameters import Parameter
from ._base import Kernel
from ._inputs import ActiveDims, read_active_dims
from ._numbers import one_number


@final
class Constant(Kernel):
    r"""The constant (bias) kernel, :math:`k(x, x') = \sigma^2`: functions that are one unknown number.

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    active_dims
        Taken for the sake of a common signature; it makes no difference.

    Raises
    ------
    ValueError
        If the variance is not one positive and finite number.

    References
    ----------
    Rasmussen & Williams (2006), section 4.2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Constant(2.0)(np.zeros((2, 1))))
    [[2. 2.]
     [2. 2.]]
    """

    variance: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.active_dims = read_active_dims(active_dims)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        columns = X.shape[-2:-1] if X2 is None else X2.shape[:-1]
        return jnp.broadcast_to(self.variance.value, X.shape[:-1] + columns)

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return jnp.broadcast_to(self.variance.value, X.shape[:-1])


@final
class White(Kernel):
    r"""The white noise kernel, :math:`k(x_n, x_m) = \sigma^2 \delta_{nm}`: each row its own draw.

    It is the *row* that counts: between two sets of inputs there is no covariance, also where they hold equal points
    (GPflow's rule).

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    active_dims
        Taken for the sake of a common signature; it makes no difference.

    Raises
    ------
    ValueError
        If the variance is not one positive and finite number.

    References
    ----------
    Rasmussen & Williams (2006), eq. 2.20.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.zeros((2, 1))
    >>> print(gp.kernels.White(2.0)(X))
    [[2. 0.]
     [0. 2.]]
    >>> print(gp.kernels.White(2.0)(X, X))
    [[0. 0.]
     [0. 0.]]
    """

    variance: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.active_dims = read_active_dims(active_dims)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or zeros [*B, N, *C, N2]."""
        s2 = self.variance.value
        if X2 is not None:
            return jnp.zeros(X.shape[:-1] + X2.shape[:-1], s2.dtype)
        N = X.shape[-2]
        return jnp.broadcast_to(s2 * jnp.eye(N, dtype=s2.dtype), (*X.shape[:-1], N))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return jnp.broadcast_to(self.variance.value, X.shape[:-1])
