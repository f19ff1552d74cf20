"""The posterior of a Gaussian process: every inference ends here."""

from typing import Any, final

import jax.numpy as jnp
from jaxtyping import Array, Float

from .kernels import Kernel
from .maths import solve_triangular
from .mean_functions import MeanFunction
from .parameters import Module


@final
class Posterior(Module):
    r"""A Gaussian process given data, kept as the factor of a covariance and whitened residuals.

    With :math:`A = L^{-1} K(Z, X_*)`,

    .. math:: \mu_* = m(X_*) + A^\top a, \qquad \Sigma_* = K_{**} - A^\top A

    Parameters
    ----------
    kernel, mean_function
        Those of the prior.
    Z
        The inputs that the process is conditioned on; for exact regression the data's.
    L
        Lower Cholesky factor of their covariance, noise included.
    a
        Whitened residuals, :math:`L^{-1}(Y - m(Z))`.

    References
    ----------
    Rasmussen & Williams (2006), algorithm 2.1.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0]])
    >>> posterior = gp.models.GPR((X, X), kernel=gp.kernels.SquaredExponential()).posterior()
    >>> mean, variance = posterior.predict_f(np.array([[0.5]]))
    >>> mean.shape, variance.shape
    ((1, 1), (1, 1))
    """

    kernel: Kernel
    mean_function: MeanFunction
    Z: Float[Array, "M D"]
    L: Float[Array, "M M"]
    a: Float[Array, "M P"]

    def predict_f(
        self, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of the latent function at new inputs.

        Parameters
        ----------
        Xnew
            New inputs [N, D], one a row.
        full_cov
            Covariances between inputs, and not the variances alone.
        full_output_cov
            Covariances between outputs (zero here, outputs are independent), and not the variances alone.

        Returns
        -------
        mean
            [N, P].
        covariance
            [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.
        """
        Xnew = jnp.asarray(Xnew)
        A = solve_triangular(self.L, self.kernel(self.Z, Xnew))  # [M, N]
        mean = self.mean_function(Xnew) + A.T @ self.a  # [N, P]
        if full_cov:
            cov = self.kernel(Xnew) - A.T @ A  # [N, N]
        else:
            cov = jnp.maximum(self.kernel(Xnew, full_cov=False) - jnp.sum(A**2, 0), 0.0)  # [N]
        return mean, independent_outputs(cov, mean.shape[-1], full_cov=full_cov, full_output_cov=full_output_cov)


def independent_outputs(cov: Array, num_outputs: int, *, full_cov: bool, full_output_cov: bool) -> Array:
    """Give one covariance ([N, N] or [N]) to each of P independent outputs, in GPflow's shapes.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> independent_outputs(jnp.ones(4), 2, full_cov=False, full_output_cov=True).shape
    (4, 2, 2)
    """
    eye = jnp.eye(num_outputs, dtype=cov.dtype)
    if full_cov and full_output_cov:
        return cov[:, None, :, None] * eye[None, :, None, :]  # [N, P, N, P]
    if full_cov:
        return jnp.broadcast_to(cov, (num_outputs, *cov.shape))  # [P, N, N]
    if full_output_cov:
        return cov[:, None, None] * eye[None]  # [N, P, P]
    return jnp.broadcast_to(cov[:, None], (*cov.shape, num_outputs))  # [N, P]
