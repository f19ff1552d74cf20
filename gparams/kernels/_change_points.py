"""ChangePoints: one kernel before a point, and another after it."""

import operator
from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..parameters import Parameter, as_parameter, positive
from ._base import Kernel, read_kernels
from ._inputs import pair


@final
class ChangePoints(Kernel):
    r"""Kernels that take turns along one input: each governs a stretch of it.

    With one change point at :math:`x_0` and the sigmoid :math:`\sigma(x) = 1 / (1 + \exp(-s (x - x_0)))`,

    .. math:: k(x, x') = (1 - \sigma(x))\, k_1(x, x')\, (1 - \sigma(x')) + \sigma(x)\, k_2(x, x')\, \sigma(x')

    With several, each kernel has the sigmoid of the point before it and that of the point after it.

    Parameters
    ----------
    kernels
        Kernels of one output, one more than there are points. A `ChangePoints` among them is not taken apart.
    locations
        :math:`x_0`, in units of the input. They are sorted before use, and have no transform. A Parameter is adopted whole.
    steepness
        :math:`s > 0`, over units of the input: one number, or one for each location (in the order of sorted locations). A
        Parameter is adopted whole.
    switch_dim
        The column of X along which they take turns; by keyword alone. (GPflow has inputs of one column.)

    Raises
    ------
    TypeError
        If one of the kernels is none, or has several outputs.
    ValueError
        If the numbers of kernels, locations and steepnesses don't match, or a steepness is not positive.

    References
    ----------
    Lloyd, Duvenaud, Grosse, Tenenbaum & Ghahramani (2014), *Automatic Construction and Natural-Language Description of
    Nonparametric Regression Models*, section 2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.ChangePoints([gp.kernels.Constant(1.0), gp.kernels.Constant(9.0)], locations=[0.0], steepness=5.0)
    >>> print(k(np.array([[-2.0], [0.0], [2.0]]), full_cov=False).round(2))
    [1.  2.5 9. ]
    """

    kernels: tuple[Kernel, ...]
    locations: Parameter
    steepness: Parameter
    switch_dim: int = eqx.field(static=True)

    # GPflow's fourth argument is a name, which kernels don't have here: a column in its place must say that it is one.
    def __init__(self, kernels: Sequence[Kernel], locations: Any, steepness: Any = 1.0, *, switch_dim: int = 0):
        self.kernels = read_kernels(kernels, "ChangePoints")
        self.locations = as_parameter(locations, name="ChangePoints.locations")
        self.steepness = as_parameter(steepness, transform=positive(), name="ChangePoints.steepness")
        self.switch_dim = operator.index(switch_dim)
        if self.locations.ndim != 1 or len(self.kernels) != self.locations.size + 1:
            raise ValueError(
                f"ChangePoints: expected one location fewer than kernels, a vector of {len(self.kernels) - 1} for "
                f"{len(self.kernels)} kernels, got shape {self.locations.shape}"
            )
        if self.steepness.shape not in ((), (1,), self.locations.shape):
            raise ValueError(
                f"ChangePoints: expected one steepness, or {self.locations.size}, one for each location, got shape "
                f"{self.steepness.shape}"
            )

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        here, there = self._shares(X), None if X2 is None else self._shares(X2)
        total = 0.0
        for i, k in enumerate(self.kernels):
            left, right = pair(here[i], None if there is None else there[i])
            total = total + left * k(X, X2) * right
        return jnp.asarray(total)

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        terms = [share**2 * k(X, full_cov=False) for share, k in zip(self._shares(X), self.kernels, strict=True)]
        return sum(terms[1:], terms[0])

    def _shares(self, X: Array) -> list[Array]:
        """What part each kernel has at each row, [*B, N] a kernel."""
        if not -X.shape[-1] <= self.switch_dim < X.shape[-1]:
            raise ValueError(f"ChangePoints: switch_dim {self.switch_dim} is no column of an input of {X.shape[-1]}")
        x = X[..., self.switch_dim]
        x0, s = jnp.sort(self.locations.value), self.steepness.value
        s = jnp.broadcast_to(s, x0.shape)
        z = [s[i] * (x - x0[i]) for i in range(x0.size)]
        # 1 - sigmoid(z) is written sigmoid(-z), which keeps its digits far after a point.
        begun = [None, *(jax.nn.sigmoid(v) for v in z)]
        going = [*(jax.nn.sigmoid(-v) for v in z), None]
        ones = jnp.ones_like(x)
        return [(ones if a is None else a) * (ones if b is None else b) for a, b in zip(begun, going, strict=True)]
