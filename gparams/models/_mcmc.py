"""Models whose latent values are Parameters with a prior, for Markov chain Monte Carlo."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from tensorflow_probability.substrates.jax import distributions as tfd

from ..inducing_variables import DataPoints, InducingVariables, MultioutputInducingVariables, as_inducing_variables
from ..kernels import Kernel, MultioutputKernel
from ..likelihoods import Likelihood
from ..maths import matmul
from ..mean_functions import MeanFunction
from ..parameters import Parameter
from ..posteriors import Posterior, create_posterior, mean_at
from ._base import PosteriorModel
from ._data import read_data
from ._parts import (
    count_latent_gps,
    read_kernel,
    read_likelihood,
    read_mean_function,
    read_single_output_kernel,
    refuse_more_inducing_than_data,
)
from ._vgp import MEND


def _whitened_values(shape: tuple[int, int], dtype: Any) -> Parameter:
    return Parameter(jnp.zeros(shape, dtype), prior=tfd.Normal(0.0, 1.0))


@final
class GPMC(PosteriorModel):
    r"""The latent function at the data as a Parameter, for sampling: :math:`f = m(X) + L v`, :math:`v \sim N(0, I)`.

    The objective is :math:`\log p(Y \mid v, \theta)`; with the prior on `V` the log posterior density is that of v and of
    all hyperparameters together, up to a constant.
    The covariance at the inputs always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6,
    and 1e-4 in float32.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N].
    kernel
        Covariance function of one output, shared by all latent functions.
    likelihood
        Any likelihood.
    mean_function
        Mean function; zero by default.
    num_latent_gps
        Number L of latent functions; by default what the likelihood needs for Y.

    Raises
    ------
    ValueError
        If the data is malformed, or holds labels outside the likelihood's range.
    TypeError
        If the kernel, likelihood or mean function is of the wrong kind.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Murray & Adams (2010), *Slice sampling covariance hyperparameters of latent Gaussian models*, section 2 (whitening).

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 20)[:, None]
    >>> model = gp.models.GPMC((X, np.sin(X)), gp.kernels.Matern32(), gp.likelihoods.StudentT())
    >>> model.V.shape, model.V.prior.name
    ((20, 1), 'Normal')
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Likelihood
    V: Parameter

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        likelihood: Likelihood,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
    ):
        self.data = read_data(data)
        self.mean_function = read_mean_function("GPMC", mean_function)
        self.kernel = read_single_output_kernel("GPMC", kernel, MEND)
        self.likelihood = read_likelihood("GPMC", likelihood)
        X, Y = self.data
        self.likelihood.check_observations(Y)
        num_latent = count_latent_gps(self.kernel, self.likelihood, Y.shape[1], num_latent_gps, "GPMC")
        self.V = _whitened_values((X.shape[0], num_latent), X.dtype)

    @property
    def num_latent_gps(self) -> int:
        """Number L of latent functions."""
        return self.V.shape[1]

    @property
    def num_columns(self) -> int:
        """Number D of input columns."""
        return self.data[0].shape[1]

    def log_likelihood(self) -> Float[Array, ""]:
        """Log likelihood of the latent values; in nats."""
        return _gpmc_log_likelihood(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The log likelihood."""
        return _gpmc_log_likelihood(self)

    def condition(self) -> Posterior:
        """The process given the latent values."""
        return create_posterior(self.kernel, DataPoints(self.data[0]), self.V.value, mean_function=self.mean_function)


@eqx.filter_jit
def _gpmc_log_likelihood(model: GPMC) -> Array:
    X, Y = model.data
    V = model.V.value
    F = matmul(model.condition().L, V) + mean_at(model.mean_function, X, V.shape[1])
    return jnp.sum(model.likelihood.log_prob(X, F, Y))


@final
class SGPMC(PosteriorModel):
    r"""Sparse inference whose inducing values are sampled: :math:`u = L v`, :math:`v \sim N(0, I)`.

    The objective is :math:`\sum_n E_{p(f_n \mid u)}[\log p(y_n \mid f_n)]`, and the optimal :math:`q(v, \theta)` is
    proportional to its exponential times the priors. The Parameter `V` holds v.
    The covariance of the inducing variables always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6, and
    1e-4 in float32.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N].
    kernel
        Covariance function, of one output or of several.
    likelihood
        Any likelihood.
    mean_function
        Mean function; zero by default.
    num_latent_gps
        Number L of latent functions; by default what kernel and likelihood need for Y.
    inducing_variable
        Inducing points Z [M, D], or any inducing variables.

    Raises
    ------
    ValueError
        If the data is malformed, holds labels outside the likelihood's range, or is less than the inducing variables.
    TypeError
        If a part is of the wrong kind, or there are no inducing variables.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Hensman, Matthews, Filippone & Ghahramani (2015), *MCMC for variationally sparse Gaussian processes*.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 20)[:, None]
    >>> parts = gp.kernels.Matern32(), gp.likelihoods.StudentT()
    >>> gp.models.SGPMC((X, np.sin(X)), *parts, inducing_variable=X[::4]).V.shape
    (5, 1)
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Likelihood
    inducing_variable: InducingVariables
    V: Parameter

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        likelihood: Likelihood,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
        inducing_variable: Any = None,
    ):
        if inducing_variable is None:
            raise TypeError("SGPMC: expected inducing_variable, such as inducing points Z [M, D]; GPMC needs none")
        self.data = read_data(data)
        self.mean_function = read_mean_function("SGPMC", mean_function)
        self.kernel = read_kernel("SGPMC", kernel)
        self.likelihood = read_likelihood("SGPMC", likelihood)
        self.inducing_variable = as_inducing_variables(inducing_variable)
        X, Y = self.data
        self.likelihood.check_observations(Y)
        M = self.inducing_variable.num_inducing
        refuse_more_inducing_than_data("SGPMC", M, X.shape[0])
        shape = M, count_latent_gps(self.kernel, self.likelihood, Y.shape[1], num_latent_gps, "SGPMC")
        coupled = not isinstance(self.inducing_variable, MultioutputInducingVariables)
        if isinstance(self.kernel, MultioutputKernel) and coupled:
            shape = M * self.kernel.num_outputs, 1
        self.V = _whitened_values(shape, X.dtype)

    @property
    def num_latent_gps(self) -> int:
        """Number L of latent functions."""
        return self.V.shape[1]

    @property
    def num_columns(self) -> int:
        """Number D of input columns."""
        return self.data[0].shape[1]

    def log_likelihood_lower_bound(self) -> Float[Array, ""]:
        """Expected log likelihood of the data given the inducing values; in nats."""
        return _sgpmc_bound(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The expected log likelihood."""
        return _sgpmc_bound(self)

    def condition(self) -> Posterior:
        """The process given the inducing values."""
        return create_posterior(self.kernel, self.inducing_variable, self.V.value, mean_function=self.mean_function)


@eqx.filter_jit
def _sgpmc_bound(model: SGPMC) -> Array:
    X, Y = model.data
    mean, var = model.condition().moments(X)
    return jnp.sum(model.likelihood.variational_expectations(X, mean, var, Y))
