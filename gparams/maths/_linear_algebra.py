"""The linear algebra of exact Gaussian processes: one Cholesky factor, and the inverse made from it.

Everything here works on a stack of matrices (any leading dimensions), under `jax.jit`, `jax.vmap` and
derivatives of any order and mode, and runs unchanged on a GPU. A matrix that is not positive definite gives
NaN, never an exception: a caller that can do something about it looks for the NaN. `cholesky_with_jitter` looks for it
by itself, and tries again.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from . import _blocks as blocks
from ._jitter import RETRIES, default_jitter, fractions_of, places, until_done
from ._products import matmul, product, symmetrize, times_transpose, transpose_copy

# The inverse is built from blocks of about so many rows, larger where that would make too many of them.
# Smaller blocks do less arithmetic, larger ones run nearer to the speed of a plain matrix product; 256 was
# best or close to it from N = 500 to 4000.
_BLOCK_ROWS = 256
_MAX_BLOCKS = 16


def cholesky(K: Float[Array, "*B N N"]) -> Float[Array, "*B N N"]:
    r"""Give the lower triangular factor `L` of a symmetric matrix: :math:`K = L L^\top`.

    Only one triangle of `K` is read. So its derivatives are right if `K` is symmetric for every value of
    what it is made from (then so is its tangent), as kernel matrices are. For a matrix whose triangles can
    move on their own, pass `symmetrize(K)`.

    Parameters
    ----------
    K : array
        A symmetric positive definite matrix, or a stack of them.

    Returns
    -------
    array
        The factor, zero above the diagonal; NaN where `K` is not positive definite.

    References
    ----------
    G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th edition, 2013, chapter 4.

    Examples
    --------
    >>> cholesky(jnp.array([[4.0, 2.0], [2.0, 10.0]])).tolist()
    [[2.0, 0.0], [1.0, 3.0]]
    """
    # LAPACK reads by columns. The transpose of K, which is K, is there without a copy, and it leaves XLA free
    # to store K by rows: a derivative that met K by columns and its cotangent by rows would read one of them
    # against the grain.
    return lax.linalg.cholesky(jnp.swapaxes(K, -1, -2), symmetrize_input=False)


def cholesky_with_jitter(K: Float[Array, "*B N N"]) -> tuple[Float[Array, "*B N N"], Float[Array, "*B"]]:
    r"""Give the lower triangular factor of `K`, or, only where that fails, of :math:`K + jI` with the least `j` tried.

    The amounts tried are 1e-12, 1e-10, 1e-8 and 1e-6 of the mean of the diagonal in float64; 1e-6, 1e-5, 1e-4 and 1e-3
    in float32. The tries are a loop on the device that is entered only after a failure, also under `jax.vmap` (a
    condition would become a selection there, with both sides computed). Derivatives, of any order and mode, are those of
    the factor at fixed `j`.

    Parameters
    ----------
    K : array
        A symmetric positive definite matrix, or a stack of them; see `cholesky` for what its derivatives ask for.

    Returns
    -------
    L : array
        The factor, zero above the diagonal; NaN where even the largest amount did not do.
    jitter : array
        The amount `j` that was added: zero where none was needed.

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, section A.2.

    Examples
    --------
    >>> L, jitter = cholesky_with_jitter(jnp.ones((2, 2), jnp.float32))
    >>> L.round(2).tolist(), f"{jitter:.0e}"
    ([[1.0, 0.0], [1.0, 0.0]], '1e-06')
    """
    default_jitter(K.dtype)  # refuses a dtype that has none
    return with_jitter_of(K, fractions_of(K, RETRIES[np.dtype(K.dtype)]))


@jax.custom_jvp
def with_jitter_of(
    K: Float[Array, "*B N N"], amounts: Float[Array, "*B T"]
) -> tuple[Float[Array, "*B N N"], Float[Array, "*B"]]:
    """Give what `cholesky_with_jitter` gives, with these amounts to try."""
    retry = _retry
    for _ in K.shape[:-2]:
        retry = jax.vmap(retry)
    return retry(K, amounts)


def _retry(K, amounts):
    # For one matrix: the map over a stack leaves those that have succeeded as they are.
    # The loop carries the factor as LAPACK leaves it, by columns and with the other triangle still full: its transpose by
    # rows. Otherwise XLA copies it against the grain on the way in and out, a tenth of the whole at N = 1000.
    def factor(K):
        U = jnp.swapaxes(lax.linalg.cholesky_p.bind(jnp.swapaxes(K, -1, -2)), -1, -2)
        return U, ~jnp.isnan(U[-1, -1])

    def attempt(jitter):
        rows, columns = places(len(K), jitter)
        return factor(jnp.where(rows == columns, K + jitter, K))

    U, jitter = until_done(*factor(K), attempt, amounts)
    return jnp.tril(jnp.swapaxes(U, -1, -2)), jitter


@with_jitter_of.defjvp
def _with_jitter_jvp(primals, tangents):
    # The jitter is a constant.
    dK, _ = tangents
    L, jitter = with_jitter_of(*primals)
    W = solve_triangular(L, jnp.swapaxes(solve_triangular(L, dK), -1, -2))
    return (L, jitter), (matmul(L, _half_of(W)), jnp.zeros_like(jitter))


def _half_of(W):
    """Give F in dL = L F, from W = L^-1 dK L^-T: the lower triangle, and half of the diagonal."""
    return 0.5 * (jnp.tril(W) + jnp.tril(W, -1))


def cholesky_and_inverse(K: Float[Array, "*B N N"]) -> tuple[Float[Array, "*B N N"], Float[Array, "*B N N"]]:
    r"""Give the lower triangular factor of a symmetric matrix and the inverse of the factor: :math:`K = L L^\top`.

    With the inverse at hand, what stands before many right-hand sides is a product and no triangular solve, and so is the
    derivative. With :math:`F = \Phi(L^{-1} dK L^{-\top})`, where :math:`\Phi` takes the lower triangle and half of the
    diagonal,

    .. math:: dL = L F, \qquad dL^{-1} = -F L^{-1}

    Parameters
    ----------
    K : array
        A symmetric positive definite matrix, or a stack of them; see `cholesky` for what its derivatives ask for.

    Returns
    -------
    L : array
        The factor, zero above the diagonal; NaN where `K` is not positive definite.
    inverse : array
        Its inverse, zero above the diagonal.

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

    References
    ----------
    Murray (2016), *Differentiation of the Cholesky decomposition*, eqs. 7 and 8.

    Examples
    --------
    >>> L, inverse = cholesky_and_inverse(jnp.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> L.tolist(), inverse.tolist()
    ([[2.0, 0.0], [1.0, 2.0]], [[0.5, 0.0], [-0.25, 0.5]])
    """
    default_jitter(K.dtype)  # refuses a dtype that has none
    return _cholesky_and_inverse(K)


@jax.custom_jvp
def _cholesky_and_inverse(K):
    return lax.platform_dependent(K, cpu=_by_blocks, default=_by_solving)


def _by_blocks(K):
    def one(K):
        factor, _ = blocks.factorise(K, least_pivot=blocks.WITH_INVERSE, keep_lower=True)
        return blocks.lower(factor), blocks.inverse_of_lower(factor)

    for _ in K.shape[:-2]:
        one = jax.vmap(one)
    return one(K)


def _by_solving(K):
    L = cholesky(K)
    return L, solve_triangular(L, jnp.broadcast_to(jnp.eye(K.shape[-1], dtype=K.dtype), K.shape))


@_cholesky_and_inverse.defjvp
def _cholesky_and_inverse_jvp(primals, tangents):
    (K,), (dK,) = primals, tangents
    L, inverse = _cholesky_and_inverse(K)
    W = times_transpose(product(inverse, dK), inverse)
    F = _half_of(W)
    return (L, inverse), (matmul(L, F), -matmul(F, inverse))


def solve_triangular(
    L: Float[Array, "*B N N"], B: Float[Array, "*B N P"], *, transpose: bool = False
) -> Float[Array, "*B N P"]:
    r"""Solve with a lower triangular matrix: :math:`L^{-1} B`, or :math:`L^{-\top} B`.

    Parameters
    ----------
    L : array
        A lower triangular matrix; what stands above its diagonal is not read.
    B : array
        The right-hand sides, one a column.
    transpose : bool
        Whether to solve with the transpose of `L`.

    Returns
    -------
    array
        The solutions, one a column.

    References
    ----------
    G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th edition, 2013, chapter 3.

    Examples
    --------
    >>> L = jnp.array([[2.0, 0.0], [1.0, 3.0]])
    >>> solve_triangular(L, jnp.array([[2.0], [7.0]])).tolist()
    [[1.0], [2.0]]
    """
    return lax.linalg.triangular_solve(L, B, left_side=True, lower=True, transpose_a=transpose)


def inverse_from_cholesky(L: Float[Array, "*B N N"]) -> Float[Array, "*B N N"]:
    r"""Give the inverse of a matrix from its Cholesky factor: :math:`K^{-1} = L^{-\top} L^{-1}`.

    The inverse grows from its last rows and columns towards its first. With the factor of the trailing rows
    and columns, and what the step before left, written

    .. math:: \begin{pmatrix} L_{11} & 0 \\ L_{21} & L_{22} \end{pmatrix}, \qquad
        P_{22} = L_{22}^{-\top} L_{22}^{-1}, \qquad W = L_{21} L_{11}^{-1},

    one step is

    .. math:: P_{21} = -P_{22} W, \qquad P_{11} = L_{11}^{-\top} L_{11}^{-1} + W^\top P_{22} W.

    Nearly all of it is matrix products, and it takes less than half of the arithmetic of solving with the
    identity. Nothing is approximated; rounding is a few times that of solving with the identity.

    Parameters
    ----------
    L : array
        A lower triangular matrix, or a stack of them; what stands above its diagonal is not read.

    Returns
    -------
    array
        The inverse, both triangles; symmetric to rounding.

    References
    ----------
    N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, 2002, chapter 14 (inverses
    from triangular factors, by blocks).

    Examples
    --------
    >>> L = jnp.array([[2.0, 0.0], [0.0, 4.0]])
    >>> inverse_from_cholesky(L).tolist()
    [[0.25, 0.0], [0.0, 0.0625]]
    """
    return _inverse(L)


def inverse_triangular(L: Float[Array, "*B N N"]) -> Float[Array, "*B N N"]:
    """Give the inverse of a lower triangular matrix, by halves, so that nearly all of it is matrix products.

    A product with it runs several times faster than a triangular solve, at about the same accuracy; it pays where there
    are about as many right-hand sides as rows.

    Parameters
    ----------
    L : array
        A lower triangular matrix, or a stack of them; what stands above its diagonal is not read.

    Returns
    -------
    array
        The inverse, lower triangular.

    References
    ----------
    N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, 2002, section 14.2.2 (by blocks).

    Examples
    --------
    >>> inverse_triangular(jnp.array([[2.0, 0.0], [2.0, 4.0]])).tolist()
    [[0.5, 0.0], [-0.25, 0.25]]
    """
    return _inverse_triangular(L)


@jax.custom_jvp
def _inverse_triangular(L):
    n = L.shape[-1]
    if n <= _BLOCK_ROWS // 2:
        return solve_triangular(L, jnp.broadcast_to(jnp.eye(n, dtype=L.dtype), L.shape))
    h = n // 2
    top, bottom = _inverse_triangular(L[..., :h, :h]), _inverse_triangular(L[..., h:, h:])
    left = -matmul(bottom, matmul(L[..., h:, :h], top))
    upper = jnp.concatenate([top, jnp.zeros((*L.shape[:-2], h, n - h), L.dtype)], -1)
    return jnp.concatenate([upper, jnp.concatenate([left, bottom], -1)], -2)


@_inverse_triangular.defjvp
def _inverse_triangular_jvp(primals, tangents):
    (L,), (dL,) = primals, tangents
    P = _inverse_triangular(L)
    return P, -matmul(matmul(P, jnp.tril(dL)), P)


@jax.custom_jvp
def _inverse(L):
    cuts = _cuts(L.shape[-1])
    out = jnp.zeros_like(L)
    end = L.shape[-1]
    # One output array is written in place: joining blocks with jnp.block costs more than the arithmetic.
    for low, high in reversed(list(zip(cuts[:-1], cuts[1:], strict=True))):
        L11 = L[..., low:high, low:high]
        eye = jnp.broadcast_to(jnp.eye(high - low, dtype=L.dtype), L11.shape)
        C = solve_triangular(L11, eye, transpose=True)  # the transpose of L11^-1
        P11 = times_transpose(C, C)
        if high < end:
            # The transposes of W and of P22 W, so that every product is of the form A @ B.T.
            W_t = lax.optimization_barrier(times_transpose(C, L[..., high:, low:high]))
            V_t = lax.optimization_barrier(times_transpose(W_t, out[..., high:, high:]))
            P11 = P11 + times_transpose(V_t, W_t)
            out = _write(out, -V_t, low, high)
            out = _write(out, -transpose_copy(V_t), high, low)
        out = _write(out, P11, low, low)
    return out


@_inverse.defjvp
def _inverse_jvp(primals, tangents):
    # From P = (L L^T)^-1: dP = -(G + G^T) with G = P dL L^T P = P dL L^-1. Three large calls, whatever the
    # number of blocks, and itself made of differentiable pieces, so derivatives of any order follow.
    (L,), (dL,) = primals, tangents
    P = _inverse(L)
    G = lax.linalg.triangular_solve(L, matmul(P, jnp.tril(dL)), left_side=False, lower=True)
    return P, -2.0 * symmetrize(G)


def _write(out, block, row, column):
    return lax.dynamic_update_slice(out, block, (0,) * (out.ndim - 2) + (row, column))


def _cuts(n: int) -> list[int]:
    blocks = min(_MAX_BLOCKS, max(1, round(n / _BLOCK_ROWS)))
    return [n * i // blocks for i in range(blocks + 1)]
