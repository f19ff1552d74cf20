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
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from . import _blocks as blocks
from ._jitter import default_jitter
from ._linear_algebra import cholesky_with_jitter, inverse_from_cholesky, solve_triangular
from ._products import matmul, symmetrize, times_transpose, transpose_copy


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

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, equations 2.30
    (the value) and 5.9 (its derivative).

    Examples
    --------
    >>> float(gaussian_log_density(jnp.zeros((2, 1)), jnp.eye(2) / (2.0 * jnp.pi)))
    0.0
    """
    default_jitter(K.dtype)  # refuses a dtype that has none
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

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

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


def _from_diagonal(diagonal, a):
    """Give the log density from the diagonal of the factor and the whitened residuals."""
    N, P = a.shape
    half_log_determinant = jnp.sum(jnp.log(diagonal))
    return -0.5 * jnp.sum(a * a) - P * half_log_determinant - 0.5 * N * P * math.log(2.0 * math.pi)


@jax.custom_jvp
def _log_density(R, K):
    return lax.platform_dependent(R, K, cpu=lambda R, K: _by_blocks(R, K)[0], default=lambda R, K: _by_solving(R, K)[0])


def _log_density_jvp(primals, tangents):
    (R, K), (dR, dK) = primals, tangents
    if isinstance(dK, SymbolicZero):
        # Only the mean is differentiated: no inverse is needed.
        value, A = _value_and_solution(R, K)
        tangent = jnp.zeros_like(value)
    else:
        value, A, G = _value_and_cotangents(R, K)
        tangent = jnp.sum(G * dK)
    if not isinstance(dR, SymbolicZero):
        tangent = tangent - jnp.sum(A * dR)
    return value, tangent


_log_density.defjvp(_log_density_jvp, symbolic_zeros=True)


@jax.custom_jvp
def _value_and_solution(R, K):
    """Give the log density and A = K^-1 R, where only R is differentiated."""
    return lax.platform_dependent(
        R, K, cpu=lambda R, K: _by_blocks(R, K)[:2], default=lambda R, K: _by_solving(R, K)[:2]
    )


@_value_and_solution.defjvp
def _value_and_solution_jvp(primals, tangents):
    (value, A, _), (dvalue, dA, _) = jax.jvp(_value_solution_and_inverse, primals, tangents)
    return (value, A), (dvalue, dA)


@jax.custom_jvp
def _value_and_cotangents(R, K):
    """Give the log density and its derivatives: A = K^-1 R is that by -R, and the symmetric G that by K."""
    return lax.platform_dependent(R, K, cpu=_cotangents_by_blocks, default=_cotangents_by_solving)


def _cotangents_by_blocks(R, K):
    value, A, factor = _by_blocks(R, K)
    return value, A, blocks.inverse_of_product(factor, lambda block, i, j: _cotangent(A[i], A[j], block))


def _cotangents_by_solving(R, K):
    value, A, K_inverse = _inverse_by_solving(R, K)
    return value, A, _cotangent(A, A, K_inverse)


def _by_solving(R, K):
    L, a = whiten(R, K)
    return _from_diagonal(jnp.diagonal(L), a), solve_triangular(L, a, transpose=True), L


def _by_blocks(R, K):
    factor, _ = blocks.factorise(K, jitter=True)
    a = blocks.solve(factor, R)
    return _from_diagonal(blocks.diagonal(factor), a), blocks.solve_transposed(factor, a), factor


def _cotangent(A, A2, K_inverse):
    return 0.5 * (times_transpose(A, A2) - A.shape[1] * K_inverse)


@_value_and_cotangents.defjvp
def _value_and_cotangents_jvp(primals, tangents):
    # Second derivatives start here: with the inverse at hand, they too reuse the factor.
    (R, K), (dR, dK) = primals, tangents
    (value, A, K_inverse), (dvalue, dA, dK_inverse) = jax.jvp(_value_solution_and_inverse, (R, K), (dR, dK))
    outer = times_transpose(A, dA)
    dG = 0.5 * (outer + transpose_copy(outer) - A.shape[1] * dK_inverse)
    return (value, A, _cotangent(A, A, K_inverse)), (dvalue, dA, dG)


@jax.custom_jvp
def _value_solution_and_inverse(R, K):
    """Give the log density, A = K^-1 R and K^-1 from one factor."""
    return lax.platform_dependent(R, K, cpu=_inverse_by_blocks, default=_inverse_by_solving)


def _inverse_by_blocks(R, K):
    value, A, factor = _by_blocks(R, K)
    return value, A, blocks.inverse_of_product(factor)


def _inverse_by_solving(R, K):
    value, A, L = _by_solving(R, K)
    return value, A, inverse_from_cholesky(L)


@_value_solution_and_inverse.defjvp
def _value_solution_and_inverse_jvp(primals, tangents):
    # dK^-1 = -K^-1 dK K^-1
    (R, K), (dR, dK) = primals, tangents
    value, A, K_inverse = _value_solution_and_inverse(R, K)
    S = symmetrize(dK)
    dvalue = jnp.sum(_cotangent(A, A, K_inverse) * S) - jnp.sum(A * dR)
    dA = matmul(K_inverse, dR - matmul(S, A))
    return (value, A, K_inverse), (dvalue, dA, -matmul(matmul(K_inverse, S), K_inverse))
