"""The three parametrisations of a Gaussian between which natural gradients move.

A stack of Gaussians, one a latent function, is written as its mean and the lower triangular square root of its covariance
(the variational parameters), as natural parameters, or as expectation parameters. No jitter is added anywhere: a pair
that is not the parameters of a Gaussian gives NaN.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._linear_algebra import cholesky, inverse_from_cholesky, solve_triangular
from ._products import symmetrize, times_transpose

Columns = Float[Array, "M L"]
Matrices = Float[Array, "L M M"]


def upper_cholesky(A: Float[Array, "*B M M"]) -> Float[Array, "*B M M"]:
    r"""Give the upper triangular factor `U` of a symmetric matrix: :math:`A = U U^\top`.

    Its transposed inverse is the lower triangular root of the inverse, :math:`A^{-1} = U^{-\top} U^{-1}`, which takes a
    second factorisation otherwise.

    Parameters
    ----------
    A
        A symmetric positive definite matrix, or a stack of them.

    Returns
    -------
    The factor, zero below the diagonal; NaN where `A` is not positive definite.

    References
    ----------
    G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th edition, 2013, chapter 4.

    Examples
    --------
    >>> U = upper_cholesky(jnp.array([[10.0, 2.0], [2.0, 4.0]]))
    >>> U.tolist()
    [[3.0, 1.0], [0.0, 2.0]]
    """
    return jnp.flip(cholesky(jnp.flip(A, (-1, -2))), (-1, -2))


def _apply(A: Matrices, m: Columns) -> Columns:
    return jnp.einsum("lij,jl->il", A, m, precision="highest")


def _outer(m: Columns) -> Matrices:
    return m.T[:, :, None] * m.T[:, None, :]


def meanvarsqrt_to_natural(mu: Columns, s_sqrt: Matrices) -> tuple[Columns, Matrices]:
    r"""Give the natural parameters: :math:`\theta_1 = S^{-1} m`, :math:`\theta_2 = -\tfrac12 S^{-1}`, :math:`S = L L^\top`.

    Parameters
    ----------
    mu
        Means, one Gaussian a column.
    s_sqrt
        Lower triangular roots of their covariances.

    Returns
    -------
    The two natural parameters, of the same shapes.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 2.2.

    Examples
    --------
    >>> nat1, nat2 = meanvarsqrt_to_natural(jnp.array([[1.0]]), jnp.array([[[2.0]]]))
    >>> print(nat1, nat2)
    [[0.25]] [[[-0.125]]]
    """
    precision = inverse_from_cholesky(s_sqrt)  # [L, M, M]
    return _apply(precision, mu), -0.5 * precision


def natural_to_meanvarsqrt(nat1: Columns, nat2: Matrices) -> tuple[Columns, Matrices]:
    r"""Give mean and root from natural parameters: :math:`S = (-2 \theta_2)^{-1}`, :math:`m = S \theta_1`.

    Parameters
    ----------
    nat1, nat2
        Natural parameters, as `meanvarsqrt_to_natural` gives them.

    Returns
    -------
    Means, and lower triangular roots of the covariances; NaN where :math:`-\theta_2` is not positive definite.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 2.2.

    Examples
    --------
    >>> mu, s_sqrt = natural_to_meanvarsqrt(jnp.array([[0.25]]), jnp.array([[[-0.125]]]))
    >>> print(mu, s_sqrt)
    [[1.]] [[[2.]]]
    """
    U = upper_cholesky(-2.0 * nat2)
    eye = jnp.broadcast_to(jnp.eye(U.shape[-1], dtype=U.dtype), U.shape)
    s_sqrt = solve_triangular(jnp.swapaxes(U, -1, -2), eye)
    return _apply(times_transpose(s_sqrt, s_sqrt), nat1), s_sqrt


def meanvarsqrt_to_expectation(mu: Columns, s_sqrt: Matrices) -> tuple[Columns, Matrices]:
    r"""Give the expectation parameters: :math:`\eta_1 = m`, :math:`\eta_2 = S + m m^\top`.

    Parameters
    ----------
    mu
        Means, one Gaussian a column.
    s_sqrt
        Lower triangular roots of their covariances.

    Returns
    -------
    The two expectation parameters, of the same shapes.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 2.2.

    Examples
    --------
    >>> eta1, eta2 = meanvarsqrt_to_expectation(jnp.array([[1.0]]), jnp.array([[[2.0]]]))
    >>> print(eta1, eta2)
    [[1.]] [[[5.]]]
    """
    return mu, times_transpose(s_sqrt, s_sqrt) + _outer(mu)


def expectation_to_meanvarsqrt(eta1: Columns, eta2: Matrices) -> tuple[Columns, Matrices]:
    r"""Give mean and root from expectation parameters: :math:`m = \eta_1`, :math:`S = \eta_2 - \eta_1 \eta_1^\top`.

    Parameters
    ----------
    eta1, eta2
        Expectation parameters, as `meanvarsqrt_to_expectation` gives them.

    Returns
    -------
    Means, and lower triangular roots of the covariances; NaN where the covariance is not positive definite.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 2.2.

    Examples
    --------
    >>> mu, s_sqrt = expectation_to_meanvarsqrt(jnp.array([[1.0]]), jnp.array([[[5.0]]]))
    >>> print(mu, s_sqrt)
    [[1.]] [[[2.]]]
    """
    return eta1, cholesky(symmetrize(eta2 - _outer(eta1)))


def natural_to_expectation(nat1: Columns, nat2: Matrices) -> tuple[Columns, Matrices]:
    r"""Give expectation parameters from natural ones.

    .. math:: m = -\tfrac12 \theta_2^{-1} \theta_1, \qquad \eta_1 = m, \qquad \eta_2 = -\tfrac12 \theta_2^{-1} + m m^\top

    Parameters
    ----------
    nat1, nat2
        Natural parameters, as `meanvarsqrt_to_natural` gives them.

    Returns
    -------
    The two expectation parameters; NaN where :math:`-\theta_2` is not positive definite.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 2.2.

    Examples
    --------
    >>> eta1, eta2 = natural_to_expectation(jnp.array([[0.25]]), jnp.array([[[-0.125]]]))
    >>> print(eta1, eta2)
    [[1.]] [[[5.]]]
    """
    return meanvarsqrt_to_expectation(*natural_to_meanvarsqrt(nat1, nat2))


def expectation_to_natural(eta1: Columns, eta2: Matrices) -> tuple[Columns, Matrices]:
    r"""Give natural parameters from expectation ones.

    .. math:: S = \eta_2 - \eta_1 \eta_1^\top, \qquad \theta_1 = S^{-1} \eta_1, \qquad \theta_2 = -\tfrac12 S^{-1}

    Parameters
    ----------
    eta1, eta2
        Expectation parameters, as `meanvarsqrt_to_expectation` gives them.

    Returns
    -------
    The two natural parameters; NaN where S is not positive definite.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 2.2.

    Examples
    --------
    >>> nat1, nat2 = expectation_to_natural(jnp.array([[1.0]]), jnp.array([[[5.0]]]))
    >>> print(nat1, nat2)
    [[0.25]] [[[-0.125]]]
    """
    return meanvarsqrt_to_natural(*expectation_to_meanvarsqrt(eta1, eta2))
