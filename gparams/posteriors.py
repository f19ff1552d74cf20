"""The posterior of a Gaussian process: every inference ends here, in one whitened triple (L, a, S)."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .inducing_variables import DataPoints, InducingPoints, InducingVariables, MultioutputInducingVariables, Multiscale
from .kernels import Kernel, MultioutputKernel, SharedIndependent
from .maths import cholesky_and_inverse, condition, default_jitter, in_chunks, matmul, read_inputs, rows_in_chunk
from .mean_functions import MeanFunction, Zero


@final
class Posterior(eqx.Module):
    r"""A Gaussian process given what was learnt about its inducing variables :math:`u = L v`, :math:`v \sim N(a, SS^\top)`.

    With :math:`A = L^{-1} K(Z, X_*)`,

    .. math:: \mu_* = m(X_*) + A^\top a, \qquad \Sigma_* = K_{**} - A^\top A + (S^\top A)^\top (S^\top A)

    The factor is kept, so that many predictions cost one factorisation. It is a result and no model: what its parts are
    tied to stays with the model that it came from.

    Parameters
    ----------
    kernel, mean_function
        Those of the prior.
    inducing_variable
        What the process is conditioned on; for exact regression its values at the data's inputs, and noise.
    L
        Lower Cholesky factor of their covariance: one for all outputs, or one for each latent function.
    a
        Means of v [M, L], one latent function a column.
    S
        Root of the covariance of v: [L, M, M], or [1, M, M] for all, or diagonals [M, L]; None where v is known.
    L_inverse
        Inverse of L, where it is worth its memory: predictions are then products alone.

    References
    ----------
    Rasmussen & Williams (2006), algorithm 2.1; Hensman, Matthews & Ghahramani (2015), *Scalable variational Gaussian
    process classification*, eq. 12.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0]])
    >>> posterior = gp.models.GPR((X, X), kernel=gp.kernels.SquaredExponential()).posterior()
    >>> mean, variance = posterior.predict_f(np.array([[0.5]]))
    >>> mean.shape, variance.shape
    ((1, 1), (1, 1))
    """

    kernel: Kernel
    mean_function: MeanFunction
    inducing_variable: InducingVariables
    L: Float[Array, "M M"] | Float[Array, "L M M"]
    a: Float[Array, "M R"]
    S: Float[Array, "R M M"] | Float[Array, "1 M M"] | Float[Array, "M R"] | None
    L_inverse: Float[Array, "M M"] | Float[Array, "L M M"] | None = None

    def predict_f(
        self, Xnew: Any, full_cov: bool = False, full_output_cov: bool = False, *, batch_size: int | None = None
    ) -> tuple[Float[Array, "*B N P"], Array]:
        """Mean and covariance of the latent function at new inputs.

        Parameters
        ----------
        Xnew
            New inputs [N, D], one a row; or any batch of such sets.
        full_cov
            Covariances between inputs, and not the variances alone.
        full_output_cov
            Covariances between outputs, and not the variances alone.
        batch_size
            New inputs to treat together, where no covariances between them are asked for. By default as many as keep the
            covariances with the inducing variables to 2**24 numbers, so that memory is bounded however many there are.

        Returns
        -------
        mean
            [N, P].
        covariance
            [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.

        Raises
        ------
        ValueError
            If Xnew has another shape than [..., N, D], with D the columns of the inducing variable, or holds NaN; or the
            mean function has another number of outputs.
        TypeError
            If Xnew does not hold real numbers.
        """
        Xnew = read_inputs(Xnew, input_columns(self.inducing_variable), batched=True)
        if Xnew.ndim > 2:
            return jax.vmap(lambda X: self.predict_f(X, full_cov, full_output_cov, batch_size=batch_size))(Xnew)
        return _predict_f(self, Xnew, bool(full_cov), bool(full_output_cov), rows_in_chunk(self.a.size, batch_size))

    def moments(
        self, Xnew: Float[Array, "N D"], full_cov: bool = False, full_output_cov: bool = False
    ) -> tuple[Float[Array, "N P"], Array]:
        """What `predict_f` gives, of inputs that are taken all together, and not checked: what bounds are made of.

        Parameters
        ----------
        Xnew
            New inputs [N, D].
        full_cov, full_output_cov
            As for `predict_f`.

        Returns
        -------
        mean, covariance
            As of `predict_f`.
        """
        if not isinstance(self.kernel, MultioutputKernel):
            mean, cov = self._latent(Xnew, full_cov)
            cov = expand_outputs(cov, full_cov=full_cov, full_output_cov=full_output_cov)
        elif isinstance(self.inducing_variable, MultioutputInducingVariables):
            mean, cov = self._latent(Xnew, full_cov)
            mean, cov = _mix(self.kernel.mixing, mean, cov, full_cov=full_cov, full_output_cov=full_output_cov)
        else:
            mean, cov = self._coupled(Xnew, full_cov, full_output_cov)
        return mean + mean_at(self.mean_function, Xnew, mean.shape[-1]), cov

    def _latent(self, X: Array, full_cov: bool) -> tuple[Array, Array]:
        """Mean [N, L] and variances [N, L], or covariances [L, N, N], of independent latent functions."""
        Kuf = self.inducing_variable.Kuf(self.kernel, X)
        Kff = _prior(self.kernel, X, full_cov)
        if self.L.ndim == 2:
            return self._conditioned(Kuf, Kff)
        a = self.a.T[:, :, None]  # [L, M, 1]
        S = None if self.S is None else self.S.T[:, :, None] if self.S.ndim == 2 else self.S[:, None]
        axes = (0, 0 if Kuf.ndim == 3 else None, 0 if Kff.ndim > 1 + full_cov else None, 0, *_mapped(S, self.L_inverse))
        each = jax.vmap(lambda L, Kuf, Kff, a, S, P: condition(L, Kuf, Kff, a, S, L_inverse=P), in_axes=axes)
        mean, cov = each(self.L, Kuf, Kff, a, S, self.L_inverse)
        return mean[:, :, 0].T, (cov[:, 0] if full_cov else cov[:, :, 0].T)

    def _coupled(self, X: Array, full_cov: bool, full_output_cov: bool) -> tuple[Array, Array]:
        """Mean and covariance where all outputs at the inducing points are known together."""
        Kuf = self.inducing_variable.Kuf(self.kernel, X)  # [M, P, N, P]
        M, _, N, P = Kuf.shape
        Kuf = Kuf.reshape(M * P, N, P)
        Kff = self.kernel(X, full_cov=full_cov, full_output_cov=full_output_cov)
        if full_cov == full_output_cov:
            Kff = Kff.reshape((N * P, N * P) if full_cov else N * P)
            mean, cov = self._conditioned(Kuf.reshape(M * P, N * P), Kff)
            return mean.reshape(N, P), cov.reshape((N, P, N, P) if full_cov else (N, P))
        # One matrix for each output, or for each input.
        axis = 2 if full_cov else 1
        mean, cov = jax.vmap(self._conditioned, in_axes=(axis, 0))(Kuf, Kff)
        return (mean[:, :, 0].T if full_cov else mean[:, :, 0]), cov[:, 0]

    def _conditioned(self, Kuf: Array, Kff: Array) -> tuple[Array, Array]:
        return condition(self.L, Kuf, Kff, self.a, self.S, L_inverse=self.L_inverse)


@eqx.filter_jit
def _predict_f(posterior: Posterior, X: Array, full_cov: bool, full_output_cov: bool, rows: int) -> tuple[Array, Array]:
    def predict(X: Array) -> tuple[Array, Array]:
        return posterior.moments(X, full_cov, full_output_cov)

    return predict(X) if full_cov else in_chunks(predict, X, rows)


def _mapped(*arrays: Array | None) -> tuple[int | None, ...]:
    return tuple(None if a is None else 0 for a in arrays)


def input_columns(inducing_variable: InducingVariables) -> int | None:
    """Number D of columns of the inputs that an inducing variable stands among.

    Parameters
    ----------
    inducing_variable
        The inducing variable, of one output or several.

    Returns
    -------
    The number, where points tell it; None where any will do, as for patches.

    Examples
    --------
    >>> input_columns(InducingPoints([[0.0, 1.0]]))
    2
    """
    if isinstance(inducing_variable, MultioutputInducingVariables):
        inducing_variable = inducing_variable.inducing_variables[0]
    if isinstance(inducing_variable, DataPoints):
        return inducing_variable.X.shape[1]
    return inducing_variable.Z.shape[1] if isinstance(inducing_variable, InducingPoints | Multiscale) else None


def mean_at(mean_function: MeanFunction, X: Array, num_outputs: int) -> Float[Array, "N P"]:
    """Evaluate a mean function, and refuse one of another width than the outputs.

    Parameters
    ----------
    mean_function
        The mean function.
    X
        Inputs [N, D].
    num_outputs
        Number P of outputs.

    Returns
    -------
    Its values, [N, P] or [N, 1].

    Raises
    ------
    ValueError
        If it has neither P columns nor one.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> mean_at(gp.mean_functions.Constant(1.0), jnp.zeros((2, 1)), 3).shape
    (2, 1)
    """
    mean = mean_function(X)
    if mean.shape[-1] not in (1, num_outputs):
        raise ValueError(
            f"the mean function {type(mean_function).__name__} has {mean.shape[-1]} columns for {num_outputs} outputs; "
            "expected one for each, or one for all"
        )
    return mean


def _prior(kernel: Kernel, X: Array, full_cov: bool) -> Array:
    """Prior variances [N] or covariances [N, N]; stacked [L, ...] where latent functions differ in their kernels."""
    if not isinstance(kernel, MultioutputKernel):
        return kernel(X, full_cov=full_cov)
    if isinstance(kernel, SharedIndependent):
        return kernel.kernel(X, full_cov=full_cov)
    return jnp.stack([k(X, full_cov=full_cov) for k in kernel.latent_kernels])


def _mix(
    W: Array | None, mean: Array, cov: Array, *, full_cov: bool, full_output_cov: bool
) -> tuple[Array, Float[Array, "..."]]:
    """Moments of the outputs f = W g from those of the latent functions g."""
    if W is None:
        return mean, expand_outputs(cov, full_cov=full_cov, full_output_cov=full_output_cov)
    subscripts = {
        (False, False): "pl,pl,nl->np",
        (True, False): "pl,pl,lnm->pnm",
        (False, True): "pl,ql,nl->npq",
        (True, True): "pl,ql,lnm->npmq",
    }[full_cov, full_output_cov]
    return mean @ W.T, jnp.einsum(subscripts, W, W, cov, precision="highest")


def expand_outputs(cov: Array, *, full_cov: bool, full_output_cov: bool) -> Array:
    """Give covariances of independent outputs, [P, N, N] or variances [N, P], the shape that GPflow gives them.

    Parameters
    ----------
    cov
        The covariances, with `full_cov`, or variances.
    full_cov, full_output_cov
        As for `Posterior.predict_f`.

    Returns
    -------
    `cov` itself; with `full_output_cov` [N, P, P], or [N, P, N, P] with both.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> expand_outputs(jnp.ones((4, 2)), full_cov=False, full_output_cov=True).shape
    (4, 2, 2)
    """
    if not full_output_cov:
        return cov
    eye = jnp.eye(cov.shape[0 if full_cov else 1], dtype=cov.dtype)
    if full_cov:
        return jnp.einsum("pnm,pq->npmq", cov, eye)
    return jnp.einsum("np,pq->npq", cov, eye)


def independent_outputs(cov: Array, num_outputs: int, *, full_cov: bool, full_output_cov: bool) -> Array:
    """Give one covariance ([N, N] or [N]) to each of P independent outputs, in GPflow's shapes.

    Parameters
    ----------
    cov
        The covariance, with `full_cov`, or variances.
    num_outputs
        Number P of outputs.
    full_cov, full_output_cov
        As for `Posterior.predict_f`.

    Returns
    -------
    [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> independent_outputs(jnp.ones(4), 2, full_cov=False, full_output_cov=True).shape
    (4, 2, 2)
    """
    shape = (num_outputs, *cov.shape) if full_cov else (*cov.shape, num_outputs)
    each = jnp.broadcast_to(cov if full_cov else cov[:, None], shape)
    return expand_outputs(each, full_cov=full_cov, full_output_cov=full_output_cov)


def create_posterior(
    kernel: Kernel,
    inducing_variable: InducingVariables,
    q_mu: Float[Array, "M R"],
    q_sqrt: Float[Array, "R M M"] | Float[Array, "M R"] | None = None,
    whiten: bool = True,
    mean_function: MeanFunction | None = None,
    jitter: float | None = None,
) -> Posterior:
    r"""Give the posterior where :math:`q(u) = N(\mu, S S^\top)` is known.

    Parameters
    ----------
    kernel
        The prior's.
    inducing_variable
        What the process is conditioned on.
    q_mu
        Means of the inducing variables u, one latent function a column; or of v, where u = L v, with `whiten`. For
        inducing points with a multi-output kernel, all outputs at all points in one column.
    q_sqrt
        Lower roots of their covariances [L, M, M], or diagonals [M, L]; None where they are known.
    whiten
        Whether `q_mu` and `q_sqrt` are those of v.
    mean_function
        The prior's mean; zero by default.
    jitter
        Added to the diagonal of Kuu, in squared units of the output; by default 1e-6 in float64 and 1e-4 in float32.

    Returns
    -------
    The posterior.

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.

    References
    ----------
    Hensman, Matthews & Ghahramani (2015), *Scalable variational Gaussian process classification*, eq. 12.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax.numpy as jnp
    >>> Z = gp.inducing_variables.InducingPoints([[0.0]])
    >>> posterior = gp.posteriors.create_posterior(gp.kernels.Matern32(), Z, jnp.ones((1, 1)), whiten=False)
    >>> print(posterior.predict_f(jnp.zeros((1, 1)))[0].round(3))
    [[1.]]
    """
    jitter = default_jitter(q_mu.dtype) if jitter is None else jitter
    Kuu = inducing_variable.Kuu(kernel, jitter=jitter)
    if Kuu.ndim == 4:
        size = Kuu.shape[0] * Kuu.shape[1]
        Kuu = Kuu.reshape(size, size)
    L, L_inverse = cholesky_and_inverse(Kuu)
    a, S = (q_mu, _lower(q_sqrt)) if whiten else _whiten(L_inverse, q_mu, q_sqrt)
    mean_function = Zero() if mean_function is None else mean_function
    return Posterior(kernel, mean_function, inducing_variable, L, a, S, L_inverse)


def _lower(q_sqrt: Array | None) -> Array | None:
    return jnp.tril(q_sqrt) if q_sqrt is not None and q_sqrt.ndim == 3 else q_sqrt


def _whiten(L_inverse: Array, q_mu: Array, q_sqrt: Array | None) -> tuple[Array, Array | None]:
    a = (
        matmul(L_inverse, q_mu)
        if L_inverse.ndim == 2
        else jnp.einsum("lmk,kl->ml", L_inverse, q_mu, precision="highest")
    )
    if q_sqrt is None:
        return a, None
    full = jax.vmap(jnp.diag)(q_sqrt.T) if q_sqrt.ndim == 2 else jnp.tril(q_sqrt)
    return a, jax.vmap(matmul, in_axes=(None if L_inverse.ndim == 2 else 0, 0))(L_inverse, full)
