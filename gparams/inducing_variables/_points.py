"""Inducing variables of one function: its values at points, and averages around points."""

from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..kernels import Kernel, MultioutputKernel, SquaredExponential
from ..maths import add_diagonal
from ..parameters import Parameter, as_parameter, positive
from ._base import InducingVariables


def read_points(Z: Any, name: str) -> Parameter:
    if isinstance(Z, Parameter):
        points = as_parameter(Z)
    else:
        array = np.asarray(Z) if not hasattr(Z, "aval") else Z
        points = as_parameter(array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float))
    if points.ndim != 2:
        mend = f"; one point a row: pass {name}[:, None]" if points.ndim == 1 else ""
        raise ValueError(f"inducing variables: expected {name} of shape [M, D], got {points.shape}{mend}")
    return points


def _dense(points: Array, kernel: Kernel, jitter: float) -> Array:
    """Covariance of the function at the points; [M, P, M, P] where it has several outputs."""
    K = kernel(points, full_cov=True)
    if isinstance(kernel, MultioutputKernel):
        size = K.shape[0] * K.shape[1]
        return add_diagonal(K.reshape(size, size), jitter).reshape(K.shape)
    return add_diagonal(K, jitter)


@final
class InducingPoints(InducingVariables):
    """Values of the function itself at points Z. With a multi-output kernel: of all outputs at each point.

    Parameters
    ----------
    Z
        The points [M, D], in units of the inputs. An array, or a Parameter, which is adopted whole.

    Raises
    ------
    ValueError
        If Z has not two axes.

    References
    ----------
    Titsias (2009), *Variational learning of inducing variables in sparse Gaussian processes*.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> Z = gp.inducing_variables.InducingPoints(np.array([[0.0], [1.0]]))
    >>> print(Z.Kuu(gp.kernels.SquaredExponential()).round(3))
    [[1.    0.607]
     [0.607 1.   ]]
    """

    Z: Parameter

    def __init__(self, Z: Any):
        self.Z = read_points(Z, "Z")

    @property
    def num_inducing(self) -> int:
        """Number M of points."""
        return self.Z.shape[0]

    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "..."]:
        """Covariance [M, M], or [M, P, M, P] for a multi-output kernel."""
        return _dense(self.Z.value, kernel, jitter)

    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "..."]:
        """Covariances [M, N], or [M, P, N, P] for a multi-output kernel."""
        return kernel(self.Z.value, X)


@final
class DataPoints(InducingVariables):
    """Values of the function at inputs that are facts, not Parameters: those of the data.

    Parameters
    ----------
    X
        The inputs [N, D].

    References
    ----------
    Rasmussen & Williams (2006), section 2.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> gp.inducing_variables.DataPoints(jnp.zeros((3, 1))).num_inducing
    3
    """

    X: Float[Array, "N D"]

    def __init__(self, X: Float[Array, "N D"]):
        self.X = X

    @property
    def num_inducing(self) -> int:
        """Number N of inputs."""
        return self.X.shape[0]

    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "..."]:
        """Covariance [N, N], or [N, P, N, P] for a multi-output kernel."""
        return _dense(self.X, kernel, jitter)

    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "..."]:
        """Covariances [N, N2], or [N, P, N2, P] for a multi-output kernel."""
        return kernel(self.X, X)


@final
class Multiscale(InducingVariables):
    r"""Averages of the function, each under a Gaussian of its own width, for the squared exponential kernel.

    .. math:: u_m = \int f(x) \prod_d N(x_d \mid z_{md}, (\ell_d + s_{md})^2 - \ell_d^2) \, dx

    so that the lengthscale of :math:`u_m` with the function is :math:`\ell + s_m`, GPflow's parametrisation.

    Parameters
    ----------
    Z
        Centres [M, D], in units of the inputs. An array, or a Parameter, which is adopted whole.
    scales
        Widths :math:`s > 0`, [M, D], in units of the inputs; a width of 0 would be a point. An array, or a Parameter, which
        is adopted whole.

    Raises
    ------
    ValueError
        If Z has not two axes, or the scales another shape than Z, or a scale is not positive and finite.
    TypeError
        In `Kuu` and `Kuf`, if the kernel is not `SquaredExponential`.

    References
    ----------
    Walder, Kim & Schölkopf (2008), *Sparse multiscale Gaussian process regression*; Lázaro-Gredilla &
    Figueiras-Vidal (2009), *Inter-domain Gaussian processes for sparse inference using inducing features*.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> Z = gp.inducing_variables.Multiscale(np.zeros((1, 1)), 0.5 * np.ones((1, 1)))
    >>> print(Z.Kuf(gp.kernels.SquaredExponential(), np.zeros((1, 1))).round(3))
    [[0.667]]
    """

    Z: Parameter
    scales: Parameter

    def __init__(self, Z: Any, scales: Any):
        self.Z = read_points(Z, "Z")
        self.scales = as_parameter(scales, transform=positive())
        if self.scales.shape != self.Z.shape:
            raise ValueError(f"Multiscale: expected scales of the shape of Z, {self.Z.shape}, got {self.scales.shape}")

    @property
    def num_inducing(self) -> int:
        """Number M of centres."""
        return self.Z.shape[0]

    def Kuu(self, kernel: Kernel, *, jitter: float = 0.0) -> Float[Array, "M M"]:
        """Covariance [M, M]."""
        Z, widths, ell = self._read(kernel)
        w2 = widths**2
        scale = jnp.sqrt(w2[None] + w2[:, None] - jnp.broadcast_to(ell**2, w2.shape)[None])  # [M, M, D]
        return add_diagonal(_smoothed(kernel, Z, Z, scale, ell), jitter)

    def Kuf(self, kernel: Kernel, X: Any) -> Float[Array, "M N"]:
        """Covariances [M, N]."""
        Z, widths, ell = self._read(kernel)
        return _smoothed(kernel, Z, kernel.slice(jnp.asarray(X)), widths[:, None], ell)

    def _read(self, kernel: Kernel) -> tuple[Array, Array, Array]:
        """Centres [M, d], their lengthscales with the function [M, d], and the kernel's own [1, d]."""
        if not isinstance(kernel, SquaredExponential):
            raise TypeError(
                f"Multiscale: its covariances are known for SquaredExponential, not {type(kernel).__name__}"
            )
        Z, s = kernel.slice(self.Z.value), kernel.slice(self.scales.value)
        ell = jnp.broadcast_to(kernel.lengthscales.value, (1, Z.shape[1]))
        return Z, ell + s, ell


def _smoothed(kernel: Any, A: Array, B: Array, scale: Array, ell: Array) -> Array:
    """Covariance of averages: A [M, d] and B [N, d] with lengthscales `scale` [M, N or 1, d]."""
    r2 = jnp.sum(((A[:, None] - B[None]) / scale) ** 2, -1)
    return kernel.variance.value * jnp.exp(-0.5 * r2) * jnp.prod(ell[None] / scale, -1)


def as_inducing_variables(value: Any) -> InducingVariables:
    """Give inducing points where an array stands for them.

    Parameters
    ----------
    value
        Inducing variables, which are returned as they are; or points [M, D], in units of the inputs.

    Returns
    -------
    Inducing variables.

    Raises
    ------
    ValueError
        If the points have not two axes.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.inducing_variables.as_inducing_variables([[0.0], [1.0]]).num_inducing
    2
    """
    return value if isinstance(value, InducingVariables) else InducingPoints(value)
