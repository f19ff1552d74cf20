"""The sparse variational Gaussian process: any likelihood, minibatches."""

from typing import Any, ClassVar, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..inducing_variables import InducingVariables, MultioutputInducingVariables, as_inducing_variables
from ..kernels import Kernel, MultioutputKernel
from ..likelihoods import Likelihood
from ..maths import whitened_kl
from ..mean_functions import MeanFunction
from ..parameters import Parameter
from ..posteriors import Posterior, create_posterior, input_columns
from ._base import PosteriorModel
from ._data import read_data
from ._parts import (
    dtype_of,
    read_kernel,
    read_likelihood,
    read_mean_function,
    read_q_mu,
    read_q_sqrt,
    refuse_more_inducing_than_data,
    refuse_other_columns,
)


@final
class SVGP(PosteriorModel):
    r"""Sparse variational inference with M inducing variables, for any likelihood and for data in batches.

    The objective is the evidence lower bound, with :math:`q(u) = N(\mu, S S^\top)` (of :math:`v = L^{-1} u` if `whiten`),

    .. math:: \frac{N}{B} \sum_{n=1}^{B} E_{q(f_n)}[\log p(y_n \mid f_n)] - \mathrm{KL}[q(u) \Vert p(u)]

    The data is an argument, so that each step can take another batch. Cost of a step grows as :math:`B M^2 + M^3`.
    The covariance of the inducing variables always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6, and
    1e-4 in float32.

    Parameters
    ----------
    kernel
        Covariance function, of one output or of several.
    likelihood
        Any likelihood.
    inducing_variable
        Inducing points Z [M, D], or any inducing variables.
    mean_function
        Mean function; zero by default.
    num_latent_gps
        Number L of latent functions; by default the kernel's or the likelihood's own number, else 1.
    q_diag
        Whether the variational covariance is diagonal.
    q_mu
        Variational mean [M, L]; zero by default. For inducing points with a multi-output kernel [M P, 1].
    q_sqrt
        Lower root of the variational covariance [L, M, M], or its diagonal [M, L] with `q_diag`; the identity by default.
    whiten
        Whether q is that of v, where u = L v: easier to train.
    num_data
        Number N of data in all, where batches are smaller; without it the bound is that of the batch.

    Raises
    ------
    ValueError
        If q_mu or q_sqrt have another shape, q_sqrt is not lower triangular, or there are more inducing variables than
        data.
    TypeError
        If the kernel, likelihood or mean function is of the wrong kind.

    References
    ----------
    Hensman, Fusi & Lawrence (2013), *Gaussian processes for big data*; Hensman, Matthews & Ghahramani (2015), *Scalable
    variational Gaussian process classification*, eqs. 9 and 12.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 50)[:, None]
    >>> Y = (np.sin(X) > 0).astype(float)
    >>> model = gp.models.SVGP(gp.kernels.SquaredExponential(), gp.likelihoods.Bernoulli(), X[::5], num_data=50)
    >>> result = gp.fit(model, data=(X, Y))
    >>> print(result.model.predict_y(np.array([[1.5], [4.5]]))[0].round(1))
    [[1.]
     [0.]]
    """

    takes_data: ClassVar[bool] = True

    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Likelihood
    inducing_variable: InducingVariables
    q_mu: Parameter
    q_sqrt: Parameter
    whiten: bool = eqx.field(static=True)
    num_data: int | None = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel,
        likelihood: Likelihood,
        inducing_variable: Any,
        *,
        mean_function: MeanFunction | None = None,
        num_latent_gps: int | None = None,
        q_diag: bool = False,
        q_mu: Any = None,
        q_sqrt: Any = None,
        whiten: bool = True,
        num_data: int | None = None,
    ):
        self.mean_function = read_mean_function("SVGP", mean_function)
        self.kernel = read_kernel("SVGP", kernel)
        self.likelihood = read_likelihood("SVGP", likelihood)
        self.inducing_variable = as_inducing_variables(inducing_variable)
        self.whiten, self.num_data = bool(whiten), None if num_data is None else int(num_data)
        M = self.inducing_variable.num_inducing
        refuse_more_inducing_than_data("SVGP", M, num_data)
        own = (
            self.likelihood.latent_dim if num_latent_gps is None and q_mu is None and q_sqrt is None else num_latent_gps
        )
        shape = _variational_shape(self.kernel, self.inducing_variable, own, q_mu, q_sqrt, q_diag)
        dtype = dtype_of(self.inducing_variable)
        self.q_mu = read_q_mu("SVGP", q_mu, shape, dtype)
        self.q_sqrt = read_q_sqrt("SVGP", q_sqrt, shape, q_diag, self.q_mu.dtype)

    @property
    def num_latent_gps(self) -> int:
        """Number L of latent functions."""
        return self.q_mu.shape[1]

    @property
    def num_columns(self) -> int | None:
        """Number D of input columns, where inducing points tell it."""
        return input_columns(self.inducing_variable)

    def prior_kl(self) -> Float[Array, ""]:
        """Divergence of q(u) from the prior; in nats."""
        return _prior_kl(self)

    def elbo(self, data: tuple[Any, Any]) -> Float[Array, ""]:
        """Evidence lower bound from the data or a batch of it, scaled to `num_data`; in nats.

        Parameters
        ----------
        data
            Pair (X, Y): inputs [B, D], and observations [B, P] or [B].

        Returns
        -------
        A scalar.

        Raises
        ------
        ValueError
            If X and Y differ in length, hold NaN, hold labels outside the likelihood's range, or are more than `num_data`.

        Warns
        -----
        Float32Warning
            In single precision; the message gives the line that turns on float64.
        """
        X, Y = read_data(data)
        self.likelihood.check_observations(Y)
        refuse_other_columns("SVGP", self.inducing_variable, X)
        if self.num_data is not None and X.shape[0] > self.num_data:
            raise ValueError(f"SVGP: a batch of {X.shape[0]} data, and num_data={self.num_data} in all")
        return _elbo(self, X, Y)

    def maximum_log_likelihood_objective(self, data: tuple[Any, Any]) -> Float[Array, ""]:
        """The evidence lower bound."""
        return self.elbo(data)

    def condition(self) -> Posterior:
        """The process given q(u)."""
        mu, root = self.q_mu.value, self.q_sqrt.value
        return create_posterior(self.kernel, self.inducing_variable, mu, root, self.whiten, self.mean_function)


