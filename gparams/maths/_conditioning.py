r"""Conditioning a Gaussian process on a few of its values, and the divergence between Gaussians.

With :math:`L` the factor of the covariance at the conditioning points and :math:`A = L^{-1} K_{uf}`, all of sparse and
variational inference is one formula of a whitened mean :math:`a` and a whitened root :math:`S`:

.. math:: \mu = A^\top a, \qquad \Sigma = K_{ff} - A^\top A + (S^\top A)^\top (S^\top A)
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._chunks import surely_more
from ._linear_algebra import cholesky, inverse_triangular, solve_triangular
from ._products import add_diagonal, matmul, product, symmetrize, transpose_copy

# The root of a covariance: none (the values are known), its diagonal, or a matrix for each function or for all.
Root = Float[Array, "R M M"] | Float[Array, "1 M M"] | Float[Array, "M R"] | None


def condition(
    L: Float[Array, "M M"],
    Kuf: Float[Array, "M N"],
    Kff: Float[Array, " N"] | Float[Array, "N N"],
    a: Float[Array, "M R"],
    S: Root = None,
    *,
    L_inverse: Float[Array, "M M"] | None = None,
) -> tuple[Float[Array, "N R"], Float[Array, "..."]]:
    r"""Condition :math:`f` on :math:`u = L v`, where :math:`v \sim N(a, S S^\top)`, for R functions of one prior.

    .. math:: A = L^{-1} K_{uf}, \qquad \mu = A^\top a, \qquad \Sigma = K_{ff} - A^\top A + (S^\top A)^\top (S^\top A)

    Parameters
    ----------
    L : array
        Lower factor of the covariance of u.
    Kuf : array
        Covariances between u and f.
    Kff : array
        Variances of f, or its covariance matrix.
    a : array
        Means of v, one function a column.
    S : array, optional
        Root of the covariance of v: a matrix for each function, or one for all, or the diagonals as columns. Without
        it v is known.
    L_inverse : array, optional
        The inverse of `L`, from `cholesky_and_inverse`: with it all is products, which run several times faster than
        solving does. `L` is then not read.

    Returns
    -------
    mean : array
        Means of f.
    cov : array
        Variances [N, R], or covariances [R, N, N] where `Kff` is a matrix; variances are never negative, nor are those
        on the diagonal of a covariance.

    References
    ----------
    Titsias (2009), *Variational learning of inducing variables in sparse Gaussian processes*; Hensman, Matthews &
    Ghahramani (2015), *Scalable variational Gaussian process classification*, eq. 12, whitened.

    Examples
    --------
    >>> L, Kuf = jnp.eye(1), jnp.array([[0.5]])
    >>> mean, var = condition(L, Kuf, jnp.array([1.0]), jnp.array([[2.0]]))
    >>> print(mean, var)
    [[1.]] [[0.75]]
    """
    A = _whitened(L, L_inverse, Kuf)
    mean = matmul(A.T, a)
    B = None if S is None else _roots_times(S, A)  # [R, M, N]
    if Kff.ndim == 1:
        var = (Kff - jnp.sum(A * A, 0))[:, None]  # [N, 1]
        if B is not None:
            var = var + jnp.sum(B * B, -2).T
        return mean, jnp.maximum(jnp.broadcast_to(var, mean.shape), 0.0)
    cov = (Kff - matmul(A.T, A))[None]  # [1, N, N]
    if B is not None:
        cov = cov + matmul(jnp.swapaxes(B, -1, -2), B)
    # What rounding leaves below zero on the diagonal is zero, as it is where variances alone are asked for.
    cov = add_diagonal(cov, jnp.maximum(-jnp.diagonal(cov, axis1=-2, axis2=-1), 0.0))
    return mean, jnp.broadcast_to(cov, (a.shape[1], *Kff.shape))


def _whitened(L, L_inverse, Kuf):
    """Give A = L^-1 Kuf."""
    if L_inverse is None and not surely_more(Kuf.shape[1], L.shape[0] // 2):
        return solve_triangular(L, Kuf)
    # For many columns the inverse pays even if it is made for them.
    return product(inverse_triangular(L) if L_inverse is None else L_inverse, Kuf)


def _roots_times(S, A):
    """Give the products of the transposed roots and A, one for each function: [R, M, N]."""
    if S.ndim == 2:
        return S.T[:, :, None] * A[None]
    R, M, K = S.shape
    return product(transpose_copy(S).reshape(R * K, M), A).reshape(R, K, A.shape[1])


def whiten_root(
    L: Float[Array, "M M"] | Float[Array, "R M M"], q_sqrt: Float[Array, "R M M"] | Float[Array, "M R"]
) -> Float[Array, "R M M"]:
    r"""Give the roots :math:`L^{-1} S` of the covariance of :math:`L^{-1} u` from those of u; a diagonal becomes a matrix.

    Parameters
    ----------
    L : array
        A lower triangular matrix, one for all or one for each.
    q_sqrt : array
        Lower roots [R, M, M], or diagonals [M, R].

    Returns
    -------
    array
        Lower roots [R, M, M].

    Examples
    --------
    >>> whiten_root(2.0 * jnp.eye(1), jnp.array([[6.0]])).tolist()
    [[[3.0]]]
    """
    full = jax.vmap(jnp.diag)(q_sqrt.T) if q_sqrt.ndim == 2 else jnp.tril(q_sqrt)
    return jax.vmap(solve_triangular, in_axes=(None if L.ndim == 2 else 0, 0))(L, full)


def base_conditional(
    Kmn: Float[Array, "M N"],
    Kmm: Float[Array, "M M"],
    Knn: Float[Array, " N"] | Float[Array, "N N"],
    f: Float[Array, "M R"],
    *,
    full_cov: bool = False,
    q_sqrt: Root = None,
    white: bool = False,
) -> tuple[Float[Array, "N R"], Float[Array, "..."]]:
    """Condition on values with covariance `Kmm`, by the formula of `condition`; the signature is GPflow's.

    Parameters
    ----------
    Kmn, Kmm, Knn : array
        Covariances: between the values and the new points, of the values, and of the new points (variances alone
        where `full_cov` is False).
    f : array
        The values, or their mean where they are uncertain; one function a column.
    full_cov : bool
        Whether `Knn` is a matrix.
    q_sqrt : array, optional
        Lower roots of the covariance of the values [R, M, M], or its diagonals [M, R].
    white : bool
        Whether `f` and `q_sqrt` are those of v, the values being L v with L the Cholesky factor of `Kmm`.

    Returns
    -------
    mean : array
        [N, R].
    cov : array
        [N, R], or [R, N, N] with `full_cov`.

    Raises
    ------
    ValueError
        If `full_cov` and the shape of `Knn` disagree.

    References
    ----------
    As for `condition`.

    Examples
    --------
    >>> mean, var = base_conditional(jnp.array([[0.5]]), jnp.eye(1), jnp.ones(1), jnp.array([[2.0]]))
    >>> print(mean, var)
    [[1.]] [[0.75]]
    """
    if full_cov != (Knn.ndim == 2):
        raise ValueError(f"base_conditional: full_cov={full_cov}, and Knn has shape {Knn.shape}")
    L = cholesky(symmetrize(Kmm))
    if white:
        return condition(L, Kmn, Knn, f, q_sqrt if q_sqrt is None or q_sqrt.ndim == 2 else jnp.tril(q_sqrt))
    return condition(L, Kmn, Knn, solve_triangular(L, f), None if q_sqrt is None else whiten_root(L, q_sqrt))


def gauss_kl(
    q_mu: Float[Array, "M L"],
    q_sqrt: Float[Array, "L M M"] | Float[Array, "M L"],
    K: Float[Array, "M M"] | Float[Array, "L M M"] | None = None,
    *,
    K_cholesky: Float[Array, "M M"] | Float[Array, "L M M"] | None = None,
) -> Float[Array, ""]:
    r"""Give the Kullback-Leibler divergence of L Gaussians from their priors, summed; in nats.

    .. math:: \sum_l \mathrm{KL}\left[N(\mu_l, S_l S_l^\top) \,\Vert\, N(0, K_l)\right]

    Parameters
    ----------
    q_mu : array
        Means, one Gaussian a column.
    q_sqrt : array
        Lower roots of the covariances, or the diagonals of diagonal ones as columns.
    K : array, optional
        Covariance of the priors, one for all or one for each; the identity by default.
    K_cholesky : array, optional
        Its Cholesky factor, in place of `K`.

    Returns
    -------
    array
        A scalar.

    Raises
    ------
    ValueError
        If both `K` and `K_cholesky` are given.

    References
    ----------
    Rasmussen & Williams (2006), eq. A.23.

    Examples
    --------
    >>> print(gauss_kl(jnp.ones((2, 1)), jnp.eye(2)[None]))
    1.0
    """
    if K is not None and K_cholesky is not None:
        raise ValueError("gauss_kl: give K or K_cholesky, not both")
    L = cholesky(symmetrize(K)) if K is not None else K_cholesky
    if L is None:
        return whitened_kl(q_mu, jnp.tril(q_sqrt) if q_sqrt.ndim == 3 else q_sqrt)
    a = solve_triangular(L, q_mu) if L.ndim == 2 else solve_triangular(L, q_mu.T[:, :, None])[:, :, 0].T
    return whitened_kl(a, whiten_root(L, q_sqrt))


def whitened_kl(a: Float[Array, "M L"], S: Float[Array, "L M M"] | Float[Array, "M L"]) -> Float[Array, ""]:
    r"""Give :math:`\sum_l \mathrm{KL}[N(a_l, S_l S_l^\top) \Vert N(0, I)]`, for triangular or diagonal roots; in nats.

    Parameters
    ----------
    a : array
        Means, one Gaussian a column.
    S : array
        Triangular roots, or the diagonals of diagonal ones as columns.

    Returns
    -------
    array
        A scalar.

    References
    ----------
    Rasmussen & Williams (2006), eq. A.23.

    Examples
    --------
    >>> print(whitened_kl(jnp.ones((2, 1)), jnp.ones((2, 1))))
    1.0
    """
    diagonal = S if S.ndim == 2 else jnp.diagonal(S, axis1=-2, axis2=-1)
    half_log_determinant = jnp.sum(jnp.log(jnp.abs(diagonal)))
    return 0.5 * (jnp.sum(a * a) + jnp.sum(S * S) - a.size) - half_log_determinant
