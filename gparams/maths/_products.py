"""Products and sums of matrices, written so that XLA runs them at the speed of the machine."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.experimental.layout import Layout, with_layout_constraint
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float


def add_diagonal(
    K: Float[Array, "*B N N"], d: float | int | Float[Array, ""] | Float[Array, "*C N"]
) -> Float[Array, "*B N N"]:
    r"""Add to the diagonal: :math:`K + \mathrm{diag}(d)`.

    Parameters
    ----------
    K : array
        The matrix, or a stack of them.
    d : float or array
        A scalar, one number a row, or one number a row for each matrix of the stack.

    Returns
    -------
    array
        A new matrix.

    Examples
    --------
    >>> add_diagonal(jnp.ones((2, 2)), 0.5).tolist()
    [[1.5, 1.0], [1.0, 1.5]]
    """
    d = jnp.asarray(d, K.dtype) if isinstance(d, (int, float)) else d
    return _add_diagonal(K, jnp.broadcast_to(d, K.shape[:-1]))


@jax.custom_jvp
def _add_diagonal(K, d):
    # XLA fuses a mask into what makes K and what reads the sum, and the sum need not be stored beside K.
    rows, columns = (lax.broadcasted_iota(int, K.shape, K.ndim - axis) for axis in (2, 1))
    return jnp.where(rows == columns, K + d[..., None], K)


@_add_diagonal.defjvp
def _add_diagonal_jvp(primals, tangents):
    # The derivative with respect to d is then a read of N numbers; that of a mask would be a sum over N x N.
    dK, dd = tangents
    i = jnp.arange(dK.shape[-1])
    return _add_diagonal(*primals), dK.at[..., i, i].add(dd, unique_indices=True, mode="promise_in_bounds")


def symmetrize(A: Float[Array, "*B N N"]) -> Float[Array, "*B N N"]:
    r"""Give the symmetric part: :math:`\tfrac12 (A + A^\top)`, the same number in both triangles.

    Parameters
    ----------
    A : array
        A square matrix, or a stack of them.

    Returns
    -------
    array
        The symmetric part.

    Examples
    --------
    >>> symmetrize(jnp.array([[1.0, 2.0], [4.0, 3.0]])).tolist()
    [[1.0, 3.0], [3.0, 3.0]]
    """
    return 0.5 * (A + transpose_copy(A))


def transpose_copy(A: Float[Array, "*B N M"]) -> Float[Array, "*B M N"]:
    """Give the transpose as an array of its own.

    XLA otherwise fuses a transpose into what reads it, and reads down the columns: on a CPU the sum of a
    matrix of 2000 rows and its transpose then takes more than ten times as long.
    """
    return by_rows(jnp.swapaxes(A, -1, -2))


def by_rows(A: Float[Array, "*B N M"]) -> Float[Array, "*B N M"]:
    """Give the same matrix, on a CPU stored by rows.

    LAPACK stores by columns, and XLA spreads that to all that touches its arguments and results, which then is read against
    the grain.
    """
    return _by_rows_p.bind(A)


# A primitive of its own, so that what it becomes is chosen when a program is made for a device: a GPU needs none of it, and
# an exported program must not have it, as nobody promises that another version of XLA knows it.
_by_rows_p = Primitive("by_rows")
_by_rows_p.def_impl(lambda A: A)
_by_rows_p.def_abstract_eval(lambda A: A)
ad.deflinear2(_by_rows_p, lambda cotangent, A: [_by_rows_p.bind(cotangent)])
batching.defvectorized(_by_rows_p)


def _constrain(A):
    return with_layout_constraint(A, Layout(major_to_minor=tuple(range(A.ndim))))


def _lower_on_cpu(ctx, A):
    if getattr(ctx.module_context.lowering_parameters, "for_export", False):
        return [A]
    return mlir.lower_fun(_constrain, multiple_results=False)(ctx, A)


mlir.register_lowering(_by_rows_p, lambda ctx, A: [A])
mlir.register_lowering(_by_rows_p, _lower_on_cpu, platform="cpu")


def times_transpose(A: Float[Array, "*B N K"], B: Float[Array, "*B M K"]) -> Float[Array, "*B N M"]:
    """Give `A @ B.T` in full precision: a GPU would otherwise round float32 factors to ten bits (TF32).

    Parameters
    ----------
    A, B : array
        Matrices of the same number of columns, or stacks of them.

    Returns
    -------
    array
        The product.

    Examples
    --------
    >>> times_transpose(jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 4.0]])).tolist()
    [[11.0]]
    """
    if A.ndim == B.ndim == 2 and A.dtype == B.dtype:  # takes less time to trace
        return lax.dot_general(A, B, (((1,), (1,)), ((), ())), precision="highest")
    return jnp.einsum("...nk,...mk->...nm", A, B, precision="highest")


def matmul(A: Float[Array, "*B N K"], B: Float[Array, "*B K M"]) -> Float[Array, "*B N M"]:
    """Give `A @ B` in full precision; see `times_transpose`.

    Parameters
    ----------
    A, B : array
        Matrices, or stacks of them; B has as many rows as A has columns.

    Returns
    -------
    array
        The product.

    Examples
    --------
    >>> matmul(jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    return jnp.matmul(A, B, precision="highest")


def product(A: Float[Array, "*B N K"], X: Float[Array, "*B K M"]) -> Float[Array, "*B N M"]:
    """Give `A @ X` for a wide X, such that its derivative runs along the rows of A, too.

    What JAX makes of it in reverse mode is the product with the transpose of A, which on a CPU takes more than twice the
    time of one with a transposed copy.

    Parameters
    ----------
    A, X : array
        Matrices, or stacks of them; X has as many rows as A has columns.

    Returns
    -------
    array
        The product.

    Examples
    --------
    >>> product(jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    return _product(A, X)


@jax.custom_jvp
def _product(A, X):
    return matmul(A, X)


def _product_jvp(primals, tangents):
    (A, X), (dA, dX) = primals, tangents
    out = matmul(A, X)
    tangent = jnp.zeros_like(out)
    if not isinstance(dX, SymbolicZero):
        tangent = tangent + jnp.einsum("...km,...kn->...mn", transpose_copy(A), dX, precision="highest")
    if not isinstance(dA, SymbolicZero):
        tangent = tangent + matmul(dA, X)
    return out, tangent


_product.defjvp(_product_jvp, symbolic_zeros=True)
