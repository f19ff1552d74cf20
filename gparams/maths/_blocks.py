r"""Cholesky factors by blocks, made of matrix products: on a CPU they are faster than LAPACK's as XLA calls it.

On a CPU, XLA hands factorisations and triangular solves to the LAPACK that SciPy brings. It was seen to run at a quarter of
the speed of XLA's own matrix products, and its threads go on spinning for a while after each call, beside the products that
follow. Here only blocks so small that LAPACK stays on one thread are left to it, and each comes with the inverse of its
factor, so that no triangular solve is needed: the factor of an augmented matrix holds both,

.. math:: \begin{pmatrix} K & I \\ I & c I \end{pmatrix}
    = \begin{pmatrix} L & 0 \\ L^{-\top} & \cdot \end{pmatrix} \begin{pmatrix} L & 0 \\ L^{-\top} & \cdot \end{pmatrix}^\top

for any large c. The rest is recursion by halves (Golub & Van Loan, *Matrix Computations*, 4th edition, 2013, section 4.2;
Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, 2002, chapters 10, 13 and 14).

Multiplying by the inverse of a diagonal block, in place of solving with it, loses about as many digits as the root of the
block's condition number has. A factor that could suffer from it is made by LAPACK after all (`factorise`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ._jitter import RETRIES, fractions_of, places, until_done
from ._products import by_rows, matmul, times_transpose, transpose_copy

# LAPACK as SciPy brings it takes up threads from 128 rows on; a block and its inverse take twice the block's rows.
_LEAF_ROWS = 63

# Up to so many rows, a diagonal block and its inverse are put together whole: products of larger matrices run faster.
_WHOLE_ROWS = 4 * _LEAF_ROWS

# A symmetric product is made in at most so many strips, of at least so many rows: narrower ones save more and run slower.
_STRIPS, _STRIP_ROWS = 4, 500

_LARGE = {np.dtype(np.float64): 1e200, np.dtype(np.float32): 1e30}

# The least root of a pivot, as a fraction of the root of its own diagonal entry, that blocks are trusted with: the error of
# the factor is about a rounding unit over that fraction, and must be small beside the pivot, its square. Exact regression
# wants all digits of the determinant; where the inverse of the factor is used as such, these are lost already.
EXACT = {np.dtype(np.float64): 5e-4, np.dtype(np.float32): 1e-2}
WITH_INVERSE = {np.dtype(np.float64): 1e-4, np.dtype(np.float32): 5e-3}


class Leaf(NamedTuple):
    """The inverse of a diagonal block of a factor, and the block itself where it is wanted; both lower triangular."""

    inverse: Array
    L: Array | None


class Node(NamedTuple):
    """A factor in blocks: [[top, 0], [left, bottom]]."""

    top: "Factor"
    left: Array
    bottom: "Factor"


Factor = Leaf | Node


class Blocks(NamedTuple):
    """The lower triangle of a symmetric matrix in blocks; what is small is an array."""

    top: "Blocks | Array"
    left: Array
    bottom: "Blocks | Array"


def factorise(
    K: Float[Array, "N N"], *, least_pivot: dict = EXACT, jitter: bool = False, keep_lower: bool = False
) -> tuple[Factor, Float[Array, ""]]:
    """Factorise one symmetric matrix, with jitter on its diagonal where rounding alone keeps it from that, if wanted.

    By blocks first; by LAPACK where a pivot is so small that blocks would lose its digits; then by LAPACK with growing
    jitter.

    Parameters
    ----------
    K
        The matrix; one triangle is read.
    least_pivot
        `EXACT` or `WITH_INVERSE`: how small a pivot blocks are trusted with.
    jitter
        Whether to add to the diagonal where LAPACK fails, too.
    keep_lower
        Whether `lower` will be asked for: the diagonal blocks themselves are wanted for nothing else.

    Returns
    -------
    factor
        The lower triangular factor; NaN where all tries failed.
    jitter
        The amount that was added to the diagonal.
    """
    dtype = np.dtype(K.dtype)
    K = by_rows(K)
    first = _factor(_cut(K))
    pivots = jnp.min(diagonal(first) / jnp.sqrt(jnp.diagonal(K)))

    def attempt(jitter):
        factor = _lapack(K, jitter)
        return _kept(factor, keep_lower), jnp.isfinite(diagonal(factor)[-1])

    fractions = (0.0, *(RETRIES[dtype] if jitter else ()))
    trusted = pivots >= least_pivot[dtype]
    return until_done(_kept(first, keep_lower), trusted, attempt, fractions_of(K, fractions))


def _kept(factor: Factor, keep_lower: bool) -> Factor:
    if isinstance(factor, Node):
        return Node(_kept(factor.top, keep_lower), factor.left, _kept(factor.bottom, keep_lower))
    return factor if keep_lower else factor._replace(L=None)


def lower(factor: Factor) -> Float[Array, "N N"]:
    """Put the factor together as one matrix; its diagonal blocks must have been kept."""
    if isinstance(factor, Leaf):
        assert factor.L is not None
        return factor.L
    return _join(lower(factor.top), factor.left, lower(factor.bottom))


def inverse_of_lower(factor: Factor) -> Float[Array, "N N"]:
    """Invert the factor."""
    if isinstance(factor, Leaf):
        return factor.inverse
    top, bottom = inverse_of_lower(factor.top), inverse_of_lower(factor.bottom)
    return _join(top, -matmul(bottom, matmul(factor.left, top)), bottom)


def inverse_of_product(
    factor: Factor, finish: Callable[[Array, slice, slice], Array] = lambda block, rows, columns: block
) -> Float[Array, "N N"]:
    r"""Invert what was factorised: :math:`L^{-\top} L^{-1}`, both triangles.

    With C the inverse of the trailing block's product and :math:`W = L_{21} L_{11}^{-1}`,

    .. math:: \begin{pmatrix} L_{11}^{-\top} L_{11}^{-1} + W^\top C W & -W^\top C \\ -C W & C \end{pmatrix}

    Parameters
    ----------
    factor
        The factor.
    finish
        What is made of a block of the inverse before it is stored, given the rows and columns where it stands: what is
        wanted of the inverse need not be stored beside it.
    """
    if isinstance(factor, Leaf):
        transposed = transpose_copy(factor.inverse)
        return finish(times_transpose(transposed, transposed), slice(None), slice(None))
    C = inverse_of_product(factor.bottom)
    # The transposes of W and of C W, so that every product is of the form A @ B.T, the fastest.
    W = transpose_copy(_times_inverse(factor.left, factor.top))
    V = times_transpose(W, C)
    top = inverse_of_product(factor.top)
    # Written into one array: joining blocks would store every row of them twice.
    h, n = top.shape[0], top.shape[0] + C.shape[0]
    out = jnp.zeros((n, n), top.dtype)

    def write(out, block, row, column):
        rows, columns = slice(row, row + block.shape[0]), slice(column, column + block.shape[1])
        return lax.dynamic_update_slice(out, finish(block, rows, columns), (row, column))

    for first, end in _strips(h):
        # V W^T is symmetric: a strip is computed up to its own last row, and what lies beyond it is copied.
        strip = top[first:end, :end] + times_transpose(V[first:end], W[:end])
        out = write(out, strip, first, 0)
        if first:
            out = write(out, transpose_copy(strip[:, :first]), 0, first)
    out = write(out, -V, 0, h)
    out = write(out, -transpose_copy(V), h, 0)
    return write(out, C, h, h)


def _strips(n: int) -> list[tuple[int, int]]:
    """Where strips of the rows of a symmetric product begin and end."""
    num = min(max(n // _STRIP_ROWS, 1), _STRIPS)
    return [(n * k // num, n * (k + 1) // num) for k in range(num)]


def diagonal(factor: Factor) -> Float[Array, " N"]:
    """Give the diagonal of the factor."""
    if isinstance(factor, Leaf):
        return 1.0 / jnp.diagonal(factor.inverse)
    return jnp.concatenate([diagonal(factor.top), diagonal(factor.bottom)])


def solve(factor: Factor, B: Float[Array, "N P"]) -> Float[Array, "N P"]:
    """Give L^-1 B, for few columns."""
    if isinstance(factor, Leaf):
        return matmul(factor.inverse, B)
    h = factor.left.shape[-1]
    top = solve(factor.top, B[:h])
    return jnp.concatenate([top, solve(factor.bottom, B[h:] - matmul(factor.left, top))])


def solve_transposed(factor: Factor, B: Float[Array, "N P"]) -> Float[Array, "N P"]:
    """Give L^-T B, for few columns."""
    if isinstance(factor, Leaf):
        return matmul(factor.inverse.T, B)
    h = factor.left.shape[-1]
    bottom = solve_transposed(factor.bottom, B[h:])
    return jnp.concatenate([solve_transposed(factor.top, B[:h] - matmul(factor.left.T, bottom)), bottom])


def _half(n: int, rows: int) -> int:
    """Where to cut so that parts of at most so many rows are as few as can be, and of one size to a row."""
    parts = -(-n // rows)
    return -(-n * ((parts + 1) // 2) // parts)


def _cut(K: Array) -> Blocks | Array:
    n = K.shape[-1]
    if n <= _WHOLE_ROWS:
        return K
    h = _half(n, _WHOLE_ROWS)
    return Blocks(_cut(K[:h, :h]), K[h:, :h], _cut(K[h:, h:]))


def _factor(K: Blocks | Array) -> Factor:
    """Factorise by blocks and their inverses."""
    whole = not isinstance(K, Blocks)
    if whole and K.shape[-1] <= _LEAF_ROWS:
        return _leaf(K)
    if whole:
        h = _half(K.shape[-1], _LEAF_ROWS)
        K = Blocks(K[:h, :h], K[h:, :h], K[h:, h:])
    top = _factor(K.top)
    left = _times_inverse_transpose(K.left, top)
    node = Node(top, left, _factor(_minus_product(K.bottom, left)))
    return Leaf(inverse_of_lower(node), lower(node)) if whole else node


def _leaf(K: Array) -> Leaf:
    n = K.shape[-1]
    rest = np.zeros((2 * n, 2 * n), K.dtype)
    rest[n:, :n], rest[n:, n:] = np.eye(n), _LARGE[np.dtype(K.dtype)] * np.eye(n)
    augmented = _padded(K, 0, n, 0, n) + rest
    L = lax.linalg.cholesky_p.bind(augmented)  # as LAPACK leaves it: nothing is zeroed but what is used
    return Leaf(by_rows(L[n:, :n].T), by_rows(jnp.tril(L[:n, :n])))


def _lapack(K: Array, jitter: Array) -> Factor:
    """Factorise with jitter by LAPACK's factor and solves, which lose nothing."""

    def cut(L):
        n = L.shape[-1]
        if n > _WHOLE_ROWS:
            h = _half(n, _WHOLE_ROWS)
            return Node(cut(L[:h, :h]), by_rows(L[h:, :h]), cut(L[h:, h:]))
        rows, columns = places(n, jitter)
        L = by_rows(jnp.where(rows >= columns, L, 0.0))
        eye = jnp.where(rows == columns, jnp.ones((), L.dtype), 0.0)
        return Leaf(by_rows(lax.linalg.triangular_solve(L, eye, left_side=True, lower=True)), L)

    rows, columns = places(K.shape[-1], jitter)
    return cut(lax.linalg.cholesky_p.bind(jnp.where(rows == columns, K + jitter, K).T))


