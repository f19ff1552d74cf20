"""Regression between sparse and exact: conjugate gradients close the gap of the collapsed bound."""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..inducing_variables import InducingVariables, as_inducing_variables
from ..kernels import Kernel
from ..likelihoods import Gaussian
from ..maths import add_diagonal, in_chunks, matmul, product, read_inputs, rows_in_chunk
from ..mean_functions import MeanFunction
from ..parameters import Parameter
from ..posteriors import mean_at
from ._base import GPModel, refuse_nonfinite
from ._data import read_data
from ._parts import read_gaussian, read_mean_function, read_single_output_kernel
from ._sgpr import MEND, Terms, check_sparse, compute_qu, conditioned, prior, terms, upper_bound


@final
class CGLB(GPModel):
    r"""Regression by conjugate gradients, with a lower bound that says how much they may have missed.

    With any vector v for each output, :math:`r = y - K v` and :math:`Q = K_{fu} K_{uu}^{-1} K_{uf} + \sigma^2 I`,

    .. math:: -\tfrac12 y^\top K^{-1} y \ge -\tfrac12 \left(r^\top Q^{-1} r + 2 y^\top v - v^\top K v\right)

    which is exact at :math:`v = K^{-1} y`; the determinant is bounded from the inducing variables. Here K holds the noise.
    Cost is a few products with the N by N matrix K. The Parameter `aux_vec` [P, N] holds v, or where it starts.
    The covariance of the inducing variables always has `gparams.maths.default_jitter` on its diagonal: GPflow's 1e-6, and
    1e-4 in float32.

    Parameters
    ----------
    data
        Pair (X, Y): inputs [N, D], and observations [N, P] or [N]. Outputs are independent, and share the kernel.
    kernel
        Covariance function of one output.
    inducing_variable
        Inducing points Z [M, D], or any inducing variables; they precondition the gradients.
    mean_function
        Mean function; zero by default.
    noise_variance
        Variance of the noise, in squared units of the output; above 1e-6, and 1 by default. The same for all data.
    likelihood
        A `Gaussian` likelihood with such a variance, in place of `noise_variance`.
    cg_tolerance
        How much the bound may miss by stopping early, in nats.
    max_cg_iters
        Number of conjugate-gradient steps at most.
    restart_cg_iters
        Steps between two fresh computations of the residual.
    v_grad_optimization
        Whether `aux_vec` is trained by gradients with the rest; otherwise each evaluation runs conjugate gradients, from
        `aux_vec` on, and takes their result as given.

    Raises
    ------
    ValueError
        If the data is malformed, there are more inducing variables than data, or the noise is not one number.
    TypeError
        If a part is of the wrong kind.

    Warns
    -----
    Float32Warning
        In single precision; the message gives the line that turns on float64.

    References
    ----------
    Artemev, Burt & van der Wilk (2021), *Tighter bounds on the log marginal likelihood of Gaussian process regression
    using conjugate gradients*, eqs. 9 and 12.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 50)[:, None]
    >>> args = (X, np.sin(X)), gp.kernels.Matern32(), X[::10]
    >>> better, sparse = gp.models.CGLB(*args, noise_variance=0.1), gp.models.SGPR(*args, noise_variance=0.1)
    >>> bool(better.elbo() > sparse.elbo())
    True
    """

    data: tuple[Float[Array, "N D"], Float[Array, "N P"]]
    mean_function: MeanFunction
    kernel: Kernel
    likelihood: Gaussian
    inducing_variable: InducingVariables
    aux_vec: Parameter
    cg_tolerance: float = eqx.field(static=True)
    max_cg_iters: int = eqx.field(static=True)
    restart_cg_iters: int = eqx.field(static=True)

    def __init__(
        self,
        data: tuple[Any, Any],
        kernel: Kernel,
        inducing_variable: Any,
        *,
        mean_function: MeanFunction | None = None,
        noise_variance: Any = None,
        likelihood: Gaussian | None = None,
        cg_tolerance: float = 1.0,
        max_cg_iters: int = 100,
        restart_cg_iters: int = 40,
        v_grad_optimization: bool = False,
    ):
        self.data = read_data(data)
        self.mean_function = read_mean_function("CGLB", mean_function)
        self.kernel = read_single_output_kernel("CGLB", kernel, MEND)
        self.likelihood = read_gaussian("CGLB", likelihood, noise_variance)
        if not isinstance(self.likelihood.variance, Parameter) or self.likelihood.variance.ndim:
            raise ValueError("CGLB: expected one noise variance for all data; SGPR takes noise that differs")
        self.inducing_variable = as_inducing_variables(inducing_variable)
        check_sparse("CGLB", self.inducing_variable, self.data, None)
        Y = self.data[1]
        self.aux_vec = Parameter(jnp.zeros((Y.shape[1], Y.shape[0]), Y.dtype), trainable=bool(v_grad_optimization))
        self.cg_tolerance = float(cg_tolerance)
        self.max_cg_iters, self.restart_cg_iters = int(max_cg_iters), int(restart_cg_iters)

    @property
    def num_latent_gps(self) -> int:
        """Number P of outputs."""
        return self.data[1].shape[1]

    def elbo(self) -> Float[Array, ""]:
        """The lower bound on the log marginal likelihood; in nats."""
        return _elbo(self)

    def maximum_log_likelihood_objective(self) -> Float[Array, ""]:
        """The lower bound."""
        return _elbo(self)

    def upper_bound(self) -> Float[Array, ""]:
        """An upper bound on the log marginal likelihood from the inducing variables; see `SGPR.upper_bound`."""
        return upper_bound(self)

    def compute_qu(self) -> tuple[Float[Array, "M P"], Float[Array, "M M"]]:
        """Mean and covariance of the inducing values, as in `SGPR`: conjugate gradients have no part in them."""
        return compute_qu(self)

    def predict_f(
        self,
        Xnew: Any,
        full_cov: bool = False,
        full_output_cov: bool = False,
        cg_tolerance: float | None = 1e-3,
        *,
        batch_size: int | None = None,
    ) -> tuple[Float[Array, "N P"], Array]:
        """Mean and covariance of the latent function at new inputs.

        The mean is that of the gradients, corrected by the inducing variables for the residual; the covariance is `SGPR`'s.

        Parameters
        ----------
        Xnew
            New inputs [N, D].
        full_cov, full_output_cov
            Covariances between inputs, and between outputs, and not the variances alone.
        cg_tolerance
            What conjugate gradients may leave of the bound, in nats; None to take `aux_vec` as it stands.
        batch_size
            New inputs to treat together, where no covariances between them are asked for. By default as many as keep the
            covariances with the data to 2**24 numbers.

        Returns
        -------
        mean
            [N, P].
        covariance
            [N, P]; [P, N, N] with `full_cov`; [N, P, P] with `full_output_cov`; [N, P, N, P] with both.

        Raises
        ------
        ValueError
            If the inputs have another number of columns than the data, or hold NaN; or `batch_size` is below 1.
        numpy.linalg.LinAlgError
            If the covariance of the inducing variables is not positive definite, to rounding.
        """
        X = read_inputs(Xnew, self.data[0].shape[1], self.data[0].dtype)
        rows = rows_in_chunk(self.data[0].shape[0], batch_size)
        mean, cov = _predict(self, X, bool(full_cov), bool(full_output_cov), cg_tolerance, rows)
        refuse_nonfinite(mean, f"the covariance of the inducing variables ({type(self.kernel).__name__})")
        return mean, cov


