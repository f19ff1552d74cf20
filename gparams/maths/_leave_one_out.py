r"""Leaving out one observation at a time, from one inverse.

With :math:`A = K^{-1} R` and :math:`d = \mathrm{diag}(K^{-1})`, the prediction of each observation from all the others
has the error :math:`A_{ip} / d_i` and the variance :math:`1 / d_i`. The derivative is in closed form, as that of the log
density is: :math:`dA = K^{-1}(dR - dK A)` and :math:`dd = -\mathrm{diag}(K^{-1} dK K^{-1})`, two matrix products.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._gaussian import _value_solution_and_inverse, whiten
from ._linear_algebra import inverse_from_cholesky, solve_triangular
from ._products import matmul, symmetrize


def leave_one_out(R: Float[Array, "N P"], K: Float[Array, "N N"]) -> tuple[Float[Array, "N P"], Float[Array, " N"]]:
    r"""Predict each row of `R` from all the others, under :math:`N(0, K)`.

    .. math:: r_i - \mu_i = [K^{-1} r]_i / [K^{-1}]_{ii}, \qquad \sigma_i^2 = 1 / [K^{-1}]_{ii}

    Parameters
    ----------
    R : array
        Residuals (data less mean), one output a column.
    K : array
        Their covariance, noise included: symmetric, positive definite. Derivatives are those of a function of its
        symmetric part.

    Returns
    -------
    error : array
        Each residual less its prediction.
    variance : array
        Variances of the predictions, the same for all outputs; noise included, as `K` includes it. NaN where `K` is not
        positive definite.

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, equation 5.12; S. Sundararajan
    and S. S. Keerthi, *Predictive approaches for choosing hyperparameters in Gaussian processes*, 2001.

    Examples
    --------
    >>> error, variance = leave_one_out(jnp.array([[1.0], [3.0]]), jnp.array([[1.0, 0.5], [0.5, 1.0]]))
    >>> print(error[:, 0].round(2), variance.round(2))
    [-0.5  2.5] [0.75 0.75]
    """
    A, d = _solution_and_precisions(R, K)
    return A / d[:, None], 1.0 / d


@jax.custom_jvp
def _solution_and_precisions(R, K):
    L, a = whiten(R, K)
    return solve_triangular(L, a, transpose=True), jnp.diagonal(inverse_from_cholesky(L))


@_solution_and_precisions.defjvp
def _solution_and_precisions_jvp(primals, tangents):
    (R, K), (dR, dK) = primals, tangents
    _, A, K_inverse = _value_solution_and_inverse(R, K)
    S = symmetrize(dK)
    dA = matmul(K_inverse, dR - matmul(S, A))
    dd = -jnp.sum(matmul(K_inverse, S) * K_inverse, -1)
    return (A, jnp.diagonal(K_inverse)), (dA, dd)
