r"""Features: functions :math:`\phi` such that :math:`k(x, x') = E[\phi(x)^\top \phi(x')]`.

Stationary kernels are averages of waves over their spectral density (Bochner's theorem): a frequency drawn from it gives
the pair of features :math:`\cos\theta(x), \sin\theta(x)` with the phase :math:`\theta(x) = \omega^\top x`. A product of
stationary kernels adds the phases. Kernels of finitely many features have them exactly.
"""

import copy
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Array, Float, Int, Key

from ..parameters import read_key, values
from ._base import Kernel, Product, Scaled, Sum
from ._change_points import ChangePoints
from ._convolutional import Convolutional
from ._coregion import Categorical, Coregion
from ._cosine import Cosine
from ._deep import DeepKernel
from ._hierarchical import HierarchicalEmbeddingKernel
from ._linear import ArcCosine, Linear, Polynomial
from ._periodic import Periodic
from ._spectral_mixture import SpectralMixture
from ._static import Constant, White
from ._stationary import (
    DistanceStationary,
    Exponential,
    IsotropicStationary,
    Matern12,
    Matern32,
    Matern52,
    RationalQuadratic,
    SquaredExponential,
    check_columns,
)

# A function of inputs [N, D] that is a PyTree: the numbers that it closes over are its leaves.
FeatureMap = Partial

_MAX_POLYNOMIAL = 10_000


@functools.singledispatch
def feature_map(kernel: Kernel, num_columns: int, num_features: int, *, key: Key[Array, ""]) -> FeatureMap:
    r"""Draw features of a kernel: a function from X [N, D] to [N, F] with :math:`k(x, x') = E[\phi(x)^\top \phi(x')]`.

    SquaredExponential, Exponential, the Matérn family, RationalQuadratic, Cosine and Periodic have waves of random
    frequencies, in pairs, so that :math:`\phi(x)^\top \phi(x)` is exactly their variance; and so has SpectralMixture.
    ArcCosine has random ramps. Constant, Linear, Polynomial and Coregion have finitely many features, and these are
    exact. All that is made of these follows: sums, products, multiples, ChangePoints, Convolutional, and what embeds its
    inputs first (deep, categorical and hierarchical kernels). A kernel of your own is added by
    ``feature_map.register(MyKernel)``.

    Parameters
    ----------
    kernel
        The kernel, of one output.
    num_columns
        Number D of columns of X.
    num_features
        Number F of features, where they are random; a sum has so many for each term.
    key
        JAX random key.

    Returns
    -------
    The function, a PyTree of the numbers that it closes over.

    Raises
    ------
    TypeError
        If nothing is known of the kernel's features.
    ValueError
        If a polynomial has more than 10,000 features, or there are fewer than two random ones.

    References
    ----------
    Rahimi & Recht (2007), *Random Features for Large-Scale Kernel Machines*; Sutherland & Schneider (2015), *On the Error
    of Random Fourier Features* (pairs); Cho & Saul (2009), *Kernel Methods for Deep Learning*, eq. 1.

    Examples
    --------
    >>> import gparams as gp
    >>> k = gp.kernels.SquaredExponential(variance=2.0)
    >>> phi = gp.kernels.feature_map(k, 1, 1000, key=jax.random.key(0))
    >>> X = jnp.array([[0.0], [1.0]])
    >>> print((phi(X) @ phi(X).T).round(1))
    [[2.  1.2]
     [1.2 2. ]]
    """
    wave = _wave(kernel, num_columns, _num_pairs(num_features), read_key(key, "feature_map"))
    if wave is None:
        raise TypeError(
            f"{type(kernel).__name__} has no features that are known. Draw its functions at given inputs by "
            "predict_f_samples, which is exact for any kernel; or add features of your own by "
            f"gparams.kernels.feature_map.register({type(kernel).__name__})"
        )
    return Partial(_pairs, *wave)


def _split(key: Any, num: int) -> Key[Array, " num"]:
    return jax.random.split(read_key(key, "feature_map"), num)


def _num_pairs(num_features: int) -> int:
    if num_features < 2:
        raise ValueError(f"feature_map: expected at least 2 features, got {num_features}")
    return num_features // 2


def _pairs(variance: Array, phase: FeatureMap, X: Array) -> Float[Array, "N F"]:
    theta = phase(X)  # [N, F / 2]
    return jnp.sqrt(variance / theta.shape[1]) * jnp.concatenate([jnp.cos(theta), jnp.sin(theta)], 1)


