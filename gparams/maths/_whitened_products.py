r"""The products that sparse regression is made of, at three large matrix products for value and derivative.

With :math:`A = L^{-1} K`, both :math:`A A^\top` and :math:`A R` are sums over the many columns of K, and so is their
derivative: with :math:`F = L^{-1} dL`

.. math:: d(A A^\top) = T + T^\top, \quad T = L^{-1} (dK A^\top) - F (A A^\top), \qquad
    d(A R) = L^{-1} (dK R) - F (A R) + A dR

and the cotangent of K is one product of an M x M matrix with A. Differentiating through a triangular solve takes twice as
many products, and a solve runs at a fraction of their speed.
"""

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ._linear_algebra import inverse_triangular, matmul, times_transpose, transpose_copy


def whitened_products(
    L: Float[Array, "M M"], K: Float[Array, "M N"], R: Float[Array, "N P"]
) -> tuple[Float[Array, "M M"], Float[Array, "M P"]]:
    r"""Give :math:`A A^\top` and :math:`A R`, where :math:`A = L^{-1} K`, for many more columns of K than rows.

    Parameters
    ----------
    L : array
        A lower triangular matrix.
    K : array
        Covariances, one column a datum.
    R : array
        Residuals, one row a datum.

    Returns
    -------
    AAT : array
        [M, M], symmetric to rounding.
    AR : array
        [M, P].

    References
    ----------
    Titsias (2009), *Variational learning of inducing variables in sparse Gaussian processes*, eq. 9, whose terms they are.

    Examples
    --------
    >>> AAT, AR = whitened_products(2.0 * jnp.eye(1), jnp.array([[2.0, 4.0]]), jnp.array([[1.0], [1.0]]))
    >>> print(AAT, AR)
    [[5.]] [[3.]]
    """
    return _products(L, K, R)


@jax.custom_jvp
def _products(L, K, R):
    A = matmul(inverse_triangular(L), K)
    return times_transpose(A, A), matmul(A, R)


def _products_jvp(primals, tangents):
    L, K, R = primals
    dL, dK, dR = tangents
    P = inverse_triangular(L)
    A = matmul(P, K)
    AAT, AR = times_transpose(A, A), matmul(A, R)
    half, dAR = jnp.zeros_like(AAT), jnp.zeros_like(AR)
    if not isinstance(dK, SymbolicZero):
        # The factor is held transposed, so that its product in the transposed rule runs along its rows.
        left = transpose_copy(P)
        half = half + jnp.einsum("km,kn->mn", left, times_transpose(dK, A), precision="highest")
        dAR = dAR + jnp.einsum("km,kp->mp", left, matmul(dK, R), precision="highest")
    if not isinstance(dL, SymbolicZero):
        F = matmul(P, jnp.tril(dL))
        half, dAR = half - matmul(F, AAT), dAR - matmul(F, AR)
    if not isinstance(dR, SymbolicZero):
        dAR = dAR + matmul(A, dR)
    return (AAT, AR), (half + jnp.swapaxes(half, -1, -2), dAR)


_products.defjvp(_products_jvp, symbolic_zeros=True)
