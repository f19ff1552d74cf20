"""Variational inference for all data: any likelihood, no inducing points."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..inducing_variables import DataPoints
from ..kernels import Kernel
from ..likelihoods import Likelihood
from ..maths import add_diagonal, cholesky, cholesky_and_inverse, matmul, whitened_kl
from ..mean_functions import MeanFunction
from ..parameters import Parameter, as_parameter, positive
from ..posteriors import Posterior, create_posterior, mean_at
from ._base import PosteriorModel
from ._data import read_data
from ._parts import (
    count_latent_gps,
    read_likelihood,
    read_mean_function,
    read_q_mu,
    read_q_sqrt,
    read_single_output_kernel,
)

MEND = "use SVGP, whose inducing points may be the data's inputs"


@final
class VGP(PosteriorModel):
    r"""Variational inference with a full Gaussian over the function at the data's inputs, for any likelihood.

    The objective is, with :math:`f = m(X) + L v` and :math:`q(v) = N(\mu, S S^\top)`,

    .. math:: \sum_n E_{q(f_n)}[\log p(y_n \mid f_n)] - \mathrm{KL}[q(v) \Vert N(0, I)]

    The Parameters `q_mu` [N, L] and `q_sqrt` [L, N, N] are :math:`\mu` and :math:`S`, 0 and the identity at the start.
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
    Opper & Archambeau (2009), *The variational Gaussian approximation revisited*, with all of the covariance free; the
    whitening is that of Kuss & Rasmussen (2005).

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 20)[:, None]
    >>> model = gp.models.VGP((X, np.sin(X)), gp.kernels.SquaredExponential(), gp.likelihoods.StudentT())
    >>> model.q_sqrt.shape
    (1, 20, 20)
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Likelihood
    q_mu: Parameter
    q_sqrt: Parameter

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        likelihood: Likelihood,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
    ):
        self.data = read_data(data)
        self.mean_function = read_mean_function("VGP", mean_function)
        self.kernel = read_single_output_kernel("VGP", kernel, MEND)
        self.likelihood = read_likelihood("VGP", likelihood)
        X, Y = self.data
        self.likelihood.check_observations(Y)
        shape = X.shape[0], count_latent_gps(self.kernel, self.likelihood, Y.shape[1], num_latent_gps, "VGP")
        self.q_mu = read_q_mu("VGP", None, shape, X.dtype)
        self.q_sqrt = read_q_sqrt("VGP", None, shape, False, X.dtype)

    @property
    def num_latent_gps(self) -> int:
        """Number L of latent functions."""
        return self.q_mu.shape[1]

    @property
    def num_columns(self) -> int:
        """Number D of input columns."""
        return self.data[0].shape[1]

    def elbo(self) -> Float[Array, ""]:
        """Evidence lower bound; in nats."""
        return _vgp_elbo(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The evidence lower bound."""
        return _vgp_elbo(self)

    def condition(self) -> Posterior:
        """The process given q."""
        points = DataPoints(self.data[0])
        return create_posterior(self.kernel, points, self.q_mu.value, self.q_sqrt.value, True, self.mean_function)


@eqx.filter_jit
def _vgp_elbo(model: VGP) -> Array:
    X, Y = model.data
    posterior, mu, root = model.condition(), model.q_mu.value, model.q_sqrt.value
    L = posterior.L
    mean = matmul(L, mu) + mean_at(model.mean_function, X, mu.shape[1])  # [N, L]
    # At the data themselves A is the transpose of the factor, and the prior cancels.
    var = jax.vmap(lambda S: jnp.sum(matmul(L, S) ** 2, -1), out_axes=1)(root)  # [N, L]
    return jnp.sum(model.likelihood.variational_expectations(X, mean, var, Y)) - whitened_kl(mu, root)


@final
class VGPOpperArchambeau(PosteriorModel):
    r"""Variational inference with two numbers for each datum: the form that the best Gaussian has.

    .. math:: q(f) = N\left(f \mid m(X) + K \alpha, \left[K^{-1} + \mathrm{diag}(\lambda)^2\right]^{-1}\right)

    Fewer parameters than `VGP`, and a harder optimisation: the bound is not concave in them.
    The Parameters `q_alpha` and `q_lambda` [N, L] are :math:`\alpha` and :math:`\lambda`, 0 and 1 at the start.

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
    Opper & Archambeau (2009), *The variational Gaussian approximation revisited*, section 3.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 20)[:, None]
    >>> kernel, likelihood = gp.kernels.SquaredExponential(), gp.likelihoods.StudentT()
    >>> model = gp.models.VGPOpperArchambeau((X, np.sin(X)), kernel, likelihood)
    >>> model.q_alpha.shape, model.q_lambda.shape
    ((20, 1), (20, 1))
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Likelihood
    q_alpha: Parameter
    q_lambda: Parameter

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        likelihood: Likelihood,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
    ):
        name = "VGPOpperArchambeau"
        self.data = read_data(data)
        self.mean_function = read_mean_function(name, mean_function)
        self.kernel = read_single_output_kernel(name, kernel, MEND)
        self.likelihood = read_likelihood(name, likelihood)
        X, Y = self.data
        self.likelihood.check_observations(Y)
        shape = X.shape[0], count_latent_gps(self.kernel, self.likelihood, Y.shape[1], num_latent_gps, name)
        self.q_alpha = as_parameter(jnp.zeros(shape, X.dtype))
        self.q_lambda = as_parameter(jnp.ones(shape, X.dtype), transform=positive())

    @property
    def num_latent_gps(self) -> int:
        """Number L of latent functions."""
        return self.q_alpha.shape[1]

    @property
    def num_columns(self) -> int:
        """Number D of input columns."""
        return self.data[0].shape[1]

    def elbo(self) -> Float[Array, ""]:
        """Evidence lower bound; in nats."""
        return _oa_elbo(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The evidence lower bound."""
        return _oa_elbo(self)

    def condition(self) -> Posterior:
        """The process given q: one factor for each latent function, of K with 1 / lambda^2 on its diagonal."""
        X, alpha, lam = self.data[0], self.q_alpha.value, self.q_lambda.value
        K = self.kernel(X)
        L = jax.vmap(lambda precision: cholesky(add_diagonal(K, 1.0 / precision)), in_axes=1)(lam**2)  # [L, N, N]
        a = jnp.einsum("lnm,nl->ml", L, alpha, precision="highest")
        return Posterior(self.kernel, self.mean_function, DataPoints(X), L, a, None)


@eqx.filter_jit
def _oa_elbo(model: VGPOpperArchambeau) -> Array:
    X, Y = model.data
    alpha, lam = model.q_alpha.value, model.q_lambda.value  # [N, L]
    K = model.kernel(X)
    K_alpha = matmul(K, alpha)

    def each(lam: Array) -> tuple[Array, Array]:
        L, inverse = cholesky_and_inverse(add_diagonal(lam[:, None] * K * lam[None], 1.0))
        diagonal = jnp.sum(inverse**2, 0)  # of (I + diag(lam) K diag(lam))^-1
        return (1.0 - diagonal) / lam**2, 2.0 * jnp.sum(jnp.log(jnp.diagonal(L))) + jnp.sum(diagonal)

    var, terms = jax.vmap(each, in_axes=1, out_axes=(1, 0))(lam)
    kl = 0.5 * (jnp.sum(terms) - alpha.size + jnp.sum(K_alpha * alpha))
    mean = K_alpha + mean_at(model.mean_function, X, alpha.shape[1])
    return jnp.sum(model.likelihood.variational_expectations(X, mean, var, Y)) - kl
