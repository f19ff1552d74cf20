r"""The log density of a Gaussian, with its derivative in closed form.

Differentiating through a Cholesky factorisation costs several times the factorisation. The derivative of the
log density needs none of it: with :math:`A = K^{-1} R`,

.. math:: d \log p = \tfrac12 \mathrm{tr}\left[(A A^\top - P K^{-1}) \, dK\right] - \mathrm{tr}[A^\top dR]

so the cotangent that goes back to the kernel is one matrix, made from the factor that the value has already
paid for, and any kernel profits. The rule is a custom JVP. JAX transposes it for reverse mode; forward mode
and Hessians go on working, because :math:`A` and :math:`K^{-1}` carry a closed form of their own.
"""

import math

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ._linear_algebra import (
    cholesky_with_jitter,
    inverse_from_cholesky,
    matmul,
    solve_triangular,
    symmetrize,
    times_transpose,
)


def gaussian_log_density(R: Float[Array, "N P"], K: Float[Array, "N N"]) -> Float[Array, ""]:
    r"""Give the log density of the columns of `R` under one Gaussian: :math:`\sum_p \log N(r_p \mid 0, K)`.

    All columns share one Cholesky factor, and its derivatives reuse it. The inverse of `K` is made only when
    a derivative with respect to `K` is asked for.

    Parameters
    ----------
    R : array
        Residuals (data less mean), one output a column.
    K : array
        Their covariance, noise included: symmetric, positive definite. One triangle is read; derivatives
        are those of a function of the symmetric part of `K`.

    Returns
    -------
    array
        The log density, a scalar; NaN where `K` is not positive definite. Where only rounding keeps `K` from a
        factorisation, the value is that of `K` and the jitter that `cholesky_with_jitter` adds, and so are its
        derivatives, at fixed jitter.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, equations 2.30
    (the value) and 5.9 (its derivative).

    Examples
    --------
    >>> float(gaussian_log_density(jnp.zeros((2, 1)), jnp.eye(2) / (2.0 * jnp.pi)))
    0.0
    """
    return _log_density(R, K)


def whiten(R: Float[Array, "N P"], K: Float[Array, "N N"]) -> tuple[Float[Array, "N N"], Float[Array, "N P"]]:
    r"""Give the Cholesky factor and the whitened residuals: :math:`K = L L^\top` and :math:`a = L^{-1} R`.

    It is what a posterior keeps: with :math:`B = L^{-1} K(X, X_*)`, the mean is :math:`B^\top a`, and the
    covariance is :math:`K_{**} - B^\top B`.

    Parameters
    ----------
    R : array
        Residuals, one output a column.
    K : array
        Their covariance, noise included; see `cholesky` for what its derivatives ask for.

    Returns
    -------
    L : array
        The lower triangular factor, from `cholesky_with_jitter`.
    a : array
        The whitened residuals.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, algorithm 2.1.

    Examples
    --------
    >>> L, a = whiten(jnp.array([[4.0], [6.0]]), 4.0 * jnp.eye(2))
    >>> a.tolist()
    [[2.0], [3.0]]
    """
    L, _ = cholesky_with_jitter(K)
    return L, solve_triangular(L, R)


def _from_factor(L, a):
    """Give the log density from `whiten`'s pair."""
    N, P = a.shape
    half_log_determinant = jnp.sum(jnp.log(jnp.diagonal(L)))
    return -0.5 * jnp.sum(a * a) - P * half_log_determinant - 0.5 * N * P * math.log(2.0 * math.pi)


@jax.custom_jvp
def _log_density(R, K):
    return _from_factor(*whiten(R, K))


def _log_density_jvp(primals, tangents):
    (R, K), (dR, dK) = primals, tangents
    if isinstance(dK, SymbolicZero):
        # Only the mean is differentiated: no inverse is needed.
        value, A = _value_and_solution(R, K)
        tangent = jnp.zeros_like(value)
    else:
        value, A, K_inverse = _value_solution_and_inverse(R, K)
        tangent = jnp.sum(_half_cotangent(A, K_inverse) * dK)
    if not isinstance(dR, SymbolicZero):
        tangent = tangent - jnp.sum(A * dR)
    return value, tangent


_log_density.defjvp(_log_density_jvp, symbolic_zeros=True)


def _half_cotangent(A, K_inverse):
    """Give the derivative of the log density with respect to K: a symmetric matrix."""
    return 0.5 * (times_transpose(A, A) - A.shape[1] * K_inverse)


def _value_and_solution(R, K):
    L, a = whiten(R, K)
    return _from_factor(L, a), solve_triangular(L, a, transpose=True)


@jax.custom_jvp
def _value_solution_and_inverse(R, K):
    """Give the log density, A = K^-1 R and K^-1 from one factor."""
    L, a = whiten(R, K)
    return _from_factor(L, a), solve_triangular(L, a, transpose=True), inverse_from_cholesky(L)


@_value_solution_and_inverse.defjvp
def _value_solution_and_inverse_jvp(primals, tangents):
    # Second derivatives start here: dK^-1 = -K^-1 dK K^-1, so they too reuse the factor.
    (R, K), (dR, dK) = primals, tangents
    value, A, K_inverse = _value_solution_and_inverse(R, K)
    S = symmetrize(dK)
    dvalue = jnp.sum(_half_cotangent(A, K_inverse) * S) - jnp.sum(A * dR)
    dA = matmul(K_inverse, dR - matmul(S, A))
    dK_inverse = -matmul(matmul(K_inverse, S), K_inverse)
    return (value, A, K_inverse), (dvalue, dA, dK_inverse)
