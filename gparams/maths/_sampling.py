"""Draws from many Gaussians at once."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._linear_algebra import cholesky
from ._products import add_diagonal


def draw_gaussian(
    mean: Float[Array, "N P"],
    cov: Float[Array, "..."],
    noise: Float[Array, "S N P"],
    jitter: float,
    *,
    full_cov: bool,
    full_output_cov: bool,
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
        L = _factor(cov.reshape(N * P, N * P), jitter)
        return mean[None] + (noise.reshape(S, N * P) @ L.T).reshape(S, N, P)
    L = _factor(cov, jitter)
    return mean[None] + (jnp.einsum("pnm,smp->snp", L, noise) if full_cov else jnp.einsum("npq,snq->snp", L, noise))


def _factor(cov: Array, jitter: float) -> Array:
    scale = jnp.mean(jnp.diagonal(cov, axis1=-2, axis2=-1), -1, keepdims=True)  # [*B, 1]
    return cholesky(add_diagonal(cov, jnp.broadcast_to(jitter * scale, cov.shape[:-1])))
