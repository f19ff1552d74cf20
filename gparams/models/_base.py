"""GPModel: what all Gaussian-process models share."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..kernels import Kernel
from ..likelihoods import Likelihood
from ..maths import add_diagonal, cholesky, default_jitter
from ..mean_functions import MeanFunction
from ..parameters import Module, log_prior


class GPModel(Module):
    """A Gaussian-process model: a kernel, a likelihood, a mean function, and an objective.

    Subclasses give `maximum_log_likelihood_objective` and `predict_f`, and have the rest. Models that take their data as
    an argument (minibatches) take it in each objective.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> model = gp.models.GPR((np.ones((1, 1)), np.ones(1)), kernel=gp.kernels.Matern32())
    >>> isinstance(model, gp.models.GPModel)
    True
    """

    mean_function: eqx.AbstractVar[MeanFunction]
    kernel: eqx.AbstractVar[Kernel]
    likelihood: eqx.AbstractVar[Likelihood]

    @abc.abstractmethod
    def maximum_log_likelihood_objective(self, *data: Any) -> Float[Array, ""]:
        """The log likelihood, or a bound on it, that training makes large; in nats."""

    @abc.abstractmethod
    def predict_f(
        self, Xnew: Float[Array, "N D"], full_cov: bool = False, full_output_cov: bool = False
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of the latent function at new inputs."""

    @abc.abstractmethod
    def predict_y(
        self, Xnew: Float[Array, "N D"], full_cov: bool = False, full_output_cov: bool = False
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of observations at new inputs."""

    @abc.abstractmethod
    def predict_log_density(self, data: tuple[Any, Any]) -> Float[Array, " N"]:
        """Log density of each observation under the prediction, in nats."""

    def log_prior_density(self) -> Float[Array, ""]:
        """Log density of the priors on trainable Parameters; 0 without priors."""
        return log_prior(self)

    def log_posterior_density(self, *data: Any) -> Float[Array, ""]:
        """Objective plus log prior: what a maximum a posteriori fit makes large."""
        return self.maximum_log_likelihood_objective(*data) + self.log_prior_density()

    def training_loss(self, *data: Any) -> Float[Array, ""]:
        """What a fit makes small: minus the objective, minus the log prior."""
        return -self.log_posterior_density(*data)

    def predict_f_samples(
        self,
        Xnew: Any,
        num_samples: int | None = None,
        full_cov: bool = True,
        full_output_cov: bool = False,
        *,
        key: Key[Array, ""],
        jitter: float | None = None,
    ) -> Array:
        """Draw functions from the posterior, at new inputs.

        Parameters
        ----------
        Xnew
            New inputs, one a row.
        num_samples
            Number S of samples; None for one, without a leading axis.
        full_cov
            Draw whole functions; False draws each input on its own.
        full_output_cov
            Draw the outputs together; False draws each on its own.
        key
            JAX random key, such as ``jax.random.key(0)``.
        jitter
            Added to the diagonal of the covariance before its factorisation, as a fraction of its mean; by default 1e-6
            in float64 and 1e-4 in float32.

        Returns
        -------
        [S, N, P], or [N, P].

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance is not positive definite even so.
        """
        mean, cov = self.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov)
        jitter = default_jitter(mean.dtype) if jitter is None else jitter
        shape = (1 if num_samples is None else num_samples, *mean.shape)
        noise = jax.random.normal(key, shape, mean.dtype)
        samples = _draw(mean, cov, noise, jitter, full_cov=full_cov, full_output_cov=full_output_cov)
        refuse_nonfinite(samples, f"the covariance of the samples; try a jitter above {jitter:g}")
        return samples[0] if num_samples is None else samples


@eqx.filter_jit
def _draw(mean: Array, cov: Array, noise: Array, jitter: float, *, full_cov: bool, full_output_cov: bool) -> Array:
    S, N, P = noise.shape
    if not full_cov and not full_output_cov:
        return mean[None] + jnp.sqrt(cov)[None] * noise
    if full_cov and full_output_cov:
        L = _factor(cov.reshape(N * P, N * P), jitter)
        return mean[None] + (noise.reshape(S, N * P) @ L.T).reshape(S, N, P)
    L = _factor(cov, jitter)
    return mean[None] + (jnp.einsum("pnm,smp->snp", L, noise) if full_cov else jnp.einsum("npq,snq->snp", L, noise))


def _factor(cov: Array, jitter: float) -> Array:
    scale = jnp.mean(jnp.diagonal(cov, axis1=-2, axis2=-1), -1, keepdims=True)  # [*B, 1]
    return cholesky(add_diagonal(cov, jnp.broadcast_to(jitter * scale, cov.shape[:-1])))


def refuse_nonfinite(array: Array, what: str) -> None:
    """Raise where a factorisation failed; a NaN is never handed on. Traced arrays can't be looked at."""
    if not isinstance(array, jax.core.Tracer) and not np.isfinite(np.asarray(array)).all():
        raise np.linalg.LinAlgError(f"not positive definite, to rounding: {what}")
