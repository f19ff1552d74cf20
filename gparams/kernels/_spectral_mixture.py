"""SpectralMixture: stationary kernels of any shape, by their spectrum."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..maths import read_count, square_distance
from ..parameters import Parameter, as_parameter, positive, read_key
from ._base import Kernel
from ._inputs import ActiveDims, pair, read_active_dims
from ._stationary import check_columns, per_column


@final
class SpectralMixture(Kernel):
    r"""The spectral mixture kernel: one whose spectral density is a mixture of Q Gaussians.

    .. math:: k(x, x') = \sum_q w_q \prod_d \exp(-2 \pi^2 \tau_d^2 v_{qd}) \cos(2 \pi \tau_d \mu_{qd}), \qquad
              \tau = x - x'

    A mixture can come as near as one likes to any stationary kernel; in return its likelihood has many local optima. Start
    from data (`from_data`), and fit from several starts.

    Parameters
    ----------
    weights
        :math:`w > 0`, [Q], in squared units of the output. A Parameter is adopted whole.
    means
        :math:`\mu > 0`, [Q, D]: frequencies, in cycles over units of the inputs. A Parameter is adopted whole.
    variances
        :math:`v > 0`, [Q, D]: how wide the peaks are, in squared units of frequency; :math:`1 / (2\pi\sqrt{v})` is a
        lengthscale. A Parameter is adopted whole.
    active_dims
        Columns of X that it reads: a list or a slice. All by default.

    Raises
    ------
    ValueError
        If a value is not positive and finite, or shapes don't match.

    References
    ----------
    Wilson & Adams (2013), *Gaussian Process Kernels for Pattern Discovery and Extrapolation*, eq. 12.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.SpectralMixture(weights=[1.0], means=[[0.5]], variances=[[1e-4]])
    >>> print(k(np.array([[0.0], [1.0], [2.0]]))[0].round(3))
    [ 1.    -0.998  0.992]
    """

    weights: Parameter
    means: Parameter
    variances: Parameter
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, weights: Any, means: Any, variances: Any, active_dims: Any = None):
        self.weights = as_parameter(weights, transform=positive(), name="SpectralMixture.weights")
        self.means = as_parameter(means, transform=positive(), name="SpectralMixture.means")
        self.variances = as_parameter(variances, transform=positive(), name="SpectralMixture.variances")
        self.active_dims = read_active_dims(active_dims)
        shapes = [p.shape for p in (self.weights, self.means, self.variances)]
        (Q, *_), (_, D, *_) = (*shapes[0], 0), (*shapes[1], 0, 0)
        if shapes != [(Q,), (Q, D), (Q, D)] or Q < 1 or D < 1:
            raise ValueError(
                f"SpectralMixture: expected weights [Q], means [Q, D] and variances [Q, D], got {shapes[0]}, "
                f"{shapes[1]} and {shapes[2]}"
            )

    @classmethod
    def from_data(cls, X: Any, Y: Any, num_mixtures: int, *, key: Array, active_dims: Any = None) -> "SpectralMixture":
        r"""Draw a start that suits the data.

        Frequencies are uniform up to the Nyquist frequency of the closest inputs, lengthscales
        :math:`1 / (2\pi\sqrt{v})` half-normal with the range of the inputs, and the weights share the variance of Y evenly.

        Parameters
        ----------
        X, Y
            Inputs [N, D] and observations, two different rows at least.
        num_mixtures
            Q, the number of Gaussians.
        key
            Random key.
        active_dims
            Columns of X that the kernel reads.

        Returns
        -------
        The kernel.

        Raises
        ------
        TypeError
            If `num_mixtures` is not a whole number.
        ValueError
            If it is below 1, X is not [N, D] or lacks an active column, or Y or a column of X is not finite, or constant.

        References
        ----------
        Wilson & Adams (2013), section 4 (on the choice of starts).

        Examples
        --------
        >>> import gparams as gp
        >>> import jax
        >>> import numpy as np
        >>> X = np.arange(50.0)[:, None]
        >>> k = gp.kernels.SpectralMixture.from_data(X, np.sin(X), num_mixtures=4, key=jax.random.key(0))
        >>> k.means.shape, bool((k.means.value < 0.5).all())
        ((4, 1), True)
        """
        Q = read_count(num_mixtures, "SpectralMixture.num_mixtures")
        chosen = cls([1.0], [[1.0]], [[1.0]], active_dims)
        X, y = np.asarray(chosen._read(X, "X", False)), np.asarray(Y, dtype=float)
        steps = [np.diff(np.unique(column)) for column in X.reshape(-1, X.shape[-1]).T]
        if any(step.size == 0 for step in steps) or not np.isfinite(y).all() or np.var(y) == 0:
            raise ValueError(
                "SpectralMixture.from_data: expected columns of X and a Y that are finite and not constant"
            )
        finest, span = np.array([step.min() for step in steps]), np.array([step.sum() for step in steps])
        for_means, for_scales = jax.random.split(read_key(key, "SpectralMixture.from_data"))
        shape, dtype = (Q, X.shape[-1]), X.dtype
        u = np.asarray(jax.random.uniform(for_means, shape, dtype, minval=1e-3))
        ell = np.abs(np.asarray(jax.random.normal(for_scales, shape, dtype))) * span + 1e-2 * finest
        weights = np.full(Q, np.var(y) / Q, dtype)
        return cls(weights, (0.5 * u / finest).astype(dtype), ((2.0 * np.pi * ell) ** -2.0).astype(dtype), active_dims)

    @property
    def num_mixtures(self) -> int:
        """Q, the number of Gaussians."""
        return self.weights.shape[0]

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        w, mu, v = self.weights.value, self.means.value, self.variances.value
        check_columns("SpectralMixture", "columns of means", mu, X)

        def component(w: Array, mu: Array, s: Array) -> Array:
            A, B = (None if Z is None else Z * per_column(s, Z) for Z in (X, X2))
            total = w * jnp.exp(-2.0 * np.pi**2 * square_distance(A, B))  # pyright: ignore[reportArgumentType]
            for d in range(X.shape[-1]):
                x, z = pair(X[..., d] * mu[d], None if X2 is None else X2[..., d] * mu[d])
                total = total * jnp.cos(2.0 * np.pi * (x - z))
            return total

        parts = [component(w[q], mu[q], jnp.sqrt(v[q])) for q in range(self.num_mixtures)]
        return sum(parts[1:], parts[0])

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X: all the same."""
        return jnp.broadcast_to(jnp.sum(self.weights.value), X.shape[:-1])
