"""Exact Gaussian-process regression."""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..inducing_variables import DataPoints
from ..kernels import Kernel
from ..likelihoods import Gaussian
from ..maths import (
    add_diagonal,
    cholesky_with_jitter,
    gaussian_log_density,
    in_chunks,
    leave_one_out,
    read_inputs,
    rows_in_chunk,
    solve_triangular,
)
from ..mean_functions import MeanFunction, Zero
from ..parameters import read_key, read_num_samples
from ..pathwise import SampledFunctions, sample_functions
from ..posteriors import Posterior, expand_outputs, mean_at
from ._base import GPModel
from ._data import read_data
from ._diagnosis import explain, report_factorisation
from ._missing import Part, Patterns, read_patterns, restore, shut_out, split_by_pattern
from ._parts import read_gaussian, read_mean_function, read_single_output_kernel


class LeaveOneOut(NamedTuple):
    """What each observation is predicted to be from all the others; NaN where there is no observation.

    Parameters
    ----------
    mean, variance
        Moments [N, P] of the prediction, noise included.
    log_density
        Log density [N, P] of the observation under it, in nats.

    References
    ----------
    Rasmussen & Williams (2006), eqs. 5.10 to 5.12.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> model = gp.models.GPR((np.zeros((2, 1)), [0.0, 3.0]), kernel=gp.kernels.Constant(), noise_variance=1.0)
    >>> print(model.leave_one_out().mean[:, 0])
    [1.5 0. ]
    """

    mean: Float[Array, "N P"]
    variance: Float[Array, "N P"]
    log_density: Float[Array, "N P"]


