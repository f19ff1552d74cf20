"""Draws from many Gaussians at once."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._jitter import RETRIES
from ._linear_algebra import cholesky, with_jitter_of
from ._products import add_diagonal


def draw_gaussian(
    mean: Float[Array, "N P"],
    cov: Float[Array, "..."],
    noise: Float[Array, "S N P"],
    jitter: float,
    *,
    full_cov: bool,
    full_output_cov: bool,
    scale: Float[Array, ""] | None = None,
) -> Float[Array, "S N P"]:
    r"""Turn standard normal noise z into draws from the Gaussian of a prediction.

    They are :math:`\mu + L z`, with :math:`\Sigma = L L^\top` the covariance.

    Parameters
    ----------
    mean, cov : array
        As `predict_f` gives them: [N, P], and [N, P], [P, N, N], [N, P, P] or [N, P, N, P].
    noise : array
        Standard normal numbers.
    jitter : float
        Added to the diagonal of each covariance matrix, as a fraction of its mean.
    scale : float
        Variance of the numbers that the covariances are differences of, such as the prior's. Where rounding of that size
        keeps a matrix from being factorised, growing fractions of it are added, as in `cholesky_with_jitter`; by default
        nothing is tried again.
    full_cov, full_output_cov : bool
        Which covariances `cov` holds.

    Returns
    -------
    array
        Draws [S, N, P]; NaN where a covariance is not positive definite.

    References
    ----------
    Rasmussen & Williams (2006), section A.2.

    Examples
    --------
    >>> mean, var = jnp.ones((1, 1)), 4.0 * jnp.ones((1, 1))
    >>> print(draw_gaussian(mean, var, jnp.ones((1, 1, 1)), 0.0, full_cov=False, full_output_cov=False))
    [[[3.]]]
    """
    S, N, P = noise.shape
    if not full_cov and not full_output_cov:
        return mean[None] + jnp.sqrt(cov)[None] * noise
    if full_cov and full_output_cov:
        L = _factor(cov.reshape(N * P, N * P), jitter, scale)
        return mean[None] + (noise.reshape(S, N * P) @ L.T).reshape(S, N, P)
    L = _factor(cov, jitter, scale)
    return mean[None] + (jnp.einsum("pnm,smp->snp", L, noise) if full_cov else jnp.einsum("npq,snq->snp", L, noise))


def _factor(cov: Array, jitter: float, scale: Array | None) -> Array:
    own = jnp.mean(jnp.diagonal(cov, axis1=-2, axis2=-1), -1, keepdims=True)  # [*B, 1]
    cov = add_diagonal(cov, jnp.broadcast_to(jitter * own, cov.shape[:-1]))
    if scale is None:
        return cholesky(cov)
    amounts = scale * jnp.asarray(RETRIES[np.dtype(cov.dtype)], cov.dtype)
    return with_jitter_of(cov, jnp.broadcast_to(amounts, (*cov.shape[:-2], amounts.size)))[0]
