"""Latent variable models: the inputs are not known, and are Parameters or distributions."""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..expectations import DiagonalGaussian, expectation
from ..inducing_variables import DataPoints, InducingPoints, InducingVariables, as_inducing_variables
from ..kernels import Kernel, SquaredExponential
from ..likelihoods import Gaussian
from ..maths import (
    add_diagonal,
    cholesky_and_inverse,
    default_jitter,
    gaussian_log_density,
    matmul,
    times_transpose,
    whiten,
)
from ..mean_functions import MeanFunction, Zero
from ..parameters import Parameter, as_parameter, positive, read_key
from ..posteriors import Posterior, mean_at
from ._base import PosteriorModel
from ._data import read_data
from ._parts import read_mean_function, read_single_output_kernel, refuse_more_inducing_than_data
from ._sgpr import conditioned

_MEND = "the outputs of a latent variable model share one kernel"


def principal_components(Y: Any, latent_dim: int) -> np.ndarray:
    """Give the first principal components of the rows of Y, scaled to unit variance: where latent inputs start.

    Parameters
    ----------
    Y
        Observations [N, P].
    latent_dim
        Number Q of components.

    Returns
    -------
    Scores [N, Q].

    Raises
    ------
    ValueError
        If there are fewer columns than components.

    References
    ----------
    Lawrence (2005), *Probabilistic non-linear principal component analysis with Gaussian process latent variable models*.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.models.principal_components([[1.0, 0.0], [-1.0, 0.0], [0.0, 1e-3]], 1).shape
    (3, 1)
    """
    Y = np.asarray(Y)
    if not 0 < latent_dim <= Y.shape[1]:
        raise ValueError(f"latent_dim: expected 1 to {Y.shape[1]} (the columns of the data), got {latent_dim}")
    centred = Y - Y.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    scores = centred @ directions[:latent_dim].T
    return scores / np.maximum(scores.std(0), np.finfo(scores.dtype).tiny)