@final
class GPR(GPModel):
    r"""Exact regression: :math:`f \sim GP(m, k)`, :math:`y = f(x) + \epsilon`, :math:`\epsilon \sim N(0, \sigma^2)`.

    The objective is the log marginal likelihood, with :math:`K_y = K(X, X) + \sigma^2 I`,

    .. math:: \log p(Y) = \sum_p \log N(Y_p \mid m(X), K_y)

    Its gradient is taken in closed form from the one Cholesky factor. Cost grows as :math:`N^3`, memory as :math:`N^2`.

    No jitter is added, unless the factorisation fails: then it is tried again, inside the compiled program, with as little
    as does (see `gparams.maths.cholesky_with_jitter`). Predictions say so by a `JitterWarning`, `fit` in its message, and
    `jitter_used` returns the amount. A loss with jitter is the loss of the same model with that much more noise: a fit
    that may choose the noise gains nothing by it.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N]. Integers become floats. Several outputs are
        independent, and share the kernel.
    kernel
        Covariance function of one output.
    mean_function
        Mean function; zero by default.
    noise_variance
        Variance of the noise, in squared units of the output; above 1e-6, and 1 by default.
    likelihood
        A `Gaussian` likelihood, in place of `noise_variance`.
    allow_missing
        Whether NaN in Y, or what a masked array hides, stands for an observation that was not made. Each output is then
        conditioned on its own observations, exactly as if the others' rows were not there; outputs that miss the same rows
        share a factor, and each further pattern costs one more.

    Raises
    ------
    ValueError
        If X and Y differ in length, are empty, or hold NaN or inf (the message names the row); or both noise variance and
        likelihood are given.
    TypeError
        If the kernel, mean function or likelihood is of the wrong kind.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.
    JitterWarning
        Where a prediction needed jitter; the message says why, as far as that can be told.

    References
    ----------
    Rasmussen & Williams (2006), eqs. 2.30, 2.25, 2.26 and 5.9.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 50)[:, None]
    >>> model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(), noise_variance=0.01)
    >>> mean, var = model.predict_f(np.array([[np.pi / 2]]))
    >>> print(mean.round(2))
    [[1.]]
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Gaussian
    patterns: Patterns = eqx.field(static=True)

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        mean_function: MeanFunction | None = None,
        noise_variance: Any = None,
        likelihood: Gaussian | None = None,
        *,
        allow_missing: bool = False,
    ):
        self.likelihood = read_gaussian("GPR", likelihood, noise_variance)
        self.kernel = read_single_output_kernel("GPR", kernel, "outputs are independent, and share the kernel")
        self.mean_function = read_mean_function("GPR", mean_function)
        self.data = read_data(data, missing=allow_missing)
        self.patterns = read_patterns(self.data[1]) if allow_missing else None

    @property
    def num_latent_gps(self) -> int:
        """Number P of outputs."""
        return self.data[1].shape[1]

    def log_marginal_likelihood(self) -> Float[Array, ""]:
        """Log marginal likelihood of the data, summed over outputs; in nats. NaN where no jitter is enough."""
        return _log_marginal_likelihood(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The log marginal likelihood."""
        return _log_marginal_likelihood(self)

    def leave_one_out_objective(self) -> Float[Array, ""]:
        r"""Log density of each observation given all the others, summed; in nats.

        .. math:: \sum_i \log p(y_i \mid y_{-i})

        The sum is an objective in its own right, less trusting of the model than the marginal likelihood:
        ``gp.fit(model, lambda m: -m.leave_one_out_objective())``. It costs one factorisation and one inverse, and so does
        its gradient but for two matrix products.

        References
        ----------
        Rasmussen & Williams (2006), eqs. 5.10 to 5.12.
        """
        return _leave_one_out_objective(self)

    def leave_one_out(self) -> LeaveOneOut:
        """Predict each observation from all the others: means, variances and log densities, point by point.

        Returns
        -------
        LeaveOneOut
            The three, [N, P] each.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance of the data is not positive definite, to rounding.

        Warns
        -----
        JitterWarning
            If jitter was needed.

        References
        ----------
        Rasmussen & Williams (2006), eqs. 5.10 to 5.12.
        """
        report, pivot, jitter = _leave_one_out(self)
        report_factorisation(self, pivot, jitter)
        return report

    def jitter_used(self) -> Float[Array, ""]:
        """Jitter that the covariance of the data needs before it can be factorised; 0 where it needs none.

        It is the largest over patterns of missing observations, in squared units of the output.
        """
        return _jitter(self)[1]

    def explain_loss(self, loss: float) -> str:
        """Say why the loss is not finite, or that it holds jitter; `fit` asks, at its end.

        Parameters
        ----------
        loss
            The loss of this model.

        Returns
        -------
        A clause for the message; empty where the covariance of the data was factorised as it is.
        """
        if np.isfinite(loss) and _well_conditioned(self):
            return ""
        pivot, jitter = _jitter(self)
        if not np.isfinite(pivot):
            return f"not positive definite, to rounding: {explain(self)}"
        return f"the covariance of the data has jitter of {float(jitter):.2g} on its diagonal" if jitter > 0 else ""

    def posterior(self) -> Posterior:
        """The process given the data, with its Cholesky factor kept for many predictions.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance of the data is not positive definite, to rounding.

        Warns
        -----
        JitterWarning
            If jitter was needed.
        """
        posterior, pivot, jitter = _posterior(self)
        report_factorisation(self, pivot, jitter)
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
            New inputs to treat together, where no covariances between them are asked for. By default as many as keep the
            covariances with the data to 2**24 numbers, so that memory is bounded however many new inputs there are.

        Returns
        -------
        mean
            [N, P].
        covariance
            [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both. Variances, also
            those on the diagonal of a covariance, are never negative: what rounding leaves below zero is zero.

        Raises
        ------
        ValueError
            If the inputs have another number of columns than the data, or hold NaN; or `batch_size` is below 1.
        numpy.linalg.LinAlgError
            If the covariance of the data is not positive definite, to rounding.

        Warns
        -----
        JitterWarning
            If jitter was needed.
        """
        X = self.data[0]
        Xnew = read_inputs(Xnew, X.shape[1], X.dtype)
        rows = rows_in_chunk(X.shape[0], batch_size)
        mean, cov, pivot, jitter = _predict_f(self, Xnew, bool(full_cov), bool(full_output_cov), rows)
        report_factorisation(self, pivot, jitter)
        return mean, cov

    def sample_functions(self, num_samples: int, *, key: Key[Array, ""], num_features: int = 1024) -> SampledFunctions:
        """Draw functions from the posterior, as callables: ``f(Xnew)`` is [S, N, P], and the same at each call.

        Where `predict_f_samples` draws the values at given inputs exactly, at a cost of their number cubed, these cost as
        much as a mean at each input, and have gradients. The prior part is a sum of random features, exact in its first
        two moments on average over keys; see `gparams.pathwise`.

        Parameters
        ----------
        num_samples
            Number S of functions.
        key
            JAX random key.
        num_features
            Number of random features of each kernel; the covariance of functions drawn by one key is off by about one
            part in the root of this number.

        Returns
        -------
        SampledFunctions
            The S functions, as one callable.

        Raises
        ------
        TypeError
            If the kernel has no random features (the message says what to do), the key is not one key of JAX, or the number
            of samples not a whole number.
        ValueError
            If the number of samples is negative.
        numpy.linalg.LinAlgError
            If the covariance of the data is not positive definite, to rounding.

        Warns
        -----
        JitterWarning
            If jitter was needed.

        References
        ----------
        Wilson et al. (2020), *Efficiently sampling functions from Gaussian process posteriors*, eq. 13.
        """
        read_key(key, "sample_functions")
        num = read_num_samples(num_samples, "sample_functions")
        posterior, pivot, jitter = _posterior(self)
        report_factorisation(self, pivot, jitter)
        return _sample_functions(self, posterior, key, num, num_features)


def _parts(model: GPR) -> list[Part]:
    X, Y = model.data
    R = Y - mean_at(model.mean_function, X, Y.shape[1])  # [N, P]
    Ky = add_diagonal(model.kernel(X), model.likelihood.variance_at(X)[:, 0])  # [N, N]
    dtype = jnp.promote_types(R.dtype, Ky.dtype)  # float32 data, float64 Parameters
    return split_by_pattern(Y, R.astype(dtype), Ky.astype(dtype), model.patterns)


@eqx.filter_jit
def _log_marginal_likelihood(model: GPR) -> Array:
    parts = _parts(model)
    total = jnp.zeros((), parts[0].Ky.dtype)
    for R, Ky, seen in parts:
        total = total + gaussian_log_density(R, Ky)
        if seen is not None:  # rows of unit variance that stand for nothing
            total = total + 0.5 * math.log(2.0 * math.pi) * R.shape[1] * jnp.sum(~seen, dtype=total.dtype)
    return total


def _leave_each_out(model: GPR) -> LeaveOneOut:
    """Predictions, finite also where there is no observation to compare with."""
    pairs = [leave_one_out(R, Ky) for R, Ky, _ in _parts(model)]
    error = restore([e for e, _ in pairs], model.patterns)  # [N, P]
    variance = restore([jnp.broadcast_to(v[:, None], e.shape) for e, v in pairs], model.patterns)
    log_density = -0.5 * (math.log(2.0 * math.pi) + jnp.log(variance) + error**2 / variance)
    return LeaveOneOut(error, variance, log_density)


@eqx.filter_jit
def _leave_one_out_objective(model: GPR) -> Array:
    log_density = _leave_each_out(model).log_density
    return jnp.sum(log_density if model.patterns is None else jnp.where(jnp.isnan(model.data[1]), 0.0, log_density))


@eqx.filter_jit
def _leave_one_out(model: GPR) -> tuple[LeaveOneOut, Array, Array]:
    Y = model.data[1]
    error, variance, log_density = _leave_each_out(model)
    *_, pivot, jitter = _factorise(model)
    report = LeaveOneOut(*(jnp.where(jnp.isnan(Y), Y, a) for a in (Y - error, variance, log_density)))
    return report, pivot, jitter


def _factorise(model: GPR) -> tuple[list[Part], list[Array], Array, Array]:
    """Factors of the covariances; one number that is not finite where one of them failed; the jitter that was added."""
    parts = _parts(model)
    factors, jitters = zip(*(cholesky_with_jitter(part.Ky) for part in parts), strict=True)
    pivot = jnp.sum(jnp.stack([L[-1, -1] for L in factors]))
    return parts, list(factors), pivot, jnp.max(jnp.stack(jitters))


@eqx.filter_jit
def _jitter(model: GPR) -> tuple[Array, Array]:
    return _factorise(model)[2:]


@eqx.filter_jit
def _well_conditioned(model: GPR) -> Array:
    """Whether noise alone keeps rounding from breaking a factorisation: Higham (2002), theorem 10.7."""
    X = model.data[0]
    noise, variance = model.likelihood.variance_at(X), model.kernel(X, full_cov=False)
    rounding = jnp.finfo(jnp.result_type(noise, variance)).eps
    return jnp.min(noise) > (len(X) + 2) ** 2 * rounding * jnp.max(jnp.abs(variance) + noise[:, 0])


def _condition(model: GPR) -> tuple[list[Posterior], Array, Array]:
    """The posteriors of outputs that share a factor."""
    parts, factors, pivot, jitter = _factorise(model)
    Z = DataPoints(model.data[0])
    posteriors = []
    for (R, _, seen), L in zip(parts, factors, strict=True):
        a, L = solve_triangular(L, R), shut_out(L, seen)
        posteriors.append(Posterior(model.kernel, model.mean_function, Z, L, a, None))
    return posteriors, pivot, jitter


@eqx.filter_jit
def _posterior(model: GPR) -> tuple[Posterior, Array, Array]:
    posteriors, pivot, jitter = _condition(model)
    if len(posteriors) == 1:
        return posteriors[0], pivot, jitter
    a = restore([p.a for p in posteriors], model.patterns)
    shape = model.data[0].shape[:1] * 2
    L = restore([jnp.broadcast_to(p.L, (p.a.shape[1], *shape)) for p in posteriors], model.patterns, 0)  # [P, N, N]
    whole = Posterior(model.kernel, model.mean_function, DataPoints(model.data[0]), L, a, None)
    return whole, pivot, jitter


@eqx.filter_jit
def _predict_f(
    model: GPR, Xnew: Array, full_cov: bool, full_output_cov: bool, rows: int
) -> tuple[Array, Array, Array, Array]:
    posteriors, pivot, jitter = _condition(model)

    def predict(X: Array) -> tuple[Array, Array]:
        means, covs = zip(*(_predict_part(p, X, full_cov) for p in posteriors), strict=True)
        cov = restore(covs, model.patterns, 0 if full_cov else 1)
        mean = restore(means, model.patterns) + model.mean_function(X)
        return mean, expand_outputs(cov, full_cov=full_cov, full_output_cov=full_output_cov)

    mean, cov = predict(Xnew) if full_cov else in_chunks(predict, Xnew, rows)
    return mean, cov, pivot, jitter


def _predict_part(posterior: Posterior, X: Array, full_cov: bool) -> tuple[Array, Array]:
    # Without the mean function, which is one for all outputs.
    return eqx.tree_at(lambda p: p.mean_function, posterior, Zero()).moments(X, full_cov)


@eqx.filter_jit
def _sample_functions(
    model: GPR, posterior: Posterior, key: Array, num_samples: int, num_features: int
) -> SampledFunctions:
    X = model.data[0]
    noise = model.likelihood.variance_at(X)[:, 0]  # [N]
    return sample_functions(
        model.kernel, model.mean_function, X, posterior.L, posterior.a, noise,
        key=key, num_samples=num_samples, num_features=num_features,
    )  # fmt: skip
