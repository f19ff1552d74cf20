r"""Functions drawn from a Gaussian process given data, each a callable.

A draw from the posterior is a draw from the prior, put right where the data are (Matheron's rule). With a prior function
:math:`f_0(x) = \phi(x)^\top w` of random features, observations :math:`v` of it in the place of the data, and
:math:`K_y = L L^\top`,

.. math:: f(x) = m(x) + \phi(x)^\top w + k(x, Z) L^{-\top} (v - L^{-1}(\Phi(Z) w + \epsilon)),
    \qquad \epsilon \sim N(0, \sigma^2 I)

where :math:`v = L^{-1}(y - m(Z))`. A new point then costs no more than its mean does, where exact draws at N new points
cost :math:`N^3`, and the function is one and the same at each call.
"""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .kernels import FeatureMap, Kernel, feature_map
from .maths import in_chunks, read_inputs, rows_in_chunk, solve_triangular
from .mean_functions import MeanFunction
from .parameters import Module, read_key, read_num_samples


@final
class SampledFunctions(Module):
    r"""Functions drawn from a posterior: ``f(Xnew)`` gives their values [S, N, P], with gradients in Xnew.

    With features :math:`\phi`, weights w and coefficients c of each function,

    .. math:: f(x) = m(x) + \phi(x)^\top w + k(x, Z)\, c

    Parameters
    ----------
    kernel, mean_function
        Those of the prior.
    features
        Random features of the kernel.
    weights
        Weights of the features [S, F, P].
    Z
        Inputs [M, D] that the process is conditioned on.
    coefficients
        Weights of the covariances with them [S, M, P].

    Notes
    -----
    A call is compiled already, once for each number of inputs. `jax.jit` can't take the functions themselves, as it takes
    no object that holds arrays: a function that calls them goes into `jax.jit`, and they go into ``equinox.filter_jit``.

    References
    ----------
    Wilson et al. (2020), *Efficiently sampling functions from Gaussian process posteriors*, eq. 13.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 50)[:, None]
    >>> model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(), noise_variance=1e-4)
    >>> f = model.sample_functions(5, key=jax.random.key(0))
    >>> f(np.linspace(0.0, 6.0, 1000)[:, None]).shape
    (5, 1000, 1)
    >>> slopes = jax.vmap(jax.grad(lambda x: f(x[None, None])[0, 0, 0]))(np.array([np.pi]))
    >>> print(slopes.round(1))
    [-1.]
    >>> highest = jax.jit(lambda x: f(x).max(axis=1))  # of each function, over the inputs; P = 1
    >>> highest(np.linspace(0.0, 6.0, 1000)[:, None]).shape
    (5, 1)
    >>> eqx.filter_jit(f)(np.array([[np.pi]])).shape
    (5, 1, 1)
    """

    kernel: Kernel
    mean_function: MeanFunction
    features: FeatureMap
    weights: Float[Array, "S F P"]
    Z: Float[Array, "M D"]
    coefficients: Float[Array, "S M P"]

    def __call__(self, Xnew: Any) -> Float[Array, "S N P"]:
        """Values of the functions at new inputs [N, D]; many inputs are treated in chunks, so that memory is bounded.

        Raises
        ------
        ValueError
            If the inputs have another number of columns than Z, or hold NaN.
        """
        return _evaluate(self, read_inputs(Xnew, self.Z.shape[1]))


@eqx.filter_jit
def _evaluate(f: SampledFunctions, X: Array) -> Array:
    def values(X: Array) -> Array:
        prior = _values(f.features(X), f.weights)  # [S, N, P]
        update = _values(f.kernel(X, f.Z), f.coefficients)  # [S, N, P]
        return jnp.moveaxis(jnp.asarray(f.mean_function(X))[None] + prior + update, 0, 1)

    rows = rows_in_chunk(f.weights.shape[1] + f.Z.shape[0])
    return jnp.moveaxis(in_chunks(values, X, rows), 0, 1)  # chunks have the inputs first


