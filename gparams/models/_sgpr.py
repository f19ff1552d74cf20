"""Sparse regression with Gaussian noise: the collapsed bound, and FITC."""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..inducing_variables import InducingVariables, as_inducing_variables
from ..kernels import Kernel
from ..likelihoods import Gaussian
from ..maths import (
    add_diagonal,
    cholesky_and_inverse,
    default_jitter,
    matmul,
    product,
    times_transpose,
    whitened_products,
)
from ..mean_functions import MeanFunction
from ..posteriors import Posterior, mean_at
from ._base import PosteriorModel
from ._data import read_data
from ._parts import (
    read_gaussian,
    read_mean_function,
    read_single_output_kernel,
    refuse_more_inducing_than_data,
    refuse_other_columns,
)

MEND = "use SVGP for several outputs that covary"


class Terms(NamedTuple):
    """What all bounds and predictions of sparse regression are made of; diagonal noise has become 1.

    L is the factor of Kuu, AAT = A A^T of A = L^-1 Kuf / sd [M, N] for the standard deviations sd of the noise, LB the
    factor of B = I + A A^T, R = (Y - m(X)) / sd [N, P] and c = LB^-1 A R [M, P]. Factors come with their inverses.
    """

    L: Array
    L_inverse: Array
    AAT: Array
    LB: Array
    LB_inverse: Array
    R: Array
    c: Array


class Prior(NamedTuple):
    """The prior at the data, through the inducing variables: the factor of Kuu, Kuf [M, N], and the variances of f [N]."""

    L: Array
    L_inverse: Array
    Kuf: Array
    Kdiag: Array


def prior(kernel: Kernel, inducing: InducingVariables, X: Array) -> Prior:
    """Factorise the covariance of the inducing variables, with the default jitter."""
    Kdiag = kernel(X, full_cov=False)
    L, L_inverse = cholesky_and_inverse(inducing.Kuu(kernel, jitter=default_jitter(Kdiag.dtype)))
    return Prior(L, L_inverse, inducing.Kuf(kernel, X), Kdiag)


def explained(p: Prior) -> Array:
    """Variances of f that the inducing variables explain, [N]: the diagonal of Q."""
    V = product(p.L_inverse, p.Kuf)
    return jnp.sum(V * V, 0)


def terms(p: Prior, R: Array, variance: Array) -> Terms:
    """Put the terms together from the residuals and the variances of independent noise [N]."""
    sd = jnp.sqrt(variance)
    R = R / sd[:, None]
    AAT, AR = whitened_products(p.L, p.L_inverse, p.Kuf / sd[None], R)
    LB, LB_inverse = cholesky_and_inverse(add_diagonal(AAT, 1.0))
    return Terms(p.L, p.L_inverse, AAT, LB, LB_inverse, R, matmul(LB_inverse, AR))


def log_density(t: Terms, variance: Array) -> Array:
    """Log density of the residuals under N(0, V^T V + diag(variance)), by the matrix inversion lemma."""
    N, P = t.R.shape
    half_log_determinant = jnp.sum(jnp.log(jnp.diagonal(t.LB))) + 0.5 * jnp.sum(jnp.log(variance))
    quadratic = jnp.sum(t.R * t.R) - jnp.sum(t.c * t.c)
    return -0.5 * quadratic - P * half_log_determinant - 0.5 * N * P * math.log(2.0 * math.pi)


def conditioned(
    kernel: Kernel, mean_function: MeanFunction, inducing: InducingVariables, t: Any, c: Array | None = None
) -> Posterior:
    """Give the posterior: the whitened inducing values are N(B^-1 A R, B^-1); c stands for another LB^-1 A R."""
    root = jnp.swapaxes(t.LB_inverse, -1, -2)  # of B^-1
    a = matmul(root, t.c if c is None else c)
    return Posterior(kernel, mean_function, inducing, t.L, a, root[None], t.L_inverse)


