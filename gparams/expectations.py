r"""Expectations of kernels and mean functions under uncertain inputs (the psi statistics).

What has a closed form here is made of *atoms*: for inputs :math:`x \sim N(\mu, \Sigma)`, functions

.. math:: f_i(x) = s \exp\left(-\tfrac12 (x - z_i)^\top D (x - z_i)\right) (b_i + c_i^\top x)

with a diagonal D. The squared exponential is one, and so are linear and constant kernels and mean functions, where D is
zero. Products of atoms are squared exponentials times affine functions again, so that one formula serves for all means and
second moments; what is not made of atoms goes through Gauss-Hermite quadrature.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple, final

import jax.numpy as jnp
from jaxtyping import Array, Float

from .inducing_variables import InducingPoints, InducingVariables
from .kernels import (
    Constant,
    IsotropicStationary,
    Kernel,
    Linear,
    MultioutputKernel,
    Product,
    Scaled,
    SquaredExponential,
    Sum,
    White,
)
from .maths import add_diagonal, cholesky, gauss_hermite_grid, solve_triangular
from .mean_functions import Additive, Identity, MeanFunction, Zero
from .mean_functions import Constant as ConstantMean
from .mean_functions import Linear as LinearMean
from .parameters import Module

_QUADRATURE_POINTS = 21


@final
class Gaussian(Module):
    r"""Uncertain inputs :math:`x_n \sim N(\mu_n, \Sigma_n)`.

    Parameters
    ----------
    mu
        Means [N, D].
    cov
        Covariances [N, D, D].

    References
    ----------
    Rasmussen & Williams (2006), section A.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> p = gp.expectations.Gaussian(jnp.zeros((1, 2)), jnp.eye(2)[None])
    >>> print(gp.expectations.expectation(p, gp.kernels.Linear()))
    [2.]
    """

    mu: Float[Array, "N D"]
    cov: Float[Array, "N D D"]


@final
class DiagonalGaussian(Module):
    r"""Uncertain inputs whose columns are independent: :math:`x_{nd} \sim N(\mu_{nd}, \sigma_{nd}^2)`.

    Parameters
    ----------
    mu
        Means [N, D].
    cov
        Variances [N, D].

    References
    ----------
    Titsias & Lawrence (2010), *Bayesian Gaussian process latent variable model*.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> p = gp.expectations.DiagonalGaussian(jnp.zeros((1, 2)), jnp.ones((1, 2)))
    >>> print(gp.expectations.expectation(p, gp.kernels.Linear()))
    [2.]
    """

    mu: Float[Array, "N D"]
    cov: Float[Array, "N D"]


@final
class MarkovGaussian(Module):
    r"""A chain of uncertain inputs; expectations are of :math:`f(x_n) g(x_{n+1})`.

    Parameters
    ----------
    mu
        Means [N + 1, D].
    cov
        [2, N + 1, D, D]: covariances of each input, then those of each with the next (the last is not used).

    References
    ----------
    Frigola, Chen & Rasmussen (2014), *Variational Gaussian process state-space models*.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> cov = jnp.stack([jnp.ones((3, 1, 1)), 0.5 * jnp.ones((3, 1, 1))])
    >>> p = gp.expectations.MarkovGaussian(jnp.zeros((3, 1)), cov)
    >>> x = gp.mean_functions.Identity(1)
    >>> print(gp.expectations.expectation(p, x, x)[:, 0, 0])
    [0.5 0.5]
    """

    mu: Float[Array, "N1 D"]
    cov: Float[Array, "2 N1 D D"]


class _Atoms(NamedTuple):
    """M functions with s and D in common: centres Z [M, d], and the affine factor b [M] + C [M, d] x (C None for 0)."""

    scale: Array
    D: Array
    Z: Array
    b: Array
    C: Array | None


def expectation(p: Any, obj1: Any, obj2: Any = None, nghp: int | None = None) -> Float[Array, "..."]:
    r"""Give the mean of a function of uncertain inputs, or of the outer product of two: :math:`E[f(x) g(x)^\top]`.

    Parameters
    ----------
    p
        `Gaussian`, `DiagonalGaussian` or `MarkovGaussian`; or a pair of their arrays.
    obj1, obj2
        A kernel (its variance at x), a pair (kernel, inducing variables) (their covariances with x), or a mean function.
    nghp
        Quadrature points in each dimension where there is no closed form; 21 by default.

    Returns
    -------
    array
        [N] for a kernel alone; [N, M] or [N, Q] for one object; [N, M1, M2] and the like for two.

    Raises
    ------
    TypeError
        If an object is none of these, or a kernel alone is to be multiplied.

    References
    ----------
    Girard (2004), *Approximate methods for propagation of uncertainty with Gaussian process models*, section 3; Titsias &
    Lawrence (2010), *Bayesian Gaussian process latent variable model* (psi statistics).

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> p = gp.expectations.DiagonalGaussian(jnp.zeros((1, 1)), jnp.ones((1, 1)))
    >>> Z = gp.inducing_variables.InducingPoints([[0.0]])
    >>> print(gp.expectations.expectation(p, (gp.kernels.SquaredExponential(), Z)).round(4))
    [[0.7071]]
    """
    p = _read_distribution(p)
    for obj in (obj1, obj2):
        if isinstance(obj[0] if _is_pair(obj) else obj, MultioutputKernel):
            raise TypeError(
                "expectation: expected kernels of one output; take those of the latent functions one by one"
            )
    if isinstance(obj1, Kernel):
        if obj2 is not None:
            raise TypeError(
                "expectation: a kernel alone is its variance, and is not multiplied; give (kernel, inducing)"
            )
        return _variance(obj1, p, nghp)
    width = p.mu.shape[1]
    first, second = _atoms(obj1, width, p.mu.dtype), [] if obj2 is None else _atoms(obj2, width, p.mu.dtype)
    if first is None or second is None:
        return _quadrature(p, _function(obj1), None if obj2 is None else _function(obj2), nghp)
    mu, cov = _joint(p, obj2 is not None)
    if obj2 is None:
        return _total([_first_moment(mu, cov, f) for f in first])
    if isinstance(p, MarkovGaussian):
        first, second = [_pad(f, 0, width) for f in first], [_pad(g, width, 0) for g in second]
    return _total([_second_moment(mu, cov, f, g) for f in first for g in second])


def _total(parts: list[Array]) -> Array:
    return functools.reduce(operator.add, parts)


def _read_distribution(p: Any) -> Any:
    if isinstance(p, tuple) and len(p) == 2:
        mu, cov = (jnp.asarray(a) for a in p)
        kinds: dict[int, Any] = {2: DiagonalGaussian, 3: Gaussian, 4: MarkovGaussian}
        return kinds[cov.ndim](mu, cov)
    if not isinstance(p, Gaussian | DiagonalGaussian | MarkovGaussian):
        raise TypeError(f"expectation: expected a Gaussian, DiagonalGaussian or MarkovGaussian, got {p!r}")
    return p


def _joint(p: Any, pair: bool) -> tuple[Array, Array]:
    """Means [N, d], and variances [N, d] or covariances [N, d, d]; for a pair of a chain those of two inputs in a row."""
    if not isinstance(p, MarkovGaussian):
        return p.mu, p.cov
    if not pair:
        return p.mu[:-1], p.cov[0, :-1]
    here, cross = p.cov[0], p.cov[1, :-1]
    upper = jnp.concatenate([here[:-1], cross], -1)
    lower = jnp.concatenate([jnp.swapaxes(cross, -1, -2), here[1:]], -1)
    return jnp.concatenate([p.mu[:-1], p.mu[1:]], -1), jnp.concatenate([upper, lower], -2)


def _pad(f: _Atoms, before: int, after: int) -> _Atoms:
    """Atoms of a longer vector, which they read a part of."""
    wide = ((0, 0), (before, after))
    C = None if f.C is None else jnp.pad(f.C, wide)
    return f._replace(D=jnp.pad(f.D, (before, after)), Z=jnp.pad(f.Z, wide), C=C)


def _is_pair(obj: Any) -> bool:
    return (
        isinstance(obj, tuple)
        and len(obj) == 2
        and isinstance(obj[0], Kernel)
        and isinstance(obj[1], InducingVariables)
    )


def _atoms(obj: Any, width: int, dtype: Any) -> list[_Atoms] | None:
    """The atoms that an object is the sum of; None if it is no such sum."""
    if _is_pair(obj):
        kernel, inducing = obj
        return _kernel_atoms(kernel, inducing.Z.value) if isinstance(inducing, InducingPoints) else None
    if isinstance(obj, MeanFunction):
        return _mean_function_atoms(obj, width, dtype)
    raise TypeError(f"expectation: expected a kernel, (kernel, inducing variables) or a mean function, got {obj!r}")


def _kernel_atoms(kernel: Kernel, Z: Array) -> list[_Atoms] | None:
    ones, flat = jnp.ones(Z.shape[0], Z.dtype), jnp.zeros(Z.shape[1], Z.dtype)
    if isinstance(kernel, SquaredExponential | Linear):
        active = kernel.slice(jnp.eye(Z.shape[1], dtype=Z.dtype))  # [D, d], which columns it reads
        if isinstance(kernel, Linear):
            C = (kernel.slice(Z) * jnp.broadcast_to(kernel.variance.value, active.shape[1:])[None]) @ active.T
            return [_Atoms(jnp.ones((), Z.dtype), flat, Z, jnp.zeros_like(ones), C)]
        precision = jnp.broadcast_to(kernel.lengthscales.value**-2.0, active.shape[1:])
        return [_Atoms(kernel.variance.value, active @ precision, Z, ones, None)]
    if isinstance(kernel, Constant | White):
        scale = kernel.variance.value if isinstance(kernel, Constant) else jnp.zeros((), Z.dtype)
        return [_Atoms(scale, flat, Z, ones, None)]
    if isinstance(kernel, Sum):
        return _sum_atoms([_kernel_atoms(k, Z) for k in kernel.kernels])
    if isinstance(kernel, Scaled):
        parts, factor = _kernel_atoms(kernel.kernel, Z), jnp.asarray(kernel.factor, Z.dtype)
        return None if parts is None else [f._replace(scale=factor * f.scale) for f in parts]
    if isinstance(kernel, Product):
        return functools.reduce(_product_atoms, [_kernel_atoms(k, Z) for k in kernel.kernels])
    return None


def _mean_function_atoms(m: MeanFunction, width: int, dtype: Any) -> list[_Atoms] | None:
    if isinstance(m, Additive):
        return _sum_atoms([_mean_function_atoms(part, width, dtype) for part in (m.add_1, m.add_2)])
    if isinstance(m, Identity):
        b, C = jnp.zeros(width, dtype), jnp.eye(width, dtype=dtype)
    elif isinstance(m, LinearMean):
        b, C = jnp.broadcast_to(m.b.value, m.A.shape[1:]), jnp.broadcast_to(m.A.value, (width, m.A.shape[1])).T
    elif isinstance(m, ConstantMean):
        b, C = jnp.atleast_1d(m.c.value), None
    elif isinstance(m, Zero):
        b, C = jnp.zeros(m.output_dim, dtype), None
    else:
        return None
    return [_Atoms(jnp.ones((), dtype), jnp.zeros(width, dtype), jnp.zeros((len(b), width), dtype), b, C)]


def _sum_atoms(parts: list[list[_Atoms] | None]) -> list[_Atoms] | None:
    return None if any(part is None for part in parts) else [f for part in parts for f in part or ()]


def _product_atoms(first: list[_Atoms] | None, second: list[_Atoms] | None) -> list[_Atoms] | None:
    """Products of atoms with common centres; None where two affine factors would meet."""
    if first is None or second is None or any(f.C is not None and g.C is not None for f in first for g in second):
        return None
    return [_product(f, g) if g.C is None else _product(g, f) for f in first for g in second]


def _product(f: _Atoms, constant: _Atoms) -> _Atoms:
    C = None if f.C is None else f.C * constant.b[:, None]
    return _Atoms(f.scale * constant.scale, f.D + constant.D, f.Z, f.b * constant.b, C)


def _tilt(mu: Array, cov: Array, D: Array, z: Array) -> tuple[Array, Array, Array]:
    """Moments of N(mu, cov) tilted by exp(-(x - z)^T D (x - z) / 2), for centres z [*K, d].

    Gives the log of the mean of the factor [N, *K], and the mean [N, *K, d] and covariance ([N, d] or [N, d, d]) after it.
    """
    many = (slice(None), *(None,) * (z.ndim - 1))
    e = mu[many] - z[None]  # [N, *K, d]
    if cov.ndim == 2:
        B = 1.0 + D[None] * cov
        gain = (D[None] / B)[many]  # [N, *1, d]
        half = jnp.sum(jnp.log(B), -1)[many] + jnp.sum(gain * e**2, -1)
        return -0.5 * half, mu[many] - cov[many] * gain * e, cov / B
    R = jnp.where(D > 0, jnp.sqrt(jnp.where(D > 0, D, 1.0)), 0.0)
    L = cholesky(add_diagonal(R[None, :, None] * cov * R[None, None], 1.0))  # [N, d, d]
    u = solve_triangular(L, jnp.moveaxis((e.reshape(len(mu), -1, len(D)) * R[None, None]), -1, -2))  # [N, d, K]
    V = solve_triangular(L, R[None, :, None] * cov)
    log_determinant = 2.0 * jnp.sum(jnp.log(jnp.diagonal(L, axis1=-2, axis2=-1)), -1)
    half = log_determinant[many] + jnp.sum(u**2, -2).reshape(e.shape[:-1])
    shift = jnp.einsum("ned,nek->nkd", V, u).reshape(e.shape)
    return -0.5 * half, mu[many] - shift, cov - jnp.einsum("nec,ned->ncd", V, V)


def _first_moment(mu: Array, cov: Array, f: _Atoms) -> Array:
    """E[f_i(x)]: [N, M]."""
    log_mean, m, _ = _tilt(mu, cov, f.D, f.Z)
    factor = f.b[None] if f.C is None else f.b[None] + jnp.einsum("id,nid->ni", f.C, m)
    return f.scale * jnp.exp(log_mean) * factor


def _second_moment(mu: Array, cov: Array, f: _Atoms, g: _Atoms) -> Array:
    """E[f_i(x) g_j(x)]: [N, M1, M2]."""
    D = f.D + g.D
    safe = jnp.where(D > 0, D, 1.0)
    z = (f.Z * (f.D / safe)[None])[:, None] + (g.Z * (g.D / safe)[None])[None]  # [M1, M2, d]
    apart = ((f.Z[:, None] - g.Z[None]) ** 2) @ (f.D * g.D / safe)  # [M1, M2]
    log_mean, m, S = _tilt(mu, cov, D, z)
    left = f.b[None, :, None] if f.C is None else f.b[None, :, None] + jnp.einsum("id,nijd->nij", f.C, m)
    right = g.b[None, None] if g.C is None else g.b[None, None] + jnp.einsum("jd,nijd->nij", g.C, m)
    factor = left * right
    if f.C is not None and g.C is not None:
        factor = factor + jnp.einsum("id,nd,jd->nij" if S.ndim == 2 else "ic,ncd,jd->nij", f.C, S, g.C)
    return f.scale * g.scale * jnp.exp(log_mean - 0.5 * apart[None]) * factor


def _variance(kernel: Kernel, p: Any, nghp: int | None) -> Array:
    """E[k(x, x)]: [N]."""
    mu, cov = _joint(p, False)
    if _is_flat(kernel):
        return kernel(mu, full_cov=False)
    if isinstance(kernel, Linear):
        variance = cov if cov.ndim == 2 else jnp.diagonal(cov, axis1=-2, axis2=-1)
        moment = kernel.slice(mu**2 + variance)
        return moment @ jnp.broadcast_to(kernel.variance.value, moment.shape[1:])
    if isinstance(kernel, Sum):
        return _total([_variance(k, p, nghp) for k in kernel.kernels])
    if isinstance(kernel, Scaled):
        return jnp.asarray(kernel.factor, mu.dtype) * _variance(kernel.kernel, p, nghp)
    if isinstance(kernel, Product) and sum(not _is_flat(k) for k in kernel.kernels) == 1:
        return functools.reduce(operator.mul, [_variance(k, p, nghp) for k in kernel.kernels])
    return _quadrature(p, lambda X: kernel(X, full_cov=False)[:, None], None, nghp)[:, 0]


def _is_flat(kernel: Kernel) -> bool:
    """Whether the variance is the same everywhere."""
    return isinstance(kernel, IsotropicStationary | Constant | White)


def _function(obj: Any) -> Callable[[Array], Array]:
    """The object as a function from inputs [N, D] to values [N, Q]."""
    if not _is_pair(obj):
        return obj
    kernel, inducing = obj
    return lambda X: inducing.Kuf(kernel, X).T


def _quadrature(p: Any, f: Callable[[Array], Array], g: Callable[[Array], Array] | None, nghp: int | None) -> Array:
    """Gauss-Hermite quadrature over a grid in all dimensions of x."""
    mu, cov = _joint(p, g is not None)
    N, d = mu.shape
    points, weights = gauss_hermite_grid(d, _QUADRATURE_POINTS if nghp is None else nghp, mu.dtype)  # [Q, d], [Q, 1]
    step = (
        points[None] * jnp.sqrt(cov)[:, None] if cov.ndim == 2 else points[None] @ jnp.swapaxes(cholesky(cov), -1, -2)
    )
    X = (mu[:, None] + step).reshape(-1, d)  # [N Q, d]
    chain = isinstance(p, MarkovGaussian) and g is not None
    width = p.mu.shape[1]
    F = f(X[:, :width] if chain else X).reshape(N, len(points), -1)
    if g is None:
        return jnp.einsum("q,nqi->ni", weights[:, 0], F)
    G = g(X[:, width:] if chain else X).reshape(N, len(points), -1)
    return jnp.einsum("q,nqi,nqj->nij", weights[:, 0], F, G)