def _values(phi: Float[Array, "N F"], weights: Float[Array, "S F P"]) -> Float[Array, "S N P"]:
    return jnp.einsum("nf,sfp->snp", phi, weights, precision="highest")


def sample_functions(
    kernel: Kernel,
    mean_function: MeanFunction,
    Z: Float[Array, "M D"],
    L: Float[Array, "M M"] | Float[Array, "P M M"],
    v: Float[Array, "M P"] | Float[Array, "S M P"],
    noise_variance: Float[Array, " M"] | None = None,
    *,
    key: Key[Array, ""],
    num_samples: int,
    num_features: int = 1024,
) -> SampledFunctions:
    r"""Draw functions given what is known at the inputs Z.

    With :math:`w \sim N(0, I)`, noise :math:`\epsilon` of the variances given, and values
    :math:`u = m(Z) + L v`, :math:`K = L L^\top`,

    .. math:: f(x) = m(x) + \phi(x)^\top w + k(x, Z) K^{-1} (u - m(Z) - \Phi w - \epsilon)

    Parameters
    ----------
    kernel, mean_function
        Those of the prior.
    Z
        Inputs that the process is conditioned on: the data's, or inducing points.
    L
        Lower Cholesky factor of the covariance there, noise included; one for all outputs, or one for each.
    v
        Whitened values there, less the mean: known ones, or S draws of uncertain ones.
    noise_variance
        Variances of the noise that `L` includes; none by default.
    key
        JAX random key.
    num_samples
        Number S of functions.
    num_features
        Number of random features of each kernel.

    Returns
    -------
    SampledFunctions
        The S functions, as one callable.

    Raises
    ------
    TypeError
        If the kernel has no features (see `gparams.kernels.feature_map`), the key is not one key of JAX, or the number of
        samples not a whole number.
    ValueError
        If the number of samples is negative.

    References
    ----------
    Wilson et al. (2020), *Efficiently sampling functions from Gaussian process posteriors*, eq. 13; Wilson et al. (2021),
    *Pathwise conditioning of Gaussian processes*, section 4.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> k, m = gp.kernels.Linear(), gp.mean_functions.Zero()
    >>> f = sample_functions(
    ...     k, m, jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.full((1, 1), 3.0), key=jax.random.key(0), num_samples=2
    ... )
    >>> print(f(jnp.array([[2.0]]))[:, 0, 0].round(3))
    [6. 6.]
    """
    num_samples = read_num_samples(num_samples, "sample_functions")
    features_key, weights_key, noise_key = jax.random.split(read_key(key, "sample_functions"), 3)
    features = feature_map(kernel, Z.shape[1], num_features, key=features_key)
    phi = features(Z)  # [M, F]
    M, P = v.shape[-2:]
    weights = jax.random.normal(weights_key, (num_samples, phi.shape[1], P), v.dtype)
    prior = _values(phi, weights)  # [S, M, P]
    if noise_variance is not None:
        scale = jnp.sqrt(noise_variance).reshape(1, M, 1)
        prior = prior + scale * jax.random.normal(noise_key, (num_samples, M, P), v.dtype)
    v = jnp.broadcast_to(v, (num_samples, M, P))
    if L.ndim == 2:
        # One solve for all samples and outputs.
        columns = jnp.moveaxis(prior, 0, 1).reshape(M, num_samples * P)
        known = jnp.moveaxis(v, 0, 1).reshape(M, num_samples * P)
        solved = solve_triangular(L, known - solve_triangular(L, columns), transpose=True)
        coefficients = jnp.moveaxis(solved.reshape(M, num_samples, P), 1, 0)
    else:
        columns, known = (jnp.moveaxis(a, 0, 1).transpose(2, 0, 1) for a in (prior, v))  # [P, M, S]
        solved = solve_triangular(L, known - solve_triangular(L, columns), transpose=True)
        coefficients = solved.transpose(2, 1, 0)
    return SampledFunctions(kernel, mean_function, features, weights, Z, coefficients)
