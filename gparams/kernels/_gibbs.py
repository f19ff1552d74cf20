"""GibbsKernel: a squared exponential whose lengthscale changes from place to place."""

import contextlib
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
from ._inputs import ActiveDims, pair, read_active_dims
from ._networks import MISFITS, as_misfit, of_each_row, read_network
from ._numbers import one_number


@final
class GibbsKernel(Kernel):
    r"""The Gibbs kernel: a squared exponential with a lengthscale that is a function of the input.

    .. math:: k(x, x') = \sigma^2 \prod_d \left(\frac{2 \ell_d(x) \ell_d(x')}{\ell_d(x)^2 + \ell_d(x')^2}\right)^{1/2}
              \exp\left(-\sum_d \frac{(x_d - x'_d)^2}{\ell_d(x)^2 + \ell_d(x')^2}\right)

    Parameters
    ----------
    lengthscales
        :math:`\ell > 0`, in units of the inputs: a function or module from one input [D] to [D], or to [1] for one
        lengthscale in all dimensions, which is mapped over the rows. One that takes no single input gets X [..., N, D]
        whole, and gives [..., N, D] or [..., N, 1]. Its Parameters train; a module that has none, such as a plain
        `eqx.nn.MLP`, is taken through `gparams.parametrize`. It is given bare, and not inside a function.
    variance
        :math:`\sigma^2 > 0`, in squared units of the output. A number, or a Parameter, which is adopted whole.
    active_dims
        Columns of X that it reads, and hands to the function: a list or a slice. All by default.

    Raises
    ------
    TypeError
        If the lengthscale is not callable, or a function that keeps a network with something to train.
    ValueError
        If the variance is not one positive number; and, when called, if the network does not take inputs of so many
        numbers, or lengthscales are of the wrong shape or not positive (under jit, where they can't be looked at, the
        covariances of such a row are NaN).

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

    A network learns where to be rough; its last layer keeps the lengthscale positive.

    >>> import equinox as eqx
    >>> import jax
    >>> mlp = eqx.nn.MLP(1, 1, 8, depth=1, final_activation=jax.nn.softplus, key=jax.random.key(0))
    >>> list(gp.parameter_dict(gp.kernels.GibbsKernel(mlp)))[:2]
    ['variance', 'lengthscales.layers[0].weight']
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
        expected = [(*X.shape[:-1], 1), X.shape]
        ell = self._of_rows_or_whole(X)
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

    def _of_rows_or_whole(self, X: Array) -> Any:
        """What the function makes of each row; or of X whole, if it doesn't take a row, or gives no lengthscales for it.

        Rows come first: X of as many rows as a network has inputs could be taken for a matrix, and give wrong numbers.
        """
        rows: Any = None
        with contextlib.suppress(*MISFITS):
            rows = of_each_row(self.lengthscales, X)
        if isinstance(rows, jax.Array):
            rows = rows.reshape(*X.shape[:-1], *rows.shape[1:])
            if rows.shape in ((*X.shape[:-1], 1), X.shape):
                return rows
            with contextlib.suppress(*MISFITS):
                return self.lengthscales(X)
            return rows  # its shape is what there is to say
        with as_misfit(self.lengthscales, X, "GibbsKernel"):
            return self.lengthscales(X)
