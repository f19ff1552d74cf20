"""Conditionals as functions, with GPflow's signatures: a process given its values, or a Gaussian over them."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .expectations import Gaussian, expectation
from .inducing_variables import DataPoints, InducingVariables, as_inducing_variables
from .kernels import Kernel
from .maths import default_jitter, draw_gaussian, solve_triangular
from .mean_functions import MeanFunction
from .parameters import read_key, read_num_samples
from .posteriors import create_posterior


def conditional(
    Xnew: Any,
    inducing_variable: Any,
    kernel: Kernel,
    f: Any,
    *,
    full_cov: bool = False,
    full_output_cov: bool = False,
    q_sqrt: Any = None,
    white: bool = False,
) -> tuple[Float[Array, "*B N P"], Float[Array, "..."]]:
    r"""Give mean and covariance of a process at new inputs, from its values or :math:`N(f, S S^\top)` over them.

    The formula is that of `gparams.maths.condition`.

    Parameters
    ----------
    Xnew
        New inputs [N, D], or a batch of such sets.
    inducing_variable
        Inducing variables; or an array of inputs [M, D] at which the values are those of the function.
    kernel
        The prior's covariance function.
    f
        The values, or their means [M, L].
    full_cov, full_output_cov
        Covariances between inputs, and between outputs, and not the variances alone.
    q_sqrt
        Lower roots of the covariance of the values [L, M, M], or diagonals [M, L]; None where they are known.
    white
        Whether `f` and `q_sqrt` are those of v, where the values are L v.

    Returns
    -------
    mean
        [N, P].
    covariance
        [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.

    Raises
    ------
    TypeError
        If the dtype of `f` is neither float32 nor float64.

    References
    ----------
    Hensman, Matthews & Ghahramani (2015), *Scalable variational Gaussian process classification*, eq. 12.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> X, f = jnp.array([[0.0], [1.0]]), jnp.array([[0.0], [1.0]])
    >>> mean, var = gp.conditionals.conditional(X, X, gp.kernels.SquaredExponential(), f)
    >>> print(mean.round(3))
    [[0.]
     [1.]]
    """
    if not isinstance(inducing_variable, InducingVariables):
        inducing_variable = DataPoints(jnp.asarray(inducing_variable))
    q_sqrt = None if q_sqrt is None else jnp.asarray(q_sqrt)
    posterior = create_posterior(kernel, inducing_variable, jnp.asarray(f), q_sqrt, white)
    return posterior.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov)


def sample_conditional(
    Xnew: Any,
    inducing_variable: Any,
    kernel: Kernel,
    f: Any,
    *,
    full_cov: bool = False,
    full_output_cov: bool = False,
    q_sqrt: Any = None,
    white: bool = False,
    num_samples: int | None = None,
    key: Key[Array, ""],
    jitter: float | None = None,
) -> tuple[Float[Array, "..."], Float[Array, "N P"], Float[Array, "..."]]:
    """Draw from a conditional; see `conditional` for what it takes.

    Parameters
    ----------
    Xnew, inducing_variable, kernel, f, full_cov, full_output_cov, q_sqrt, white
        As for `conditional`.
    num_samples
        Number S of samples; None for one, without a leading axis.
    key
        JAX random key.
    jitter
        Added to the diagonal of a covariance before its factorisation, as a fraction of its mean; by default 1e-6 in
        float64 and 1e-4 in float32.

    Returns
    -------
    samples
        [S, N, P], or [N, P].
    mean, covariance
        As `conditional` gives them.

    Raises
    ------
    TypeError
        As for `conditional`.

    References
    ----------
    Rasmussen & Williams (2006), section A.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import jax.numpy as jnp
    >>> X = jnp.array([[0.0], [1.0]])
    >>> kernel = gp.kernels.SquaredExponential()
    >>> sample, mean, var = gp.conditionals.sample_conditional(2.0 * X, X, kernel, X, key=jax.random.key(0))
    >>> sample.shape
    (2, 1)
    """
    read_key(key, "sample_conditional")
    num = 1 if num_samples is None else read_num_samples(num_samples, "sample_conditional")
    mean, cov = conditional(
        Xnew,
        inducing_variable,
        kernel,
        f,
        full_cov=full_cov,
        full_output_cov=full_output_cov,
        q_sqrt=q_sqrt,
        white=white,
    )
    noise = jax.random.normal(key, (num, *mean.shape), mean.dtype)
    jitter = default_jitter(mean.dtype) if jitter is None else jitter
    samples = draw_gaussian(mean, cov, noise, jitter, full_cov=full_cov, full_output_cov=full_output_cov)
    return (samples[0] if num_samples is None else samples), mean, cov


def uncertain_conditional(
    Xnew_mu: Any,
    Xnew_var: Any,
    inducing_variable: Any,
    kernel: Kernel,
    q_mu: Any,
    q_sqrt: Any = None,
    *,
    mean_function: MeanFunction | None = None,
    full_output_cov: bool = False,
    full_cov: bool = False,
    white: bool = False,
    jitter: float | None = None,
) -> tuple[Float[Array, "N P"], Float[Array, "..."]]:
    r"""Give the moments of a process at uncertain inputs :math:`x_n \sim N(\mu_n, \Sigma_n)`.

    The mean and variance are those of :math:`f(x_n)` over the function and the input together; its distribution is not
    Gaussian. With :math:`\beta = K(Z, Z)^{-1} \mu_u`, where :math:`\mu_u` are the means of the inducing values, and
    :math:`\sigma^2(x)`, the variance at a known x,

    .. math:: E[f(x)] = E[m(x)] + E[k(x, Z)] \beta, \qquad
              \mathrm{Var}[f(x)] = E[\sigma^2(x)] + \mathrm{Var}[m(x) + k(x, Z) \beta]

    Parameters
    ----------
    Xnew_mu, Xnew_var
        Means [N, D] and covariances [N, D, D] of the inputs.
    inducing_variable
        Inducing points.
    kernel
        The prior's covariance function, of one output.
    q_mu, q_sqrt
        Means [M, P] and lower roots of the covariances [P, M, M] (or diagonals [M, P]) of the inducing values; no root
        where they are known.
    mean_function
        The prior's mean; zero by default.
    full_output_cov
        Covariances between outputs, and not the variances alone: an input moves all outputs together.
    full_cov
        GPflow's argument: covariances between inputs are not known in closed form, so it stays False.
    white
        Whether `q_mu` and `q_sqrt` are those of v, where u = L v.
    jitter
        Added to the diagonal of Kuu, in squared units of the output; by default 1e-6 in float64 and 1e-4 in float32.

    Returns
    -------
    mean
        [N, P].
    covariance
        [N, P], or [N, P, P] with `full_output_cov`.

    Raises
    ------
    ValueError
        If `full_cov` is asked for.
    TypeError
        If the dtype of `q_mu` is neither float32 nor float64.

    References
    ----------
    Girard, Rasmussen, Quiñonero-Candela & Murray-Smith (2003), *Gaussian process priors with uncertain inputs*, eqs. 9
    and 10.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> Z = gp.inducing_variables.InducingPoints([[0.0]])
    >>> q, x = (jnp.ones((1, 1)), jnp.eye(1)[None]), (jnp.zeros((1, 1)), jnp.eye(1)[None])
    >>> mean, var = gp.conditionals.uncertain_conditional(*x, Z, gp.kernels.SquaredExponential(), *q, white=True)
    >>> print(mean.round(3), var.round(3))
    [[0.707]] [[1.077]]
    """
    if full_cov:
        raise ValueError(
            "uncertain_conditional: covariances between inputs are not known in closed form; full_cov=False"
        )
    inducing_variable, q_mu = as_inducing_variables(inducing_variable), jnp.asarray(q_mu)
    root = None if q_sqrt is None else jnp.asarray(q_sqrt)
    root = jax.vmap(jnp.diag)(root.T) if root is not None and root.ndim == 2 else root
    p = Gaussian(jnp.asarray(Xnew_mu), jnp.asarray(Xnew_var))
    posterior = create_posterior(kernel, inducing_variable, q_mu, root, white, jitter=jitter)
    L, a, S = posterior.L, posterior.a, posterior.S
    features = (kernel, inducing_variable)
    mean = solve_triangular(L, expectation(p, features).T).T @ a  # [N, P]
    half = jax.vmap(lambda K: solve_triangular(L, K))(expectation(p, features, features))  # [N, M, M]
    E = jax.vmap(lambda K: solve_triangular(L, K.T))(half)  # of A A^T
    # The spread of the function around its mean, the same for all outputs but for what is known of u.
    spread = (expectation(p, kernel) - jnp.trace(E, axis1=-2, axis2=-1))[:, None]
    if S is not None:
        spread = spread + jnp.einsum("nij,pjk,pik->np", E, S, S, precision="highest")
    moment = jnp.einsum("ip,nij,jq->npq", a, E, a, precision="highest")
    if mean_function is not None:
        mean = mean + expectation(p, mean_function)
        alpha = solve_triangular(L, a, transpose=True)
        cross = jnp.einsum("npm,mq->npq", expectation(p, mean_function, features), alpha, precision="highest")
        moment = moment + cross + jnp.swapaxes(cross, -1, -2) + expectation(p, mean_function, mean_function)
    cov = moment - mean[:, :, None] * mean[:, None]
    if full_output_cov:
        return mean, cov + spread[:, :, None] * jnp.eye(mean.shape[1], dtype=mean.dtype)[None]
    return mean, jnp.diagonal(cov, axis1=-2, axis2=-1) + spread