@final
class SGPR(PosteriorModel):
    r"""Sparse regression: the best Gaussian :math:`q(u)` in closed form, and the bound that it gives.

    With :math:`Q = K_{fu} K_{uu}^{-1} K_{uf}` and noise :math:`\Sigma = \mathrm{diag}(\sigma_n^2)`,

    .. math:: \sum_p \log N(Y_p \mid m(X), Q + \Sigma) - \tfrac{P}{2} \mathrm{tr}\left[\Sigma^{-1}(K_{ff} - Q)\right]

    Cost grows as :math:`N M^2`.
    The covariance of the inducing variables always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6, and
    1e-4 in float32.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N]. Outputs are independent, and share the kernel.
    kernel
        Covariance function of one output.
    inducing_variable
        Inducing points Z [M, D], or any inducing variables.
    mean_function
        Mean function; zero by default.
    num_latent_gps
        Number of outputs, if given: it is that of Y.
    noise_variance
        Variance of the noise, in squared units of the output; above 1e-6, and 1 by default.
    likelihood
        A `Gaussian` likelihood, in place of `noise_variance`.

    Raises
    ------
    ValueError
        If the data is malformed, there are more inducing variables than data, or both noise variance and likelihood are
        given.
    TypeError
        If a part is of the wrong kind.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Titsias (2009), *Variational learning of inducing variables in sparse Gaussian processes*, eq. 9.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 50)[:, None]
    >>> kernel = gp.kernels.SquaredExponential()
    >>> sparse = gp.models.SGPR((X, np.sin(X)), kernel, X[::5], noise_variance=0.01)
    >>> exact = gp.models.GPR((X, np.sin(X)), kernel, noise_variance=0.01)
    >>> bool(sparse.elbo() < exact.log_marginal_likelihood() < sparse.upper_bound())
    True
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Gaussian
    inducing_variable: InducingVariables

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        inducing_variable: Any,
        *,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
        noise_variance: Any = None,
        likelihood: Gaussian | None = None,
    ):
        self.data = read_data(data)
        self.mean_function = read_mean_function("SGPR", mean_function)
        self.kernel = read_single_output_kernel("SGPR", kernel, MEND)
        self.likelihood = read_gaussian("SGPR", likelihood, noise_variance)
        self.inducing_variable = as_inducing_variables(inducing_variable)
        check_sparse("SGPR", self.inducing_variable, self.data, num_latent_gps)

    @property
    def num_latent_gps(self) -> int:
        """Number P of outputs."""
        return self.data[1].shape[1]

    @property
    def num_columns(self) -> int:
        """Number D of input columns."""
        return self.data[0].shape[1]

    def elbo(self) -> Float[Array, ""]:
        """The collapsed lower bound on the log marginal likelihood; in nats."""
        return _sgpr_elbo(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The collapsed lower bound."""
        return _sgpr_elbo(self)

    def upper_bound(self) -> Float[Array, ""]:
        """An upper bound on the log marginal likelihood from the same inducing variables; in nats.

        References
        ----------
        Titsias (2014), *Variational inference for Gaussian and determinantal point processes*, eq. 9.
        """
        return upper_bound(self)

    def compute_qu(self) -> tuple[Float[Array, "M P"], Float[Array, "M M"]]:
        """Mean and covariance of the inducing values under the best q(u), which all outputs share."""
        return compute_qu(self)

    def condition(self) -> Posterior:
        """The process given the best q(u)."""
        t, *_ = _sgpr_terms(self)
        return conditioned(self.kernel, self.mean_function, self.inducing_variable, t)


@final
class GPRFITC(PosteriorModel):
    r"""Sparse regression with the fully independent training conditional: noise that differs with each datum.

    .. math:: \sum_p \log N\left(Y_p \mid m(X), Q + \mathrm{diag}(K_{ff} - Q) + \Sigma\right)

    It is not a bound, and tends to underestimate the noise.
    The covariance of the inducing variables always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6, and
    1e-4 in float32.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N]. Outputs are independent, and share the kernel.
    kernel
        Covariance function of one output.
    inducing_variable
        Inducing points Z [M, D], or any inducing variables.
    mean_function
        Mean function; zero by default.
    num_latent_gps
        Number of outputs, if given: it is that of Y.
    noise_variance
        Variance of the noise, in squared units of the output; above 1e-6, and 1 by default.
    likelihood
        A `Gaussian` likelihood, in place of `noise_variance`.

    Raises
    ------
    ValueError
        If the data is malformed, there are more inducing variables than data, or both noise variance and likelihood are
        given.
    TypeError
        If a part is of the wrong kind.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Snelson & Ghahramani (2006), *Sparse Gaussian processes using pseudo-inputs*, eq. 9.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 50)[:, None]
    >>> model = gp.models.GPRFITC((X, np.sin(X)), gp.kernels.SquaredExponential(), X[::5], noise_variance=0.01)
    >>> mean, var = model.predict_f(np.array([[np.pi / 2]]))
    >>> print(mean.round(2))
    [[1.]]
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Gaussian
    inducing_variable: InducingVariables

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        inducing_variable: Any,
        *,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
        noise_variance: Any = None,
        likelihood: Gaussian | None = None,
    ):
        self.data = read_data(data)
        self.mean_function = read_mean_function("GPRFITC", mean_function)
        self.kernel = read_single_output_kernel("GPRFITC", kernel, MEND)
        self.likelihood = read_gaussian("GPRFITC", likelihood, noise_variance)
        self.inducing_variable = as_inducing_variables(inducing_variable)
        check_sparse("GPRFITC", self.inducing_variable, self.data, num_latent_gps)

    @property
    def num_latent_gps(self) -> int:
        """Number P of outputs."""
        return self.data[1].shape[1]

    @property
    def num_columns(self) -> int:
        """Number D of input columns."""
        return self.data[0].shape[1]

    def fitc_log_marginal_likelihood(self) -> Float[Array, ""]:
        """Log marginal likelihood of the approximate model, summed over outputs; in nats."""
        return _fitc(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The log marginal likelihood of the approximate model."""
        return _fitc(self)

    def upper_bound(self) -> Float[Array, ""]:
        """An upper bound on the exact log marginal likelihood; see `SGPR.upper_bound`."""
        return upper_bound(self)

    def condition(self) -> Posterior:
        """The process given the data, in the approximate model."""
        t, _ = _fitc_terms(self)
        return conditioned(self.kernel, self.mean_function, self.inducing_variable, t)