class _Problem(NamedTuple):
    """The system K v = r for each output, and its preconditioner; vectors are rows [P, N], as in GPflow."""

    K: Array  # noise included
    R: Array  # [P, N]
    A: Array  # L^-1 Kuf over the noise's standard deviation, [M, N]
    t: Terms
    variance: Array  # of the noise

    def precondition(self, R: Array) -> tuple[Array, Array]:
        """Rows of Q^-1 R, and r^T Q^-1 r for each."""
        s = matmul(self.t.LB_inverse.T, matmul(self.t.LB_inverse, matmul(self.A, R.T)))
        Z = (R - matmul(s.T, self.A)) / self.variance
        return Z, jnp.sum(R * Z, -1)


def _problem(model: CGLB) -> tuple[_Problem, Any]:
    X, Y = model.data
    R = Y - mean_at(model.mean_function, X, Y.shape[1])  # [N, P]
    noise = model.likelihood.variance_at(X)[:, 0]
    p = prior(model.kernel, model.inducing_variable, X)
    A = product(p.L_inverse, p.Kuf) / jnp.sqrt(noise)[None]
    R = R.astype(jnp.promote_types(R.dtype, A.dtype))  # float32 data, float64 Parameters
    return _Problem(add_diagonal(model.kernel(X), noise), R.T, A, terms(p, R, noise), noise[0]), p


