"""A process at uncertain inputs, against quadrature over the input of its moments at each input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

N, D, P, M = 3, 2, 2, 4
RNG = np.random.default_rng(20261121)
Z = RNG.uniform(-1.5, 1.5, (M, D))
MU = RNG.uniform(-1.0, 1.0, (N, D))
ROOT = 0.3 * RNG.normal(size=(N, D, D)) + 0.2 * np.eye(D)
COV = ROOT @ np.swapaxes(ROOT, 1, 2) + 0.05 * np.eye(D)
Q_MU = RNG.normal(size=(M, P))
Q_SQRT = np.tril(0.4 * RNG.normal(size=(P, M, M))) + 0.5 * np.eye(M)
INDUCING = gp.inducing_variables.InducingPoints(Z)
KERNELS = {
    "se": lambda: gp.kernels.SquaredExponential(1.3, [0.8, 1.4]),
    "sum": lambda: gp.kernels.SquaredExponential(1.3, 0.9, active_dims=[0]) + gp.kernels.Linear([0.5, 1.2]),
}
MEANS = {
    "zero": lambda: None,
    "level": lambda: gp.mean_functions.Constant([0.3, -0.7]),
    "one level": lambda: gp.mean_functions.Constant(0.6),
    "line": lambda: gp.mean_functions.Linear([[0.5, -0.4], [0.2, 1.1]], [0.3, -0.7]),
    "identity": lambda: gp.mean_functions.Identity(),
    "sum": lambda: gp.mean_functions.Linear([[0.5, -0.4], [0.2, 1.1]]) + gp.mean_functions.Constant(0.6),
}


def quadrature(kernel, mean_function, white, jitter=None):
    """E[f], and Cov[f] = E[Cov[f | x]] + Cov[E[f | x]], by a grid over each input: [N, P] and [N, P, P]."""
    z, w = np.polynomial.hermite_e.hermegauss(40)
    points = np.stack(np.meshgrid(z, z, indexing="ij"), -1).reshape(-1, D)
    weights = np.outer(w, w).ravel() / w.sum() ** 2
    x = MU[:, None] + np.einsum("qd,ncd->nqc", points, np.linalg.cholesky(COV))
    rows = x.reshape(-1, D)
    mean, cov = gp.conditionals.conditional(
        rows, INDUCING, kernel, Q_MU, q_sqrt=Q_SQRT, white=white, full_output_cov=True
    )
    mean = np.asarray(mean) + (0.0 if mean_function is None else np.asarray(mean_function(rows)))
    mean, cov = mean.reshape(N, -1, P), np.asarray(cov).reshape(N, -1, P, P)
    first = np.einsum("q,nqp->np", weights, mean)
    apart = mean - first[:, None]
    return first, np.einsum("q,nqpr->npr", weights, cov + apart[..., :, None] * apart[..., None, :])


def close(actual, expected, tolerance=1e-8):
    actual = np.asarray(actual)
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("white", [True, False], ids=["whitened", "plain"])
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_moments_against_quadrature(kernel, mean, white):
    kernel, mean = KERNELS[kernel](), MEANS[mean]()
    expected_mean, expected_cov = quadrature(kernel, mean, white)
    arguments = (MU, COV, INDUCING, kernel, Q_MU, Q_SQRT)
    for full_output_cov in (False, True):
        actual = gp.conditionals.uncertain_conditional(
            *arguments, mean_function=mean, full_output_cov=full_output_cov, white=white
        )
        close(actual[0], expected_mean)
        close(actual[1], expected_cov if full_output_cov else np.einsum("npp->np", expected_cov))


@pytest.mark.parametrize("white", [True, False], ids=["whitened", "plain"])
@pytest.mark.parametrize("mean", MEANS)
def test_a_certain_input_is_conditioned_on(mean, white):
    kernel, mean = KERNELS["sum"](), MEANS[mean]()
    for full_output_cov in (False, True):
        actual = gp.conditionals.uncertain_conditional(
            MU,
            np.zeros((N, D, D)),
            INDUCING,
            kernel,
            Q_MU,
            Q_SQRT,
            mean_function=mean,
            full_output_cov=full_output_cov,
            white=white,
        )
        expected_mean, expected_cov = gp.conditionals.conditional(
            MU, INDUCING, kernel, Q_MU, q_sqrt=Q_SQRT, white=white, full_output_cov=full_output_cov
        )
        shift = 0.0 if mean is None else np.asarray(mean(MU))
        close(actual[0], np.asarray(expected_mean) + shift)
        close(actual[1], np.asarray(expected_cov))


def test_moments_against_draws(key):
    """Of inputs, of inducing values and of the function given both."""
    count, kernel, mean = 200_000, KERNELS["se"](), MEANS["line"]()
    x_noise, f_noise = (np.asarray(jax.random.normal(k, (count, n))) for k, n in zip(jax.random.split(key), (D, P)))
    x = MU[0] + x_noise @ np.linalg.cholesky(COV[0]).T
    m, cov = gp.conditionals.conditional(x, INDUCING, kernel, Q_MU, q_sqrt=Q_SQRT, white=True)
    f = np.asarray(m) + np.asarray(mean(x)) + np.sqrt(np.asarray(cov)) * f_noise
    actual_mean, actual_cov = gp.conditionals.uncertain_conditional(
        MU[:1], COV[:1], INDUCING, kernel, Q_MU, Q_SQRT, mean_function=mean, full_output_cov=True, white=True
    )
    assert_allclose(actual_mean[0], f.mean(0), atol=5 * f.std() / np.sqrt(count))
    assert_allclose(actual_cov[0], np.cov(f.T), atol=10 * f.var() / np.sqrt(count))


def test_whitened_and_not_are_one():
    kernel = KERNELS["se"]()
    L = np.linalg.cholesky(np.asarray(kernel(Z)) + 1e-6 * np.eye(M))
    arguments = (MU, COV, INDUCING, kernel)
    white = gp.conditionals.uncertain_conditional(*arguments, Q_MU, Q_SQRT, white=True, full_output_cov=True)
    plain = gp.conditionals.uncertain_conditional(*arguments, L @ Q_MU, L @ Q_SQRT, full_output_cov=True)
    for a, b in zip(white, plain, strict=True):
        close(a, np.asarray(b))


def test_the_prior_is_uncertain_as_it_was():
    """With q(u) the prior, the input's spread changes nothing for a stationary kernel, and outputs are independent."""
    kernel = KERNELS["se"]()
    mean, cov = gp.conditionals.uncertain_conditional(
        MU, COV, INDUCING, kernel, np.zeros((M, P)), np.stack([np.eye(M)] * P), white=True, full_output_cov=True
    )
    close(mean, np.zeros((N, P)))
    close(cov, np.broadcast_to(1.3 * np.eye(P), (N, P, P)))


def test_slopes_are_finite_where_the_input_is_certain():
    def total(var):
        mean, cov = gp.conditionals.uncertain_conditional(
            MU, var, INDUCING, KERNELS["se"](), Q_MU, Q_SQRT, mean_function=MEANS["line"](), full_output_cov=True
        )
        return jnp.sum(mean) + jnp.sum(cov)

    slope = jax.grad(total)(jnp.zeros((N, D, D)))
    assert np.isfinite(slope).all() and np.all(np.abs(np.einsum("ndd->nd", slope)) > 0)