def check_sparse(
    model: str, inducing: InducingVariables, data: tuple[Array, Array], num_latent_gps: int | None
) -> None:
    """Refuse more inducing variables than data, and a number of latent functions that is not that of the outputs."""
    X, Y = data
    refuse_more_inducing_than_data(model, inducing.num_inducing, X.shape[0])
    refuse_other_columns(model, inducing, X)
    if num_latent_gps not in (None, Y.shape[1]):
        raise ValueError(f"{model}: num_latent_gps={num_latent_gps}, and Y has {Y.shape[1]} columns; leave it out")


def residuals(model: Any) -> tuple[Array, Array, Array]:
    """Give the inputs, the residuals [N, P] and the variances of the noise [N]."""
    X, Y = model.data
    return X, Y - mean_at(model.mean_function, X, Y.shape[1]), model.likelihood.variance_at(X)[:, 0]


def _sgpr_terms(model: Any) -> tuple[Terms, Prior, Array]:
    X, R, variance = residuals(model)
    p = prior(model.kernel, model.inducing_variable, X)
    return terms(p, R, variance), p, variance


@eqx.filter_jit
def _sgpr_elbo(model: SGPR) -> Array:
    t, p, variance = _sgpr_terms(model)
    trace = jnp.sum(p.Kdiag / variance) - jnp.trace(t.AAT)
    return log_density(t, variance) - 0.5 * t.R.shape[1] * trace


def _fitc_terms(model: GPRFITC) -> tuple[Terms, Array]:
    X, R, variance = residuals(model)
    p = prior(model.kernel, model.inducing_variable, X)
    nu = p.Kdiag - explained(p) + variance
    return terms(p, R, nu), nu


@eqx.filter_jit
def _fitc(model: GPRFITC) -> Array:
    return log_density(*_fitc_terms(model))


@eqx.filter_jit
def upper_bound(model: Any) -> Array:
    """An upper bound on the log marginal likelihood, from data, kernel, noise and inducing variables."""
    X, R, variance = residuals(model)
    p = prior(model.kernel, model.inducing_variable, X)
    # The quadratic form under noise that is larger by all that the inducing variables leave unexplained.
    larger = variance + jnp.sum(p.Kdiag) - jnp.sum(explained(p))
    wide, narrow = terms(p, R, larger), terms(p, R, variance)
    quadratic = jnp.sum(wide.R * wide.R) - jnp.sum(wide.c * wide.c)
    P = R.shape[1]
    half_log_determinant = jnp.sum(jnp.log(jnp.diagonal(narrow.LB))) + 0.5 * jnp.sum(jnp.log(2.0 * math.pi * variance))
    return -0.5 * quadratic - P * half_log_determinant


@eqx.filter_jit
def compute_qu(model: Any) -> tuple[Array, Array]:
    """Mean and covariance of the inducing values under the best q(u)."""
    t, *_ = _sgpr_terms(model)
    root = times_transpose(t.L, t.LB_inverse)  # L LB^-T
    return matmul(root, t.c), times_transpose(root, root)