def _minus_product(K: Blocks | Array, left: Array) -> Blocks | Array:
    """Take left left^T from what is left of the matrix."""
    if not isinstance(K, Blocks):
        return K - times_transpose(left, left)
    h = K.left.shape[-1]
    upper, under = left[:h], left[h:]
    return Blocks(_minus_product(K.top, upper), K.left - times_transpose(under, upper), _minus_product(K.bottom, under))


def _times_inverse_transpose(B: Array, factor: Factor) -> Array:
    """B L^-T."""
    if isinstance(factor, Leaf):
        return times_transpose(B, factor.inverse)
    h = factor.left.shape[-1]
    first = _times_inverse_transpose(B[:, :h], factor.top)
    rest = B[:, h:] - times_transpose(first, factor.left)
    return jnp.concatenate([first, _times_inverse_transpose(rest, factor.bottom)], -1)


def _times_inverse(B: Array, factor: Factor) -> Array:
    """B L^-1."""
    if isinstance(factor, Leaf):
        return matmul(B, factor.inverse)
    h = factor.left.shape[-1]
    last = _times_inverse(B[:, h:], factor.bottom)
    rest = B[:, :h] - matmul(last, factor.left)
    return jnp.concatenate([_times_inverse(rest, factor.top), last], -1)


def _join(top: Array, left: Array, bottom: Array) -> Array:
    # A sum of padded blocks is one loop; joining them is three.
    h, n = top.shape[0], bottom.shape[0]
    return _padded(top, 0, n, 0, n) + _padded(left, h, 0, 0, n) + _padded(bottom, h, 0, h, 0)


def _padded(A: Array, above: int, below: int, before: int, after: int) -> Array:
    return lax.pad(A, np.zeros((), A.dtype), ((above, below, 0), (before, after, 0)))