@final
class GPLVM(PosteriorModel):
    r"""The Gaussian process latent variable model: regression whose inputs are Parameters.

    .. math:: \log p(Y \mid X) = \sum_p \log N(Y_p \mid m(X), K(X, X) + \sigma^2 I)

    The noise variance :math:`\sigma^2` is `likelihood.variance`: no argument, and 1 at the start.

    Parameters
    ----------
    data
        Observations Y [N, P].
    latent_dim
        Number Q of latent dimensions.
    X_data_mean
        Where the latent inputs start [N, Q]; by default the data's principal components.
    kernel
        Covariance function; a squared exponential with a lengthscale for each dimension by default.
    mean_function
        Mean function; zero by default.

    Raises
    ------
    ValueError
        If the data is malformed, there are no latent dimensions or more than columns, or the start has another shape.
    TypeError
        If the kernel or mean function is of the wrong kind.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Lawrence (2005), *Probabilistic non-linear principal component analysis with Gaussian process latent variable models*.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> Y = np.stack([np.cos(t := np.linspace(0.0, 3.0, 12)), np.sin(t), t], 1)
    >>> gp.models.GPLVM(Y, latent_dim=1).data[0].shape
    (12, 1)
    """

    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Gaussian
    data: tuple[Parameter, Float[Array, "N P"]]

    def __init__(
        self,
        data: Any,
        latent_dim: int,
        X_data_mean: Any = None,
        kernel: Kernel | None = None,
        mean_function: MeanFunction | None = None,
    ):
        Y = _read_observations(data)
        if latent_dim > Y.shape[1]:
            raise ValueError(
                f"GPLVM: {latent_dim} latent dimensions for {Y.shape[1]} columns; expected at most as many"
            )
        start = jnp.asarray(principal_components(Y, latent_dim)) if X_data_mean is None else X_data_mean
        X = as_parameter(start)
        if X.shape != (Y.shape[0], latent_dim):
            raise ValueError(f"GPLVM: expected X_data_mean of shape {(Y.shape[0], latent_dim)}, got {X.shape}")
        if kernel is None:
            kernel = SquaredExponential(jnp.ones((), Y.dtype), jnp.ones(latent_dim, Y.dtype))
        self.mean_function = read_mean_function("GPLVM", mean_function)
        self.kernel = read_single_output_kernel("GPLVM", kernel, _MEND)
        self.likelihood = Gaussian(jnp.ones((), Y.dtype))
        self.data = X, Y

    @property
    def num_latent_gps(self) -> int:
        """Number P of outputs."""
        return self.data[1].shape[1]

    @property
    def num_columns(self) -> int:
        """Number Q of latent dimensions."""
        return self.data[0].shape[1]

    def log_marginal_likelihood(self) -> Float[Array, ""]:
        """Log likelihood of the data given the latent inputs, summed over outputs; in nats."""
        return _log_marginal_likelihood(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The log marginal likelihood."""
        return _log_marginal_likelihood(self)

    def condition(self) -> Posterior:
        """The process given the data at the latent inputs."""
        X, R, Ky = _covariance(self)
        return Posterior(self.kernel, self.mean_function, DataPoints(X), *whiten(R, Ky), None)


def _covariance(model: GPLVM) -> tuple[Array, Array, Array]:
    X, Y = model.data[0].value, model.data[1]
    noise = model.likelihood.variance_at(X)[:, 0]
    return X, Y - mean_at(model.mean_function, X, Y.shape[1]), add_diagonal(model.kernel(X), noise)


@eqx.filter_jit
def _log_marginal_likelihood(model: GPLVM) -> Array:
    _, R, Ky = _covariance(model)
    return gaussian_log_density(R, Ky)


@final
class BayesianGPLVM(PosteriorModel):
    r"""The latent variable model with a distribution over each latent input: :math:`q(x_n) = N(\mu_n, \mathrm{diag}(s_n))`.

    The objective is the collapsed bound of sparse regression with the kernel's expectations under q in place of the
    kernel. With :math:`\beta = 1 / \sigma^2`, :math:`\psi_0 = \sum_n E[k(x_n, x_n)]`, :math:`\Psi_1 = E[K_{fu}]`,
    :math:`\Psi_2 = E[K_{uf} K_{fu}]` and :math:`W = \beta I - \beta^2 \Psi_1 (\beta \Psi_2 + K_{uu})^{-1} \Psi_1^\top`,

    .. math:: \sum_p \left[-\tfrac N2 \log 2 \pi \sigma^2 + \tfrac12 \log \frac{|K_{uu}|}{|\beta \Psi_2 + K_{uu}|}
        - \tfrac12 y_p^\top W y_p\right] - \tfrac{P \beta}2 \left(\psi_0 - \mathrm{tr}\, K_{uu}^{-1} \Psi_2\right)
        - \mathrm{KL}[q(X) \Vert p(X)]

    The Parameters `X_data_mean` and `X_data_var` [N, Q] are :math:`\mu` and :math:`s`; the noise variance
    :math:`\sigma^2` is `likelihood.variance`, no argument, and 1 at the start.
    The covariance of the inducing variables always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6, and
    1e-4 in float32.

    Parameters
    ----------
    data
        Observations Y [N, P].
    X_data_mean, X_data_var
        Means and variances of q [N, Q], where they start.
    kernel
        Covariance function of one output. Squared exponential, linear, constant, their sums and products are in closed
        form; others take quadrature, for few latent dimensions.
    num_inducing_variables
        Number M of inducing points, drawn from the means by `key`; or give `inducing_variable`.
    inducing_variable
        Inducing points Z [M, Q].
    X_prior_mean, X_prior_var
        Means and variances of the prior [N, Q]; 0 and 1 by default.
    key
        JAX random key to draw inducing points by.

    Raises
    ------
    ValueError
        If shapes disagree, the inducing points are given both ways or in none, or are more than the data.
    TypeError
        If the kernel is not one of one output.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Titsias & Lawrence (2010), *Bayesian Gaussian process latent variable model*, eqs. 12 to 15.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> Y = np.stack([np.cos(t := np.linspace(0.0, 3.0, 12)), np.sin(t), t], 1)
    >>> X = gp.models.principal_components(Y, 1)
    >>> kernel = gp.kernels.SquaredExponential()
    >>> model = gp.models.BayesianGPLVM(Y, X, 0.1 * np.ones_like(X), kernel, inducing_variable=X[::3])
    >>> bool(np.isfinite(model.elbo()))
    True
    """

    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Gaussian
    data: Float[Array, "N P"]
    X_data_mean: Parameter
    X_data_var: Parameter
    inducing_variable: InducingVariables
    X_prior_mean: Float[Array, "N Q"]
    X_prior_var: Float[Array, "N Q"]

    def __init__(
        self,
        data: Any,
        X_data_mean: Any,
        X_data_var: Any,
        kernel: Kernel,
        num_inducing_variables: int | None = None,
        inducing_variable: Any = None,
        X_prior_mean: Any = None,
        X_prior_var: Any = None,
        *,
        key: Key[Array, ""] | None = None,
    ):
        Y = self.data = _read_observations(data)
        self.mean_function, self.likelihood = Zero(Y.shape[1]), Gaussian(jnp.ones((), Y.dtype))
        self.kernel = read_single_output_kernel("BayesianGPLVM", kernel, _MEND)
        self.X_data_mean = as_parameter(X_data_mean)
        self.X_data_var = as_parameter(X_data_var, transform=positive(), name="BayesianGPLVM.X_data_var")
        shape = self.X_data_mean.shape
        self.X_prior_mean = _read_prior("X_prior_mean", X_prior_mean, 0.0, shape, Y.dtype)
        self.X_prior_var = _read_prior("X_prior_var", X_prior_var, 1.0, shape, Y.dtype)
        if len(shape) != 2 or shape[0] != Y.shape[0] or self.X_data_var.shape != shape:
            raise ValueError(
                f"BayesianGPLVM: expected X_data_mean and X_data_var of one shape [{Y.shape[0]}, Q], got {shape} and "
                f"{self.X_data_var.shape}"
            )
        if (inducing_variable is None) == (num_inducing_variables is None):
            raise ValueError("BayesianGPLVM: give either inducing_variable or num_inducing_variables")
        if num_inducing_variables is not None:
            refuse_more_inducing_than_data("BayesianGPLVM", num_inducing_variables, shape[0])
            drawn_by = jax.random.key(0) if key is None else read_key(key, "BayesianGPLVM")
            rows = jax.random.choice(drawn_by, shape[0], (num_inducing_variables,), replace=False)
            inducing_variable = InducingPoints(self.X_data_mean.value[rows])
        self.inducing_variable = as_inducing_variables(inducing_variable)
        refuse_more_inducing_than_data("BayesianGPLVM", self.inducing_variable.num_inducing, shape[0])

    @property
    def num_latent_gps(self) -> int:
        """Number P of outputs."""
        return self.data.shape[1]

    @property
    def num_columns(self) -> int:
        """Number Q of latent dimensions."""
        return self.X_data_mean.shape[1]

    def elbo(self) -> Float[Array, ""]:
        """Lower bound on the log marginal likelihood; in nats."""
        return _elbo(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The lower bound."""
        return _elbo(self)

    def condition(self) -> Posterior:
        """The process given the best q(u)."""
        s = _statistics(self)
        return conditioned(self.kernel, self.mean_function, self.inducing_variable, s)


class _Statistics(NamedTuple):
    """As the terms of sparse regression, with A A^T [M, M] of expectations in place of A."""

    L: Array
    L_inverse: Array
    AAT: Array
    LB: Array
    LB_inverse: Array
    c: Array
    psi0: Array


def _statistics(model: BayesianGPLVM) -> _Statistics:
    Y, kernel, inducing = model.data, model.kernel, model.inducing_variable
    p, features = DiagonalGaussian(model.X_data_mean.value, model.X_data_var.value), (kernel, inducing)
    s2 = model.likelihood.variance_at(p.mu[:1])[0, 0]
    L, L_inverse = cholesky_and_inverse(inducing.Kuu(kernel, jitter=default_jitter(Y.dtype)))
    psi2 = jnp.sum(expectation(p, features, features), 0)
    AAT = times_transpose(matmul(L_inverse, psi2), L_inverse) / s2
    LB, LB_inverse = cholesky_and_inverse(add_diagonal(AAT, 1.0))
    A_Y = matmul(L_inverse, matmul(expectation(p, features).T, Y)) / s2
    # The residuals are in units of the noise, so that the posterior is that of sparse regression.
    c = matmul(LB_inverse, A_Y)
    return _Statistics(L, L_inverse, AAT, LB, LB_inverse, c, jnp.sum(expectation(p, kernel)))


@eqx.filter_jit
def _elbo(model: BayesianGPLVM) -> Array:
    s, Y, (N, P) = _statistics(model), model.data, model.data.shape
    mean, var = model.X_data_mean.value, model.X_data_var.value
    s2 = model.likelihood.variance_at(mean[:1])[0, 0]
    quadratic = jnp.sum(Y * Y) / s2 - jnp.sum(s.c * s.c)
    trace = s.psi0 / s2 - jnp.trace(s.AAT)
    half_log_determinant = jnp.sum(jnp.log(jnp.diagonal(s.LB))) + 0.5 * N * jnp.log(2.0 * math.pi * s2)
    ratio = var / model.X_prior_var
    kl = 0.5 * jnp.sum(ratio - jnp.log(ratio) - 1.0 + (mean - model.X_prior_mean) ** 2 / model.X_prior_var)
    return -0.5 * quadratic - P * half_log_determinant - 0.5 * P * trace - kl


def _read_observations(data: Any) -> Array:
    """Check Y [N, P]; the inputs are not known."""
    Y = data if hasattr(data, "ndim") else np.asarray(data)
    if Y.ndim != 2:
        raise ValueError(f"data: expected observations Y of two axes, [N, P], got shape {Y.shape}")
    return read_data((Y, Y))[1]


def _read_prior(name: str, value: Any, default: float, shape: tuple[int, ...], dtype: Any) -> Array:
    if value is None:
        return jnp.full(shape, default, dtype)
    value = jnp.asarray(value, dtype)
    if value.ndim > len(shape) or any(a not in (1, b) for a, b in zip(value.shape[::-1], shape[::-1])):
        raise ValueError(f"BayesianGPLVM: expected {name} of shape {shape}, got {value.shape}")
    return jnp.broadcast_to(value, shape)