def _variational_shape(
    kernel: Kernel, inducing: InducingVariables, asked: int | None, q_mu: Any, q_sqrt: Any, q_diag: bool
) -> tuple[int, int]:
    """Number of inducing variables and of latent functions, from what was given."""
    M = inducing.num_inducing
    if isinstance(kernel, MultioutputKernel) and not isinstance(inducing, MultioutputInducingVariables):
        return M * kernel.num_outputs, 1  # all outputs at all points together
    if isinstance(kernel, MultioutputKernel):
        if asked not in (None, kernel.num_latent_gps):
            raise ValueError(
                f"SVGP: num_latent_gps={asked}, and {type(kernel).__name__} has {kernel.num_latent_gps} latent functions"
            )
        return M, kernel.num_latent_gps
    if asked is None and q_mu is not None and len(jnp.shape(q_mu)) == 2:
        asked = jnp.shape(q_mu)[1]
    elif asked is None and q_sqrt is not None:
        asked = jnp.shape(q_sqrt)[-1 if q_diag else 0]
    return M, 1 if asked is None else int(asked)


def _divergence(posterior: Posterior) -> Array:
    # Of values that are known it is infinite.
    return jnp.asarray(jnp.inf) if posterior.S is None else whitened_kl(posterior.a, posterior.S)


@eqx.filter_jit
def _prior_kl(model: SVGP) -> Array:
    return _divergence(model.condition())


@eqx.filter_jit
def _elbo(model: SVGP, X: Array, Y: Array) -> Array:
    posterior = model.condition()
    mean, var = posterior.moments(X)
    expected = jnp.sum(model.likelihood.variational_expectations(X, mean, var, Y))
    scale = 1.0 if model.num_data is None else model.num_data / X.shape[0]
    return scale * expected - _divergence(posterior)