@feature_map.register
def _(kernel: Sum, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    return Partial(_side_by_side, _of_each(kernel.kernels, num_columns, num_features, key))


def _of_each(kernels: tuple[Kernel, ...], num_columns: int, num_features: int, key: Any) -> tuple[FeatureMap, ...]:
    keys = _split(key, len(kernels))
    return tuple(feature_map(k, num_columns, num_features, key=this) for k, this in zip(kernels, keys, strict=True))


def _side_by_side(parts: tuple[FeatureMap, ...], X: Array) -> Array:
    return jnp.concatenate([phi(X) for phi in parts], 1)


@feature_map.register
def _(kernel: Product, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    keys = _split(key, len(kernel.kernels))
    num_pairs = _num_pairs(num_features)
    waves, parts = [], []
    for k, this in zip(kernel.kernels, keys, strict=True):
        wave = _wave(k, num_columns, num_pairs, this)
        if wave is None:
            parts.append(feature_map(k, num_columns, num_features, key=this))
        else:
            waves.append(wave)
    if waves:
        parts.append(Partial(_pairs, *_multiply(waves)))
    return parts[0] if len(parts) == 1 else Partial(_all_products, tuple(parts))


def _all_products(parts: tuple[FeatureMap, ...], X: Array) -> Array:
    first, *others = (phi(X) for phi in parts)
    for phi in others:
        first = (first[:, :, None] * phi[:, None, :]).reshape(X.shape[0], -1)
    return first


@feature_map.register
def _(kernel: Scaled, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    return Partial(
        _multiple, jnp.sqrt(jnp.asarray(kernel.factor)), feature_map(kernel.kernel, num_columns, num_features, key=key)
    )


def _multiple(root: Array, phi: FeatureMap, X: Array) -> Array:
    features = phi(X)
    return root.astype(features.dtype) * features


@feature_map.register
def _(kernel: White, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    raise TypeError(
        "White noise has no features: its draws are not functions of the inputs. Put it into the likelihood, as "
        "gparams.likelihoods.Gaussian(variance), or draw at given inputs by predict_f_samples"
    )


# ---- exact features


@feature_map.register
def _(kernel: Constant, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    return Partial(_constant, jnp.sqrt(kernel.variance.value))


def _constant(root: Array, X: Array) -> Array:
    return jnp.broadcast_to(root, (X.shape[0], 1))


@feature_map.register
def _(kernel: Linear, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    columns = _columns(kernel, num_columns)
    return Partial(_weighted_columns, columns, _per_column(kernel, "variance", columns) ** 0.5)


def _weighted_columns(columns: Array, root: Array, X: Array) -> Array:
    return X[:, columns] * root[None]


@feature_map.register
def _(kernel: Polynomial, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    columns = _columns(kernel, num_columns)
    degree, width = kernel.degree, columns.size + 1
    if width**degree > _MAX_POLYNOMIAL:
        raise ValueError(
            f"Polynomial of degree {degree} in {columns.size} columns has {width**degree} features, more than "
            f"{_MAX_POLYNOMIAL}; draw at given inputs by predict_f_samples"
        )
    roots = _per_column(kernel, "variance", columns) ** 0.5
    line = Partial(_affine, columns, roots, jnp.sqrt(kernel.offset.value))
    return Partial(_all_products, (line,) * degree) if degree else Partial(_constant, jnp.ones((), roots.dtype))


def _affine(columns: Array, root: Array, offset: Array, X: Array) -> Array:
    return jnp.concatenate([_weighted_columns(columns, root, X), _constant(offset, X)], 1)


@feature_map.register
def _(kernel: ArcCosine, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    columns = _columns(kernel, num_columns)
    root = jnp.append(_per_column(kernel, "weight_variances", columns), kernel.bias_variance.value) ** 0.5
    W = jax.random.normal(read_key(key, "feature_map"), (num_features, columns.size + 1), root.dtype) * root[None]
    return Partial(_ramps, kernel.order, jnp.sqrt(2.0 * kernel.variance.value / num_features), columns, W)


def _ramps(order: Any, root: Array, columns: Array, W: Array, X: Array) -> Array:
    h = X[:, columns] @ W[:, :-1].T + W[:, -1][None]
    # The order is an array where this map was returned from a compiled function.
    powers = jnp.stack([jnp.ones_like(h), h, h * h])
    return root * jnp.where(h > 0.0, powers[order], 0.0)


@feature_map.register
def _(kernel: Coregion, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    rows = jnp.concatenate([kernel.W.value, jnp.diag(jnp.sqrt(kernel.kappa.value))], 1)  # [P, R + P]
    return Partial(_rows, _columns(kernel, num_columns), rows)


def _rows(columns: Array, rows: Array, X: Array) -> Array:
    return rows[X[:, columns[0]].astype(int)]


@feature_map.register
def _(kernel: DeepKernel, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    columns, network = _columns(kernel, num_columns), values(kernel.network)
    out = jax.eval_shape(jax.vmap(network), jnp.zeros((1, columns.size)))
    phi = feature_map(kernel.base_kernel, out.shape[-1], num_features, key=key)
    return Partial(_embedded, Partial(_through, columns, network), phi)


def _through(columns: Array, network: Any, X: Array) -> Array:
    return jax.vmap(network)(X[:, columns])


def _embedded(embed: FeatureMap, phi: FeatureMap, X: Array) -> Array:
    return phi(embed(X))


# ---- kernels of kernels


@feature_map.register
def _(kernel: ChangePoints, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    return Partial(_in_turns, kernel, _of_each(kernel.kernels, num_columns, num_features, key))


def _in_turns(kernel: Any, parts: tuple[FeatureMap, ...], X: Array) -> Array:
    return jnp.concatenate([share[:, None] * phi(X) for share, phi in zip(kernel._shares(X), parts, strict=True)], 1)


@feature_map.register
def _(kernel: Convolutional, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    patches = kernel.get_patches(jnp.arange(float(num_columns))[None])[0].astype(int)  # [P, S], columns of X
    weights = kernel.weights.value / kernel.num_patches
    phi = feature_map(kernel.base_kernel, kernel.patch_len, num_features, key=key)
    return Partial(_over_patches, patches, weights, phi)


def _over_patches(patches: Array, weights: Array, phi: FeatureMap, X: Array) -> Array:
    def add(total: Array, patch: tuple[Array, Array]) -> tuple[Array, None]:
        columns, weight = patch
        return total + weight * phi(X[:, columns]), None

    # One patch after the other: the features of all of them together would fill the memory.
    first = weights[0] * phi(X[:, patches[0]])
    return jax.lax.scan(add, first, (patches[1:], weights[1:]))[0]


@feature_map.register
def _(kernel: HierarchicalEmbeddingKernel, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    width = len(kernel.layout.unconditional) + 2 * len(kernel.layout.conditional)
    phi = feature_map(_reading_all(kernel.base_kernel), width, num_features, key=key)
    return Partial(_embedded, Partial(_embed_hierarchy, kernel), phi)


@feature_map.register
def _(kernel: Categorical, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    product = kernel.wrapped_kernel
    if not kernel.sliced:
        product = Product([_reading_all(k) for k in product.kernels])
    phi = feature_map(product, _columns(kernel, num_columns).size, num_features, key=key)
    return Partial(_embedded, Partial(_embed_labels, kernel), phi)


def _embed_hierarchy(kernel: Any, X: Array) -> Array:
    return kernel.embed(kernel.slice(X))


def _embed_labels(kernel: Any, X: Array) -> Array:
    return kernel._place(kernel.slice(X))


def _reading_all(kernel: Kernel) -> Kernel:
    """The kernel without active_dims of its own."""
    bare = copy.copy(kernel)
    if kernel.active_dims is not None:
        object.__setattr__(bare, "active_dims", None)
    return bare


# ---- waves


@feature_map.register
def _(kernel: SpectralMixture, num_columns: int, num_features: int, *, key: Any) -> FeatureMap:
    columns, n = _columns(kernel, num_columns), _num_pairs(num_features)
    w, mu, v = kernel.weights.value, kernel.means.value, kernel.variances.value
    sign_key, normal_key = _split(key, 2)
    shape = (w.shape[0], n, columns.size)
    # A product of cosines, one for each dimension, is an average over the signs of the frequencies.
    centres = jax.random.rademacher(sign_key, shape, mu.dtype) * mu[:, None, :]
    omega = 2.0 * np.pi * (centres + jnp.sqrt(v)[:, None, :] * jax.random.normal(normal_key, shape, mu.dtype))
    parts = [Partial(_pairs, w[q], Partial(_line, columns, omega[q])) for q in range(w.shape[0])]
    return Partial(_side_by_side, tuple(parts))


class _Wave(NamedTuple):
    """A stationary kernel as its variance, and phases of random frequency: [N, n], or [N, 1] if all are alike."""

    variance: Array
    phase: FeatureMap


@functools.singledispatch
def _wave(kernel: Kernel, num_columns: int, n: int, key: Any) -> _Wave | None:
    return None


@_wave.register
def _(kernel: IsotropicStationary, num_columns: int, n: int, key: Any) -> _Wave | None:
    columns = _columns(kernel, num_columns)
    ell = _per_column(kernel, "lengthscales", columns)
    omega = _frequencies(kernel, n, columns.size, key)
    if omega is None:
        return None
    return _Wave(kernel.variance.value, Partial(_line, columns, omega / ell[None]))


@_wave.register
def _(kernel: Cosine, num_columns: int, n: int, key: Any) -> _Wave:
    columns = _columns(kernel, num_columns)
    omega = 2.0 * np.pi / _per_column(kernel, "lengthscales", columns)[None]
    return _Wave(kernel.variance.value, Partial(_line, columns, omega))


@_wave.register
def _(kernel: Periodic, num_columns: int, n: int, key: Any) -> _Wave | None:
    base, columns = kernel.base_kernel, _columns(kernel, num_columns)
    if isinstance(base, DistanceStationary) and columns.size > 1:
        raise TypeError(
            f"Periodic over {type(base).__name__} has no features in {columns.size} columns, where it is a kernel of the "
            "sum of distances; use a product of one for each column, or draw at given inputs by predict_f_samples"
        )
    omega = _frequencies(base, n, 2 * columns.size, key)
    if omega is None:
        return None
    # The kernel is the base's on circles of radius 1 / 2l, in a space of two dimensions for each column.
    cosine, sine = jnp.split(omega, 2, axis=1)
    radius = (0.5 / _per_column(base, "lengthscales", columns))[None]
    rate = 2.0 * np.pi / _per_column(kernel, "period", columns)
    return _Wave(base.variance.value, Partial(_around, columns, rate, cosine * radius, sine * radius))


@_wave.register
def _(kernel: Scaled, num_columns: int, n: int, key: Any) -> _Wave | None:
    wave = _wave(kernel.kernel, num_columns, n, key)
    return None if wave is None else wave._replace(variance=kernel._times(wave.variance))


@_wave.register
def _(kernel: Product, num_columns: int, n: int, key: Any) -> _Wave | None:
    keys = _split(key, len(kernel.kernels))
    waves = [_wave(k, num_columns, n, this) for k, this in zip(kernel.kernels, keys, strict=True)]
    return None if None in waves else _multiply(waves)


def _multiply(waves: Any) -> _Wave:
    variance, phases = waves[0].variance, tuple(w.phase for w in waves)
    for wave in waves[1:]:
        variance = variance * wave.variance
    return _Wave(variance, Partial(_total, phases))


def _line(columns: Array, omega: Array, X: Array) -> Array:
    return jnp.matmul(X[:, columns], omega.T, precision="highest")


def _around(columns: Array, rate: Array, A: Array, B: Array, X: Array) -> Array:
    angle = X[:, columns] * rate[None]
    return jnp.matmul(jnp.cos(angle), A.T, precision="highest") + jnp.matmul(jnp.sin(angle), B.T, precision="highest")


def _total(phases: tuple[FeatureMap, ...], X: Array) -> Array:
    total = phases[0](X)
    for phase in phases[1:]:
        total = total + phase(X)
    return total


def _frequencies(kernel: IsotropicStationary, n: int, D: int, key: Any) -> Float[Array, "n D"] | None:
    """Draws from the spectral density of a kernel of unit lengthscales."""
    normal_key, scale_key = jax.random.split(key)
    dtype = kernel.variance.dtype
    z = jax.random.normal(normal_key, (n, D), dtype)
    if isinstance(kernel, SquaredExponential):
        return z
    if isinstance(kernel, RationalQuadratic):
        # A mixture of squared exponentials, whose precision is gamma-distributed.
        alpha = kernel.alpha.value
        return z * jnp.sqrt(jax.random.gamma(scale_key, alpha, (n, 1), dtype) / alpha)
    order = {Matern12: 0.5, Exponential: 0.5, Matern32: 1.5, Matern52: 2.5}.get(type(kernel))
    if order is None:
        return None
    # Student's t with 2 nu degrees of freedom.
    omega = z * jnp.sqrt(order / jax.random.gamma(scale_key, order, (n, 1), dtype))
    return 0.5 * omega if isinstance(kernel, Exponential) else omega


def _columns(kernel: Kernel, num_columns: int) -> Int[Array, " d"]:
    return kernel.slice(jnp.arange(float(num_columns))[None])[0].astype(int)


def _per_column(kernel: Any, name: str, columns: Array) -> Float[Array, " d"]:
    value = getattr(kernel, name).value
    check_columns(type(kernel).__name__, name.replace("_", " "), value, columns[None])
    return jnp.broadcast_to(value, columns.shape)
