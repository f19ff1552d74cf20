"""Squared Euclidean distances, with a derivative rule that never makes an array of size N x M x D.

The value comes in two forms. In few dimensions it is a sum over dimensions of squared differences: exact
zeros on the diagonal, no cancellation, and XLA fuses it with the kernel that reads it, so it need not be
stored. In many dimensions it is a matrix product of centred inputs.

The derivative of either is the same formula, made of row sums and matrix products of shape [N, D + 1]:

    d r_ij = 2 (x_i - z_j) . (dx_i - dz_j)
           = 2 (x_i . dx_i + z_j . dz_j - x_i . dz_j - dx_i . z_j)

It is written as a custom JVP. JAX transposes it for reverse mode and differentiates it again for Hessians. It
takes the cotangent as it comes: a rule that took it to be symmetric would give right gradients and wrong
Hessians.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ._products import matmul, symmetrize, times_transpose, transpose_copy

# Up to this many dimensions the sum over dimensions is at least as fast as the symmetrised matrix product
# (one pass over the N x M result, against five), and it is the more accurate of the two.
_UNROLLED_DIMENSIONS = 16


def square_distance(X: Float[Array, "*B N D"], X2: Float[Array, "*C M D"] | None = None) -> Float[Array, "..."]:
    r"""Give all squared Euclidean distances: :math:`r_{ij} = \lVert x_i - x'_j \rVert^2`.

    Parameters
    ----------
    X : array
        Points, one a row, with any leading dimensions.
    X2 : array, optional
        Other points. Without them, the distances of each set in `X` to itself.

    Returns
    -------
    array
        Shape [*B, N, N] without `X2`: exactly symmetric, exactly zero on the diagonal. With `X2`, GPflow's
        outer form [*B, N, *C, M]: every point of `X` against every point of `X2`. Never negative.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, section 4.2.1 (the
    distance that stationary kernels are functions of).

    Examples
    --------
    >>> square_distance(jnp.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    if X2 is None:
        return _within(X)
    D = X.shape[-1]
    rows, columns = X.shape[:-1], X2.shape[:-1]
    flat = _between(X.reshape(math.prod(rows), D), X2.reshape(math.prod(columns), D))
    return flat.reshape(rows + columns)


@jax.custom_jvp
def _within(X):
    if X.shape[-1] <= _UNROLLED_DIMENSIONS:
        return _sum_over_dimensions(X, X)
    Xc = X - _centre(X)
    # The products of a point with itself are read off the same matrix, so that they cancel exactly.
    S = symmetrize(times_transpose(Xc, Xc))
    norms = jnp.diagonal(S, axis1=-2, axis2=-1)
    return jnp.maximum(norms[..., :, None] + norms[..., None, :] - 2.0 * S, 0.0)


@_within.defjvp
def _within_jvp(primals, tangents):
    (X,), (dX,) = primals, tangents
    Xc, dXc = X - _centre(X), dX - _mean(dX)
    half = _half_tangent(Xc, dXc, Xc)
    # Not the sum of a matrix and its transpose: on a CPU that costs more than the second small product.
    dout = 2.0 * (half + _half_tangent_transposed(Xc, dXc, Xc))
    # The distance of a point to itself is zero and stays so. The products cancel there only to rounding, which for a
    # point far from the rest is larger than all that matters.
    rows = lax.broadcasted_iota(int, dout.shape[-2:], 0)
    columns = lax.broadcasted_iota(int, dout.shape[-2:], 1)
    # Not rows == columns: XLA would make one mask for this and for the noise on the diagonal, and store it in between.
    return _within(X), jnp.where(rows - columns == 0, jnp.zeros((), dout.dtype), dout)


@jax.custom_jvp
def _between(X, X2):
    if X.shape[-1] <= _UNROLLED_DIMENSIONS:
        return _sum_over_dimensions(X, X2)
    centre = _centre(X)
    Xc, X2c = X - centre, X2 - centre
    norms, norms2 = jnp.sum(Xc * Xc, -1), jnp.sum(X2c * X2c, -1)
    return jnp.maximum(norms[:, None] + norms2[None, :] - 2.0 * times_transpose(Xc, X2c), 0.0)


def _between_jvp(primals, tangents):
    (X, X2), (dX, dX2) = primals, tangents
    still, still2 = isinstance(dX, SymbolicZero), isinstance(dX2, SymbolicZero)
    out = _between(X, X2)
    if still and still2:
        return out, jnp.zeros_like(out)
    centre = _centre(X)
    Xc, X2c = X - centre, X2 - centre
    # A shift common to both sets moves no distance: taking it out keeps a large common tangent from drowning
    # the rest, and makes the gradient sum to zero over the points.
    shift = None if still or still2 else _mean(dX)
    dout = 0.0
    if not still:
        dout = dout + _half_tangent(Xc, dX if shift is None else dX - shift, X2c)
    if not still2:
        dout = dout + _half_tangent_transposed(X2c, dX2 if shift is None else dX2 - shift, Xc)
    return out, 2.0 * dout


_between.defjvp(_between_jvp, symbolic_zeros=True)  # pyright: ignore[reportArgumentType]


def _half_tangent(X, dX, X2):
    """Give `(x_i - z_j) . dx_i` for all i, j as one product; its transpose is one product with [z, 1]."""
    left = jnp.concatenate([jnp.sum(X * dX, -1, keepdims=True), -dX], -1)  # [*B, N, D + 1]
    return times_transpose(left, _with_ones(X2))


def _half_tangent_transposed(X, dX, X2):
    """Give the transpose of `_half_tangent(X, dX, X2)`, without transposing a large matrix."""
    right = jnp.concatenate([jnp.sum(X * dX, -1, keepdims=True), -dX], -1)
    return matmul(_with_ones(X2), jnp.swapaxes(right, -1, -2))


def _with_ones(X):
    return jnp.concatenate([jnp.ones_like(X[..., :1]), X], -1)


def _sum_over_dimensions(X, X2):
    shape = X.shape[:-1] + X2.shape[-2:-1]
    total = jnp.zeros(shape, jnp.promote_types(X.dtype, X2.dtype))
    # One dimension after the other, each in one piece: reading across rows, the loop takes twice as long.
    A, B = transpose_copy(X), transpose_copy(X2)
    for d in range(X.shape[-1]):
        total = total + jnp.square(A[..., d, :, None] - B[..., d, None, :])
    # XLA may fuse the scaling of the inputs into this loop and contract it, `a * c - b * c` in one rounding: two
    # equal inputs would then differ by a rounding unit, which is fatal where a kernel takes the square root.
    nothing = (2.0 * float(jnp.finfo(total.dtype).eps)) ** 2 * jnp.sum(X * X, -1)
    return jnp.where(total <= nothing[..., :, None], 0.0, total)


def _centre(X):
    """Give a point amid the data. The distances don't depend on it, so neither do their derivatives.

    The products of centred inputs cancel where two points are near each other and far from the centre. The median stays
    with the many where a few lie far out, and these have no kernel in common with the rest; the mean would not. That of a
    few dozen points does as well as that of all, without sorting them.
    """
    points = X.reshape(-1, X.shape[-1])
    if not points.size:
        return jnp.zeros(X.shape[-1:], X.dtype).reshape((1,) * (X.ndim - 1) + (-1,))
    some = jnp.sort(lax.stop_gradient(points[:: max(1, points.shape[0] // 64)]), axis=0)
    return some[some.shape[0] // 2].reshape((1,) * (X.ndim - 1) + (-1,))


def _mean(X):
    return jnp.mean(X, axis=tuple(range(X.ndim - 1)), keepdims=True)
