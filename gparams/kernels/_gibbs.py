"""GibbsKernel: a squared exponential whose lengthscale changes from place to place."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..maths import square_distance
from ..parameters import Parameter
from ._base import Kernel
from ._deep import read_network
from ._inputs import ActiveDims, pair, read_active_dims
from ._numbers import one_number


@final
class GibbsKernel(Kernel):
    r"""The Gibbs kernel: a squared exponential with a lengthscale that is a function of the input.

    .. math:: k(x, x') = \sigma^2 \prod_d \left(\frac{2 \ell_d(x) \ell_d(x')}{\ell_d(x)^2 + \ell_d(x')^2}\right)^{1/2}
              \exp\left(-\sum_d \frac{(x_d - x'_d)^2}{\ell_d(x)^2 + \ell_d(x')^2}\right)

    Parameters
    ----------
    lengthscales
        :math:`\ell > 0`, in units of the inputs: a function or module from X [..., N, D] to [..., N, D], or to
        [..., N, 1] for one lengthscale in all dimensions. Its Parameters train; a module that has none is taken through
        `gparams.parametrize`.
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    active_dims
        Columns of X that it reads, and hands to the function: a list or a slice. All by default.

    Raises
    ------
    TypeError
        If the lengthscale is not callable.
    ValueError
        If the variance is not one positive number; and, when called, if lengthscales are of the wrong shape or not positive
        (under jit, where they can't be looked at, the covariances of such a row are NaN).

    References
    ----------
    Gibbs (1997), *Bayesian Gaussian Processes for Regression and Classification*, section 3.10.3. Rasmussen & Williams
    (2006), eq. 4.32.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.GibbsKernel(lambda X: 0.5 + abs(X))  # rough near the origin, smooth far from it
    >>> print(k(np.array([[0.0], [1.0], [10.0], [11.0]])).round(2)[[0, 2], [1, 3]])
    [0.52 0.99]
    """

    variance: Parameter
    lengthscales: Callable[..., Any]
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, lengthscales: Callable[..., Any], variance: Any = 1.0, active_dims: Any = None):
        self.variance = one_number(self, "variance", variance)
        self.lengthscales = read_network(lengthscales, "GibbsKernel")
        self.active_dims = read_active_dims(active_dims)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        s2, ell, ell2 = self.variance.value, self._at(X), None if X2 is None else self._at(X2)
        D, scale, r2 = X.shape[-1], 1.0, 0.0
        # The columns go one by one, for the memory; all at once where they share the lengthscale.
        for d in range(ell.shape[-1]):
            a, b = pair(ell[..., d], None if ell2 is None else ell2[..., d])
            sum2 = a * a + b * b
            columns = slice(d, d + 1) if ell.shape[-1] > 1 else slice(None)
            r2 = r2 + square_distance(X[..., columns], None if X2 is None else X2[..., columns]) / sum2
            scale = scale * (2.0 * a * b / sum2)
        power = 0.5 if ell.shape[-1] == D else 0.5 * D
        return s2 * scale**power * jnp.exp(-r2)

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return jnp.broadcast_to(self.variance.value, X.shape[:-1])

    def _at(self, X: Array) -> Array:
        """Lengthscales at the rows of X."""
        ell = self.lengthscales(X)
        expected = [(*X.shape[:-1], 1), X.shape]
        if jnp.shape(ell) not in expected:
            raise ValueError(
                f"GibbsKernel: expected lengthscales of shape {expected[0]} or {expected[1]} for X of shape {X.shape}, got "
                f"{jnp.shape(ell)}"
            )
        ell = jnp.asarray(ell)
        if not isinstance(ell, jax.core.Tracer) and not (ell > 0).all():
            raise ValueError(
                f"GibbsKernel: expected positive lengthscales, got {ell.min()}; end the function in a softplus"
            )
        return jnp.where(ell > 0, ell, jnp.full_like(ell, jnp.nan))
