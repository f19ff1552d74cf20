"""GPModel: what all Gaussian-process models share."""

import abc
import inspect
import warnings
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..kernels import Kernel
from ..likelihoods import Gaussian, Likelihood
from ..maths import add_diagonal, default_jitter, draw_gaussian, read_count, read_inputs
from ..mean_functions import MeanFunction
from ..parameters import Module, log_prior, read_key, read_num_samples
from ..posteriors import Posterior, independent_outputs
from ._data import caller_level, read_data
from ._parts import dtype_of


class GPModel(Module):
    """A Gaussian-process model: a kernel, a likelihood, a mean function, and an objective.

    Subclasses give `maximum_log_likelihood_objective` and `predict_f`, and have the rest. Models that take their data as
    an argument (minibatches) take it in each objective.

    References
    ----------
    Rasmussen & Williams (2006), chapter 2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> model = gp.models.GPR((np.ones((1, 1)), np.ones(1)), kernel=gp.kernels.Matern32())
    >>> isinstance(model, gp.models.GPModel)
    True
    """

    # Whether the objective takes the data as an argument, as those that are trained on batches do.
    takes_data: ClassVar[bool] = False

    mean_function: eqx.AbstractVar[MeanFunction]
    kernel: eqx.AbstractVar[Kernel]
    likelihood: eqx.AbstractVar[Likelihood]

    @abc.abstractmethod
    def maximum_log_likelihood_objective(self, *data: Any) -> Float[Array, ""]:
        """The log likelihood, or a bound on it, that training makes large; in nats.

        Parameters
        ----------
        data
            Pair (X, Y), where the model takes its data as an argument; else nothing.

        Returns
        -------
        A scalar.
        """

    @abc.abstractmethod
    def predict_f(
        self, Xnew: Float[Array, "N D"], full_cov: bool = False, full_output_cov: bool = False
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of the latent function at new inputs.

        Parameters
        ----------
        Xnew
            New inputs [N, D].
        full_cov
            Covariances between inputs, and not the variances alone.
        full_output_cov
            Covariances between outputs, and not the variances alone.

        Returns
        -------
        mean
            [N, P].
        covariance
            [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.
        """

    def check_data(self, data: Any, batch_size: int | None = None) -> None:
        """Raise unless `fit` can train this model on the data; what is traced or comes in a stream passes.

        Parameters
        ----------
        data
            What `fit` was given.
        batch_size
            Rows of it to a step; None for all.

        Raises
        ------
        TypeError
            If the model takes its data as an argument, and there is none; or has its own, and there are others.
        ValueError
            If X and Y differ in length, hold NaN, or hold labels outside the likelihood's range.

        Warns
        -----
        UserWarning
            If the model's `num_data` is not the number of rows, so that the batches would weigh too much or too little.
        """
        if not self.takes_data:
            self._refuse_data(data)
            return
        if data is None:
            raise TypeError(f"{type(self).__name__} takes its data as an argument: fit(model, data=(X, Y))")
        if isinstance(data, tuple | list):
            X, Y = read_data(data)
            self.likelihood.check_observations(Y)
            self._compare_count(len(X), batch_size)

    def _refuse_data(self, data: Any) -> None:
        try:
            inspect.signature(self.maximum_log_likelihood_objective).bind(*([] if data is None else [data]))
        except TypeError as error:
            name = type(self).__name__
            raise TypeError(f"{name} has its data already: fit(model), without data=") from error

    def _compare_count(self, count: int, batch_size: int | None) -> None:
        """Compare the model's `num_data`, where it has one, with the data."""
        total = getattr(self, "num_data", count)
        seen = count if batch_size is None else batch_size
        if total == count or (total is None and seen == count):
            return
        taken = (
            f"num_data is not set, so that a batch of {seen} counts as all" if total is None else f"num_data is {total}"
        )
        warnings.warn(
            f"{type(self).__name__}: the data have {count} rows, and {taken}: the likelihood has the wrong weight beside "
            f"the prior. Make the model with num_data={count}",
            stacklevel=caller_level(),
        )

    def predict_y(
        self, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False, **how: Any
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of new observations.

        Parameters
        ----------
        Xnew
            New inputs [N, D].
        full_cov
            Covariances between inputs, and not the variances alone; for Gaussian noise only.
        full_output_cov
            Covariances between outputs, and not the variances alone; for Gaussian noise only.
        how
            What else this model's `predict_f` takes: ``batch_size``, or ``cg_tolerance`` of `CGLB`.

        Returns
        -------
        mean
            [N, P].
        covariance
            As in `predict_f`.

        Raises
        ------
        ValueError
            If covariances are asked for and the noise is not Gaussian; and as for `predict_f`.
        numpy.linalg.LinAlgError
            As for `predict_f`.
        """
        noisy = self.likelihood
        if (full_cov or full_output_cov) and not isinstance(noisy, Gaussian):
            raise ValueError(
                f"predict_y: observations under {type(noisy).__name__} have no closed-form covariance; ask for variances "
                "(full_cov=False, full_output_cov=False), or draw predict_f_samples and observe them"
            )
        mean, cov = self.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov, **how)
        X = jnp.asarray(Xnew, mean.dtype)
        if not (full_cov or full_output_cov) or not isinstance(noisy, Gaussian):
            return _predict_mean_and_var(noisy, X, mean, cov)
        return mean, _add_noise(noisy, X, mean, cov, bool(full_cov), bool(full_output_cov))

    def predict_log_density(
        self, data: tuple[Any, Any], full_cov: bool = False, full_output_cov: bool = False, **how: Any
    ) -> Float[Array, " N"]:
        """Log density of new observations under the prediction, point by point, summed over outputs; in nats.

        Parameters
        ----------
        data
            Pair (X, Y) as in the constructor.
        full_cov, full_output_cov
            GPflow's arguments; densities are of single points, so both stay False.
        how
            What else this model's `predict_f` takes; see `predict_y`.

        Returns
        -------
        Log densities [N].

        Raises
        ------
        TypeError
            If X and Y are given as two arguments, and not as one pair.
        ValueError
            If a covariance is asked for, or the data is malformed or outside the likelihood's range; as for `predict_f`.
        numpy.linalg.LinAlgError
            As for `predict_f`.
        """
        if np.ndim(full_cov) > 0:
            raise TypeError(
                "predict_log_density: expected one pair (X, Y), got an array in the place of full_cov; write "
                "predict_log_density((X, Y))"
            )
        if full_cov or full_output_cov:
            raise ValueError(
                "predict_log_density: densities are of single points; leave full_cov and full_output_cov out"
            )
        X, Y = read_data(data)
        self.likelihood.check_observations(Y)
        mean, var = self.predict_f(X, **how)
        return _predict_log_density(self.likelihood, X, mean, var, Y)

    def log_prior_density(self) -> Float[Array, ""]:
        """Log density of the priors on trainable Parameters; 0 without priors."""
        return log_prior(self)

    def log_posterior_density(self, *data: Any) -> Float[Array, ""]:
        """Objective plus log prior: what a maximum a posteriori fit makes large; in nats. Data as for the objective."""
        log_likelihood = self.maximum_log_likelihood_objective(*data)
        # Without priors their density is a zero of the default dtype.
        return log_likelihood + self.log_prior_density().astype(log_likelihood.dtype)

    def training_loss(self, *data: Any) -> Float[Array, ""]:
        """What a fit makes small: minus the objective, minus the log prior; in nats.

        Parameters
        ----------
        data
            As for `maximum_log_likelihood_objective`.

        Returns
        -------
        A scalar.
        """
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
            in float64 and 1e-4 in float32. Where that does not do, fractions of the prior's variance are tried, from 1e-12
            to 1e-6 in float64, and from 1e-6 to 1e-3 in float32.

        Returns
        -------
        [S, N, P], or [N, P].

        Raises
        ------
        TypeError
            If the key is not one key of JAX, or the number of samples not a whole number.
        ValueError
            If the number of samples is negative; and as for `predict_f`.
        numpy.linalg.LinAlgError
            If the covariance is not positive definite even so.
        """
        read_key(key, "predict_f_samples")
        num = 1 if num_samples is None else read_num_samples(num_samples, "predict_f_samples")
        mean, cov = self.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov)
        jitter = default_jitter(mean.dtype) if jitter is None else jitter
        noise = jax.random.normal(key, (num, *mean.shape), mean.dtype)
        prior = self.kernel, jnp.asarray(Xnew)
        samples = _draw(prior, mean, cov, noise, jitter, full_cov=full_cov, full_output_cov=full_output_cov)
        finer = "float64, or " if mean.dtype == np.float32 else ""
        refuse_nonfinite(
            samples,
            f"the covariance of the samples, a posterior of {type(self.kernel).__name__} at {len(mean)} inputs in "
            f"{mean.dtype}; try {finer}a jitter above {jitter:g}",
        )
        return samples[0] if num_samples is None else samples


class PosteriorModel(GPModel):
    """A model whose predictions are those of one `Posterior`; subclasses say how it is made, in `condition`.

    References
    ----------
    Hensman, Matthews & Ghahramani (2015), *Scalable variational Gaussian process classification*, as for `Posterior`.

    Examples
    --------
    >>> import gparams as gp
    >>> issubclass(gp.models.SVGP, gp.models.PosteriorModel)
    True
    """

    @abc.abstractmethod
    def condition(self) -> Posterior:
        """The process given the data, or what was learnt from it; NaN where a factorisation fails."""

    @property
    @abc.abstractmethod
    def num_columns(self) -> int | None:
        """Number D of input columns; None where any will do."""

    def posterior(self) -> Posterior:
        """The process given the data, with its Cholesky factor kept for many predictions.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance at the conditioning points is not positive definite, to rounding.
        """
        posterior = _condition(self)
        refuse_nonfinite(_telltale(posterior), _NOT_POSITIVE.format(type(self.kernel).__name__))
        return posterior

    def predict_f(
        self, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False, *, batch_size: int | None = None
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of the latent function at new inputs.

        Parameters
        ----------
        Xnew
            New inputs [N, D].
        full_cov
            Covariances between inputs, and not the variances alone.
        full_output_cov
            Covariances between outputs, and not the variances alone.
        batch_size
            New inputs to treat together; see `Posterior.predict_f`.

        Returns
        -------
        mean
            [N, P].
        covariance
            [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.

        Raises
        ------
        ValueError
            If the inputs have another number of columns than the data, or hold NaN; or `batch_size` is below 1.
        numpy.linalg.LinAlgError
            If the covariance at the conditioning points is not positive definite, to rounding.
        """
        X = read_inputs(Xnew, self.num_columns, dtype_of(self.kernel))
        batch_size = None if batch_size is None else read_count(batch_size, "batch_size")
        mean, cov, pivot = _predict_f(self, X, bool(full_cov), bool(full_output_cov), batch_size)
        refuse_nonfinite(pivot, _NOT_POSITIVE.format(type(self.kernel).__name__))
        return mean, cov


_NOT_POSITIVE = (
    "the covariance at the conditioning points ({0}), or that of the data given them. Likely causes: inducing points that "
    "repeat or lie close together, a lengthscale far above their spread, or noise near zero in float32. Look at "
    "gp.print_summary(model), and give other inducing points, a bound or a prior on the lengthscale, more noise, or "
    "float64."
)


@eqx.filter_jit
def _condition(model: PosteriorModel) -> Posterior:
    return model.condition()


@eqx.filter_jit
def _predict_f(
    model: PosteriorModel, X: Array, full_cov: bool, full_output_cov: bool, batch_size: int | None
) -> tuple[Array, Array, Array]:
    posterior = model.condition()
    mean, cov = posterior.predict_f(X, full_cov, full_output_cov, batch_size=batch_size)
    return mean, cov, _telltale(posterior)


def _telltale(posterior: Posterior) -> Array:
    """A number that is not finite where a factorisation failed."""
    found = jnp.sum(posterior.L[..., -1, -1]) + jnp.sum(posterior.a)
    return found if posterior.S is None else found + jnp.sum(posterior.S)


@eqx.filter_jit
def _predict_mean_and_var(likelihood: Likelihood, X: Array, mean: Array, var: Array) -> tuple[Array, Array]:
    return likelihood.predict_mean_and_var(X, mean, var)


@eqx.filter_jit
def _predict_log_density(likelihood: Likelihood, X: Array, mean: Array, var: Array, Y: Array) -> Array:
    return likelihood.predict_log_density(X, mean, var, Y)


@eqx.filter_jit
def _add_noise(likelihood: Gaussian, X: Array, mean: Array, cov: Array, full_cov: bool, full_output_cov: bool) -> Array:
    noise = likelihood.variance_at(X)[:, 0]  # [N]
    noise = add_diagonal(jnp.zeros((noise.size, noise.size), noise.dtype), noise) if full_cov else noise
    return cov + independent_outputs(noise, mean.shape[-1], full_cov=full_cov, full_output_cov=full_output_cov)


@eqx.filter_jit
def _draw(prior: tuple[Kernel, Array], mean: Array, cov: Array, noise: Array, jitter: float, **how: bool) -> Array:
    kernel, X = prior
    scale = jnp.max(jnp.abs(kernel(X, full_cov=False))).astype(cov.dtype)
    return draw_gaussian(mean, cov, noise, jitter, **how, scale=scale)


def refuse_nonfinite(array: Array, what: str) -> None:
    """Raise where a factorisation failed; a NaN is never handed on. Traced arrays can't be looked at."""
    if not isinstance(array, jax.core.Tracer) and not np.isfinite(np.asarray(array)).all():
        raise np.linalg.LinAlgError(f"not positive definite, to rounding: {what}")
