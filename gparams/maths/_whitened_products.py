r"""The products that sparse regression is made of, at three large matrix products for value and derivative.

With :math:`P = L^{-1}` and :math:`A = P K`, both :math:`A A^\top` and :math:`A R` are sums over the many columns of K,
and so is their derivative: since :math:`K = L A`,

.. math:: d(A A^\top) = T + T^\top, \quad T = P (dK A^\top) + dP (L A A^\top), \qquad
    d(A R) = P (dK R) + dP (K R) + A dR

and the cotangent of K is one product of an M x M matrix with A. Differentiating through the products takes twice as many.
"""

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ._products import matmul, times_transpose, transpose_copy


def whitened_products(
    L: Float[Array, "M M"], L_inverse: Float[Array, "M M"], K: Float[Array, "M N"], R: Float[Array, "N P"]
) -> tuple[Float[Array, "M M"], Float[Array, "M P"]]:
    r"""Give :math:`A A^\top` and :math:`A R`, where :math:`A = L^{-1} K`, for many more columns of K than rows.

    Parameters
    ----------
    L, L_inverse : array
        A lower triangular matrix and its inverse, from `cholesky_and_inverse`. Derivatives go by the inverse alone.
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
    >>> K = jnp.array([[2.0, 4.0]])
    >>> AAT, AR = whitened_products(2.0 * jnp.eye(1), 0.5 * jnp.eye(1), K, jnp.array([[1.0], [1.0]]))
    >>> print(AAT, AR)
    [[5.]] [[3.]]
    """
    return _products(L, L_inverse, K, R)


@jax.custom_jvp
def _products(L, L_inverse, K, R):
    A = matmul(L_inverse, K)
    return times_transpose(A, A), matmul(A, R)


def _products_jvp(primals, tangents):
    L, P, K, R = primals
    _, dP, dK, dR = tangents
    A = matmul(P, K)
    AAT, AR = times_transpose(A, A), matmul(A, R)
    half, dAR = jnp.zeros_like(AAT), jnp.zeros_like(AR)
    if not isinstance(dK, SymbolicZero):
        # The factor is held transposed, so that its product in the transposed rule runs along its rows.
        left = transpose_copy(P)
        half = half + jnp.einsum("km,kn->mn", left, times_transpose(dK, A), precision="highest")
        dAR = dAR + jnp.einsum("km,kp->mp", left, matmul(dK, R), precision="highest")
    if not isinstance(dP, SymbolicZero):
        half, dAR = half + matmul(dP, matmul(L, AAT)), dAR + matmul(dP, matmul(K, R))
    if not isinstance(dR, SymbolicZero):
        dAR = dAR + matmul(A, dR)
    return (AAT, AR), (half + jnp.swapaxes(half, -1, -2), dAR)


_products.defjvp(_products_jvp, symbolic_zeros=True)
