"""Periodic functions: any stationary kernel, wrapped around a circle."""

from typing import Any, final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..maths import square_distance
from ..parameters import Parameter
from ._base import Kernel
from ._inputs import ActiveDims
from ._numbers import one_or_one_a_column
from ._stationary import DistanceStationary, IsotropicStationary, check_columns, distance, per_column


@final
class Periodic(Kernel):
    r"""A stationary kernel of a periodic distance.

    With :math:`s_d = \sin(\pi (x_d - x'_d) / p_d) / \ell_d`, a base kernel of the squared distance reads
    :math:`r^2 = \sum_d s_d^2`, and one of the distance (the Matérn family) reads :math:`r = \sum_d |s_d|`. Over the
    squared exponential that is

    .. math:: k(x, x') = \sigma^2 \exp\left(-\tfrac12 \sum_d \sin^2(\pi (x_d - x'_d) / p_d) / \ell_d^2\right)

    so that :math:`\ell` is twice MacKay's.

    Parameters
    ----------
    base_kernel
        SquaredExponential or a Matérn kernel; its variance, lengthscales and active dimensions are those of the whole.
    period
        :math:`p > 0`, in units of the inputs: one number, or one for each active dimension. A Parameter is adopted whole.

    Raises
    ------
    TypeError
        If the base is not an isotropic stationary kernel.
    ValueError
        If the period is not positive and finite, or is a matrix.

    References
    ----------
    MacKay (1998), *Introduction to Gaussian Processes*, eq. 47. GPflow 2.11, ``kernels.Periodic``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.Periodic(gp.kernels.SquaredExponential(), period=2.0)
    >>> print(k(np.array([[0.0]]), np.array([[1.0], [2.0]])).round(3))
    [[0.607 1.   ]]
    """

    base_kernel: IsotropicStationary
    period: Parameter

    def __init__(self, base_kernel: IsotropicStationary, period: Any = 1.0):
        if not isinstance(base_kernel, IsotropicStationary):
            raise TypeError(
                f"Periodic: expected a base kernel of distance alone, such as SquaredExponential or Matern32, got "
                f"{type(base_kernel).__name__}"
            )
        self.base_kernel = base_kernel
        self.period = one_or_one_a_column(self, "period", period)

    @property
    def active_dims(self) -> ActiveDims:  # type: ignore[override]
        """Columns of X that the base kernel reads."""
        return self.base_kernel.active_dims

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        base = self.base_kernel
        on_circle: list[Any] = [self._on_circle(X), None if X2 is None else self._on_circle(X2)]
        if not isinstance(base, DistanceStationary):
            A, B = [None if c is None else c.reshape(*c.shape[:-2], -1) for c in on_circle]  # [*B, N, 2D]
            return base.K_r2(square_distance(A, B))  # pyright: ignore[reportArgumentType]
        r: Any = 0.0
        for d in range(X.shape[-1]):
            A, B = (None if c is None else c[..., d, :] for c in on_circle)  # [*B, N, 2]
            r = r + distance(square_distance(A, B))  # pyright: ignore[reportArgumentType]
        return base.K_r(r)

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return self.base_kernel.K_diag(X)

    def _on_circle(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N D 2"]:
        """Points on circles of radius 1/2l: their distance is |sin(pi (x - x') / p)| / l."""
        check_columns("Periodic", "periods", self.period.value, X)
        check_columns("Periodic", "lengthscales", self.base_kernel.lengthscales.value, X)
        p, ell = (per_column(v.value, X) for v in (self.period, self.base_kernel.lengthscales))
        angle = 2.0 * jnp.pi * X / p
        return jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1) / (2.0 * ell)[..., None]