def _conjugate_gradients(problem: _Problem, start: Array, tolerance: float, steps: int, restart: int) -> Array:
    """Solve K v = r by preconditioned conjugate gradients, all outputs at once; a constant to differentiation."""
    K, R = problem.K, problem.R

    def going(state: tuple[Array, ...]) -> Array:
        i, *_, rz = state
        return (0.5 * jnp.sum(rz) > tolerance) & (i < steps)

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        i, v, r, p, rz = state
        Kp = matmul(p, K)
        size = jnp.where(rz > 0, rz / jnp.where(rz > 0, jnp.sum(p * Kp, -1), 1.0), 0.0)[:, None]
        v = v + size * p
        fresh = i % restart == restart - 1
        r = jax.lax.cond(fresh, lambda: R - matmul(v, K), lambda: r - size * Kp)
        z, new = problem.precondition(r)
        turn = jnp.where(fresh | (rz <= 0), 0.0, new / jnp.where(rz > 0, rz, 1.0))[:, None]
        return i + 1, v, r, z + turn * p, new

    r = R - matmul(start, K)
    z, rz = problem.precondition(r)
    return jax.lax.while_loop(going, step, (jnp.zeros((), int), start, r, z, rz))[1]


def _solve(model: CGLB, problem: _Problem, tolerance: float) -> Array:
    still = jax.lax.stop_gradient((problem, model.aux_vec.value.astype(problem.R.dtype)))
    return _conjugate_gradients(*still, tolerance, model.max_cg_iters, model.restart_cg_iters)


@eqx.filter_jit
def _elbo(model: CGLB) -> Array:
    problem, p = _problem(model)
    v = model.aux_vec.value if model.aux_vec.trainable else _solve(model, problem, model.cg_tolerance)
    Kv = matmul(v, problem.K)
    r = problem.R - Kv
    missed = jnp.sum(problem.precondition(r)[1])
    quadratic = jnp.sum(v * (r + 0.5 * Kv)) + 0.5 * missed
    (P, N), t = problem.R.shape, problem.t
    trace = jnp.sum(p.Kdiag) / problem.variance - jnp.trace(t.AAT)
    half_log_determinant = jnp.sum(jnp.log(jnp.diagonal(t.LB)))
    half_log_determinant += 0.5 * N * (jnp.log(problem.variance) + jnp.log1p(trace / N))
    return -quadratic - P * half_log_determinant - 0.5 * N * P * math.log(2.0 * math.pi)


@eqx.filter_jit
def _predict(
    model: CGLB, Xnew: Array, full_cov: bool, full_output_cov: bool, tolerance: float | None, rows: int
) -> tuple[Array, Array]:
    problem, _ = _problem(model)
    v = model.aux_vec.value if tolerance is None else _solve(model, problem, tolerance)
    left = (problem.R - matmul(v, problem.K)).T / jnp.sqrt(problem.variance)  # [N, P]
    c = matmul(problem.t.LB_inverse, matmul(problem.A, left))
    posterior = conditioned(model.kernel, model.mean_function, model.inducing_variable, problem.t, c)

    def predict(X: Array) -> tuple[Array, Array]:
        mean, cov = posterior.moments(X, full_cov, full_output_cov)
        return mean + matmul(model.kernel(X, model.data[0]), v.T), cov

    return predict(Xnew) if full_cov else in_chunks(predict, Xnew, rows)
