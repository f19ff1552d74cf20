"""Exact Gaussian-process regression."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..inducing_variables import DataPoints
from ..kernels import Kernel
from ..likelihoods import Gaussian
from ..maths import add_diagonal, gaussian_log_density, whiten
from ..mean_functions import MeanFunction, Zero
from ..posteriors import Posterior, independent_outputs
from ._base import GPModel, refuse_nonfinite
from ._data import read_data, read_inputs


@final
class GPR(GPModel):
    r"""Exact regression: :math:`f \sim GP(m, k)`, :math:`y = f(x) + \epsilon`, :math:`\epsilon \sim N(0, \sigma^2)`.

    The objective is the log marginal likelihood, with :math:`K_y = K(X, X) + \sigma^2 I`,

    .. math:: \log p(Y) = \sum_p \log N(Y_p \mid m(X), K_y)

    Its gradient is taken in closed form from the one Cholesky factor. Cost grows as :math:`N^3`, memory as :math:`N^2`.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N]. Integers become floats. Several outputs are
        independent, and share the kernel.
    kernel
        Covariance function.
    mean_function
        Mean function; zero by default.
    noise_variance
        Variance of the noise; 1 by default. Above 1e-6.
    likelihood
        A `Gaussian` likelihood, in place of `noise_variance`.

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

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        mean_function: MeanFunction | None = None,
        noise_variance: Any = None,
        likelihood: Gaussian | None = None,
    ):
        if noise_variance is not None and likelihood is not None:
            raise ValueError("GPR: give noise_variance or likelihood, not both")
        if not isinstance(kernel, Kernel):
            raise TypeError(f"GPR: expected a kernel, got {kernel!r} of type {type(kernel).__name__}")
        if likelihood is not None and not isinstance(likelihood, Gaussian):
            raise TypeError(f"GPR: expected a Gaussian likelihood (exact regression has no other), got {likelihood!r}")
        if mean_function is not None and not callable(mean_function):
            raise TypeError(f"GPR: expected a mean function, got {mean_function!r}")
        self.data = read_data(data)
        self.mean_function = Zero() if mean_function is None else mean_function
        self.kernel = kernel
        self.likelihood = Gaussian(noise_variance) if likelihood is None else likelihood

    def log_marginal_likelihood(self) -> Float[Array, ""]:
        """Log marginal likelihood of the data, summed over outputs; in nats."""
        return _log_marginal_likelihood(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The log marginal likelihood."""
        return _log_marginal_likelihood(self)

    def posterior(self) -> Posterior:
        """The process given the data, with its Cholesky factor kept for many predictions.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance of the data is not positive definite, to rounding.
        """
        posterior = _posterior(self)
        refuse_nonfinite(posterior.L[-1, -1], self._explain())
        return posterior

    def predict_f(
        self, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False
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

        Raises
        ------
        ValueError
            If the inputs have another number of columns than the data, or hold NaN.
        numpy.linalg.LinAlgError
            If the covariance of the data is not positive definite, to rounding.
        """
        return self._predict(self._read(Xnew), full_cov, full_output_cov)

    def predict_y(
        self, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of new observations: those of `predict_f`, and the noise.

        Parameters
        ----------
        Xnew
            New inputs [N, D].
        full_cov
            Covariances between inputs, and not the variances alone (GPflow doesn't offer this).
        full_output_cov
            Covariances between outputs, and not the variances alone.

        Returns
        -------
        mean
            [N, P].
        covariance
            As in `predict_f`.

        Raises
        ------
        ValueError, numpy.linalg.LinAlgError
            As for `predict_f`.
        """
        X = self._read(Xnew)
        mean, cov = self._predict(X, full_cov, full_output_cov)
        noise = self.likelihood.variance_at(X)[:, 0]  # [N]
        noise = add_diagonal(jnp.zeros((noise.size, noise.size), noise.dtype), noise) if full_cov else noise
        return mean, cov + independent_outputs(
            noise, mean.shape[-1], full_cov=full_cov, full_output_cov=full_output_cov
        )

    def predict_log_density(self, data: tuple[Any, Any]) -> Float[Array, " N"]:
        """Log density of new observations under the prediction, point by point, summed over outputs; in nats.

        Parameters
        ----------
        data
            Pair (X, Y) as in the constructor.

        Raises
        ------
        ValueError, numpy.linalg.LinAlgError
            As for `predict_f`.
        """
        X, Y = read_data(data)
        X = self._read(X)
        mean, var = self._predict(X, False, False)
        return self.likelihood.predict_log_density(X, mean, var, Y)

    def _read(self, Xnew: Any) -> Array:
        X = self.data[0]
        return read_inputs(Xnew, X.shape[1], X.dtype)

    def _predict(self, Xnew: Array, full_cov: bool, full_output_cov: bool) -> tuple[Array, Array]:
        mean, cov, pivot = _predict_f(self, Xnew, bool(full_cov), bool(full_output_cov))
        refuse_nonfinite(pivot, self._explain())
        return mean, cov

    def _explain(self) -> str:
        return _NOT_POSITIVE.format(type(self.kernel).__name__, self.data[0].dtype)


_NOT_POSITIVE = (
    "the covariance of the data, K(X, X) plus noise ({0}, {1}). Likely causes: the noise variance is near its floor "
    "while inputs repeat or lie close together, or a lengthscale is far above the spread of the inputs. Look at "
    "gp.print_summary(model), and give more noise, a bound or a prior on the lengthscale, or float64."
)


def _covariance(model: GPR) -> tuple[Array, Array]:
    X, Y = model.data
    R = Y - model.mean_function(X)  # [N, P]
    return R, add_diagonal(model.kernel(X), model.likelihood.variance_at(X)[:, 0])  # [N, N]


@eqx.filter_jit
def _log_marginal_likelihood(model: GPR) -> Array:
    R, Ky = _covariance(model)
    return gaussian_log_density(R, Ky)


def _condition(model: GPR) -> Posterior:
    R, Ky = _covariance(model)
    L, a = whiten(R, Ky)
    return Posterior(model.kernel, model.mean_function, DataPoints(model.data[0]), L, a, None)


_posterior = eqx.filter_jit(_condition)


@eqx.filter_jit
def _predict_f(model: GPR, Xnew: Array, full_cov: bool, full_output_cov: bool) -> tuple[Array, Array, Array]:
    posterior = _condition(model)
    mean, cov = posterior.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov)
    return mean, cov, posterior.L[-1, -1]  # the last pivot is NaN where the factorisation failed
