"""Cosine: sinusoids along one direction of the inputs."""

from typing import Any, final

import equinox as eqx
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Parameter
from ._base import Kernel
from ._inputs import ActiveDims, pair, read_active_dims
from ._numbers import one_number, one_or_one_a_column
from ._stationary import check_columns, per_column


@final
class Cosine(Kernel):
    r"""The cosine kernel: sinusoids of one frequency and any phase.

    .. math:: k(x, x') = \sigma^2 \cos\left(2 \pi \sum_d (x_d - x'_d) / \ell_d\right)

    Parameters
    ----------
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    lengthscales
        :math:`\ell`, in units of the inputs: one positive number, or one for each active dimension. The sum has a
        direction, so those of several dimensions may be negative, but not zero, and have no transform (GPflow's rule). A
        Parameter is adopted whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not in its domain, or has more axes than are said above, or a lengthscale is zero.

    References
    ----------
    GPflow 2.11, ``kernels.Cosine``. Rasmussen & Williams (2006), section 4.2.1 (spectral densities).

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(gp.kernels.Cosine(lengthscales=2.0)(np.array([[0.0], [1.0], [2.0]]))[0])
    [ 1. -1.  1.]
    """

    variance: Parameter
    lengthscales: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = one_or_one_a_column(self, "lengthscales", lengthscales, signed=np.ndim(lengthscales) > 0)
        self.active_dims = read_active_dims(active_dims)
        ell = self.lengthscales.value
        if not isinstance(ell, jax.core.Tracer) and not (ell != 0).all():
            raise ValueError(f"Cosine: expected lengthscales other than zero, got {np.asarray(ell)}")

    @property
    def ard(self) -> bool:
        """Whether each dimension has a lengthscale of its own."""
        return self.lengthscales.ndim > 0

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        s2 = self.variance.value
        u, v = pair(self._along(X), None if X2 is None else self._along(X2))
        return s2 * jnp.cos(2.0 * np.pi * (u - v))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return jnp.broadcast_to(self.variance.value, X.shape[:-1])

    def _along(self, X: Array) -> Array:
        ell = self.lengthscales.value
        check_columns("Cosine", "lengthscales", ell, X)
        return jnp.sum(X / per_column(ell, X), -1)
