"""Likelihoods of one observation by several latent functions, through any distribution of TensorFlow Probability."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..parameters import Held, hold, positive, tfb, tfd
from . import _links as links
from ._noise import as_module, read_points
from ._quadrature import QuadratureLikelihood


class MultiLatentLikelihood(QuadratureLikelihood):
    """A likelihood of one observation by `latent_dim` latent functions, with expectations by quadrature.

    Subclass it, give it fields, `latent_dim`, `_log_prob`, `_conditional_mean` and `_conditional_variance`, and it has the
    rest.

    References
    ----------
    Saul, Hensman, Vehtari & Lawrence (2016), *Chained Gaussian Processes*.

    Examples
    --------
    >>> import gparams as gp
    >>> lik = gp.likelihoods.HeteroskedasticTFPConditional()
    >>> isinstance(lik, gp.likelihoods.MultiLatentLikelihood), lik.observation_dim
    (True, 1)
    """

    observation_dim = 1


@final
class MultiLatentTFPConditional(MultiLatentLikelihood):
    r"""Observations of any distribution whose parameters are latent functions, :math:`y \sim D(f_1, \dots, f_L)`.

    Parameters
    ----------
    latent_dim
        Number L of latent functions. The quadrature has ``num_gauss_hermite_points ** L`` points.
    conditional_distribution
        Function from F [*B, L] to a distribution of TensorFlow Probability (its JAX substrate) of batch shape [*B, 1]. A
        plain function is a constant; one that learns is a Module with Parameters.
    num_gauss_hermite_points
        Points of the quadrature, for each latent function.

    Raises
    ------
    TypeError
        If the conditional distribution is not a function.
    ValueError
        If there is no latent function, or no point of the quadrature.

    References
    ----------
    GPflow 2.11, ``likelihoods.MultiLatentTFPConditional``.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> def gamma(F):
    ...     return tfd.Gamma(jnp.exp(F[..., :1]), jnp.exp(F[..., 1:]))
    >>> lik = gp.likelihoods.MultiLatentTFPConditional(2, gamma)
    >>> print(lik.conditional_mean(jnp.ones((1, 1)), jnp.zeros((1, 2))))
    [[1.]]
    """

    conditional_distribution: Any
    latent_dim: int = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    def __init__(self, latent_dim: int, conditional_distribution: Any, *, num_gauss_hermite_points: int = 20):
        if not callable(conditional_distribution):
            raise TypeError(
                "MultiLatentTFPConditional: expected a function from F to a distribution, got "
                f"{conditional_distribution!r}"
            )
        self.latent_dim = int(latent_dim)
        if self.latent_dim != latent_dim or self.latent_dim < 1:
            raise ValueError(
                f"MultiLatentTFPConditional: expected latent_dim to be a whole number from 1 on, got {latent_dim}"
            )
        self.conditional_distribution = as_module(conditional_distribution)
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        with _as_tfp_is_written():
            return self.conditional_distribution(F).log_prob(Y)[..., 0].astype(F.dtype)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        with _as_tfp_is_written():
            return self.conditional_distribution(F).mean().astype(F.dtype)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        with _as_tfp_is_written():
            return self.conditional_distribution(F).variance().astype(F.dtype)


@final
class HeteroskedasticTFPConditional(MultiLatentLikelihood):
    r"""Noise that changes with the inputs: two latent functions, one the location and one the scale.

    .. math:: y \sim D(f_1, g(f_2))

    Parameters
    ----------
    distribution_class
        A distribution class of TensorFlow Probability (its JAX substrate), or a function, of a location and a scale;
        ``tfd.Normal`` by default.
    scale_transform
        The positive function g: a TFP bijector, or a function such as ``jax.nn.softplus``; ``exp`` by default.
    num_gauss_hermite_points
        Points of the quadrature, for each of the two.

    Raises
    ------
    TypeError
        If the class or the transform can't be called.
    ValueError
        If there are no points of the quadrature.

    References
    ----------
    Goldberg, Williams & Bishop (1998), *Regression with Input-dependent Noise*, section 2; Saul, Hensman, Vehtari &
    Lawrence (2016), *Chained Gaussian Processes*, section 2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> lik = gp.likelihoods.HeteroskedasticTFPConditional()
    >>> print(lik.conditional_variance(np.ones((1, 1)), np.array([[5.0, np.log(0.5)]])).round(6))
    [[0.25]]
    """

    scale_transform: Any = eqx.field(static=True)
    distribution_class: Any = eqx.field(static=True)
    num_gauss_hermite_points: int = eqx.field(static=True)

    latent_dim = 2

    def __init__(
        self,
        distribution_class: Any = tfd.Normal,
        scale_transform: Any = None,
        *,
        num_gauss_hermite_points: int = 20,
    ):
        for what, given in (("distribution_class", distribution_class), ("scale_transform", scale_transform)):
            if given is not None and not callable(given):
                raise TypeError(f"HeteroskedasticTFPConditional: expected a {what} that can be called, got {given!r}")
        self.distribution_class = distribution_class
        transform = positive(base="exp") if scale_transform is None else scale_transform
        held = isinstance(transform, tfb.Bijector)
        self.scale_transform = hold(transform, jnp.result_type(float)) if held else transform
        self.num_gauss_hermite_points = read_points(num_gauss_hermite_points)

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        if self._is_normal_of_exp():
            # TFP's formula would divide by the scale, whose square leaves the range of the dtype long before its log.
            z = (Y - F[..., :1]) * links.exp(-F[..., 1:])
            return (-0.5 * (math.log(2.0 * math.pi) + links.square(z)) - F[..., 1:])[..., 0]
        with _as_tfp_is_written():
            return self._distribution(F).log_prob(Y)[..., 0].astype(F.dtype)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        with _as_tfp_is_written():
            return self._distribution(F).mean().astype(F.dtype)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        if self._is_normal_of_exp():
            return links.square(links.exp(F[..., 1:]))
        with _as_tfp_is_written():
            return self._distribution(F).variance().astype(F.dtype)

    def _is_normal_of_exp(self) -> bool:
        g = self.scale_transform
        is_exp = isinstance(g.obj, tfb.Exp) if isinstance(g, Held) else links.is_exp(g)
        return is_exp and self.distribution_class is tfd.Normal

    def _distribution(self, F: Array) -> Any:
        g = self.scale_transform
        scale = hold(g.obj, F.dtype).obj.forward(F[..., 1:]) if isinstance(g, Held) else g(F[..., 1:])
        return self.distribution_class(F[..., :1], scale)


@contextlib.contextmanager
def _as_tfp_is_written() -> Iterator[None]:
    """TFP mixes dtypes and ranks, also where the user has forbidden it; some of its densities come out as float64."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
