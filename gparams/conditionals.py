"""Conditionals as functions, with GPflow's signatures: a process given its values, or a Gaussian over them."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .inducing_variables import DataPoints, InducingVariables
from .kernels import Kernel
from .maths import default_jitter, draw_gaussian
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
    noise = jax.random.normal(key, (1 if num_samples is None else num_samples, *mean.shape), mean.dtype)
    jitter = default_jitter(mean.dtype) if jitter is None else jitter
    samples = draw_gaussian(mean, cov, noise, jitter, full_cov=full_cov, full_output_cov=full_output_cov)
    return (samples[0] if num_samples is None else samples), mean, cov
