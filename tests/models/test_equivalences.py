"""Different roads to one answer: exact, variational and sparse inference where they must agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import data
from numpy.testing import assert_allclose
from scipy.special import log_ndtr

import gparams as gp

X, Y = data()
Xnew, _ = data(num_rows=4, seed=1)
N, P = Y.shape
NOISE = 0.5


def kernel():
    return gp.kernels.SquaredExponential(1.3, [0.7, 0.9])


def mean_function():
    return gp.mean_functions.Constant([0.3, -0.2])


def exact():
    return gp.models.GPR((X, Y), kernel(), mean_function(), noise_variance=NOISE)


def natural_step(model, data=None):
    solver = gp.fitting.NaturalGradient(gamma=1.0, steps=1)
    return gp.fit(model, data=data, solver=solver).model


def vgp():
    return natural_step(gp.models.VGP((X, Y), kernel(), gp.likelihoods.Gaussian(NOISE), mean_function())), ()


def svgp(whiten):
    likelihood = gp.likelihoods.Gaussian(NOISE)
    model = gp.models.SVGP(
        kernel(), likelihood, X, mean_function=mean_function(), num_latent_gps=P, whiten=whiten, num_data=N
    )
    return natural_step(model, (X, Y)), ((X, Y),)


def sparse(kind, Z=X):
    return kind((X, Y), kernel(), Z, mean_function=mean_function(), noise_variance=NOISE), ()


# The inducing variables have a jitter of 1e-6, which is what is left of the difference.
ROADS = {
    "VGP": vgp,
    "SVGP(Z=X)": lambda: svgp(True),
    "SVGP(Z=X), not whitened": lambda: svgp(False),
    "SGPR(Z=X)": lambda: sparse(gp.models.SGPR),
    "FITC(Z=X)": lambda: sparse(gp.models.GPRFITC),
}


@pytest.mark.parametrize("road", ROADS)
def test_all_roads_lead_to_exact_regression(road):
    model, args = ROADS[road]()
    reference = exact()
    objective = float(model.maximum_log_likelihood_objective(*args))
    assert np.isfinite(objective)
    assert_allclose(objective, reference.log_marginal_likelihood(), rtol=1e-6)
    for flags in ({}, {"full_cov": True}):
        for actual, expected in zip(model.predict_f(Xnew, **flags), reference.predict_f(Xnew, **flags), strict=True):
            assert np.isfinite(actual).all()
            assert_allclose(actual, expected, atol=2e-6)


@pytest.mark.parametrize(
    "model", [vgp, lambda: svgp(True), lambda: svgp(False)], ids=["VGP", "whitened", "not whitened"]
)
def test_one_natural_gradient_step_is_the_optimum(model):
    model, args = model()
    params, static = gp.partition(model)

    def loss(q):
        return gp.combine({**params, **q}, static).training_loss(*args)

    slopes = jax.grad(loss)({name: params[name] for name in ("q_mu", "q_sqrt")})
    for slope in slopes.values():
        assert np.isfinite(slope).all()
        assert_allclose(slope, 0.0, atol=1e-5)


def test_the_best_inducing_distribution_is_sgprs():
    Z = X[::3]
    collapsed, _ = sparse(gp.models.SGPR, Z)
    mu, cov = collapsed.compute_qu()
    root = jnp.broadcast_to(jnp.linalg.cholesky(cov), (P, *cov.shape))
    # The mean function is no part of u, so q(u) is that of the residuals.
    model = gp.models.SVGP(
        kernel(),
        gp.likelihoods.Gaussian(NOISE),
        Z,
        mean_function=mean_function(),
        q_mu=mu,
        q_sqrt=root,
        whiten=False,
    )
    assert_allclose(model.elbo((X, Y)), collapsed.elbo(), rtol=1e-6)
    for actual, expected in zip(model.predict_f(Xnew), collapsed.predict_f(Xnew), strict=True):
        assert np.isfinite(actual).all()
        assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


def test_bounds_are_in_order():
    Z = X[::3]
    sgpr, _ = sparse(gp.models.SGPR, Z)
    cglb, _ = sparse(lambda *args, **kw: gp.models.CGLB(*args, cg_tolerance=1e-10, **kw), Z)
    bounds = [float(b) for b in (sgpr.elbo(), cglb.elbo(), exact().log_marginal_likelihood(), sgpr.upper_bound())]
    assert np.isfinite(bounds).all()
    assert bounds == sorted(bounds) and np.diff(bounds).min() > 1e-3


def test_cglb_predicts_the_exact_mean():
    cglb, _ = sparse(gp.models.CGLB, X[::3])
    mean, _ = exact().predict_f(Xnew)
    assert_allclose(cglb.predict_f(Xnew, cg_tolerance=1e-16)[0], mean, atol=1e-8)
    assert_allclose(cglb.predict_y(Xnew, cg_tolerance=1e-16)[0], mean, atol=1e-8)
    coarse, fine = (cglb.predict_log_density((Xnew, mean), cg_tolerance=t) for t in (1e3, 1e-16))
    assert np.isfinite(coarse).all() and (fine >= coarse).all() and (fine > coarse).any()  # nearer to the mean
    with pytest.raises(TypeError, match="cg_tolerance"):
        exact().predict_y(Xnew, cg_tolerance=1e-3)
    cached = gp.assign(
        cglb.at.aux_vec, jnp.linalg.solve(np.asarray(kernel()(X)) + NOISE * np.eye(N), Y - np.array([[0.3, -0.2]])).T
    )
    assert_allclose(cached.predict_f(Xnew, cg_tolerance=None)[0], exact().predict_f(Xnew)[0], atol=1e-8)


def test_cglb_trains_its_vector_where_asked():
    model = gp.models.CGLB((X, Y), kernel(), X[::3], noise_variance=NOISE, v_grad_optimization=True)
    fixed = gp.set_trainable(model, False)
    fixed = gp.set_trainable(fixed.at.aux_vec, True)
    result = gp.fit(fixed)
    best = gp.models.CGLB((X, Y), kernel(), X[::3], noise_variance=NOISE, cg_tolerance=1e-12)
    assert_allclose(result.loss, best.training_loss(), rtol=1e-6)


def test_cglb_lies_between_its_bounds():
    cglb, _ = sparse(gp.models.CGLB, X[::3])
    sgpr, _ = sparse(gp.models.SGPR, X[::3])
    assert_allclose(cglb.upper_bound(), sgpr.upper_bound(), rtol=1e-12)
    assert cglb.elbo() <= exact().log_marginal_likelihood() <= cglb.upper_bound()
    for actual, expected in zip(cglb.compute_qu(), sgpr.compute_qu(), strict=True):
        assert_allclose(actual, expected, rtol=1e-12)


def test_upper_bound_of_two_outputs_is_the_sum():
    one = [
        float(gp.models.SGPR((X, Y[:, [p]]), kernel(), X[::3], noise_variance=NOISE).upper_bound()) for p in range(P)
    ]
    both = gp.models.SGPR((X, Y), kernel(), X[::3], noise_variance=NOISE)
    assert_allclose(both.upper_bound(), sum(one), rtol=1e-12)


def test_gpflows_upper_bound_of_two_outputs_is_none():
    """GPflow adds the log determinant once for all outputs. On a small scale of Y that number lies below the truth."""
    small, k = 1e-2 * Y, gp.kernels.SquaredExponential(1e-4)

    def upper_bound(Y):
        return float(gp.models.SGPR((X, Y), k, X, noise_variance=1e-4).upper_bound())

    determinant = upper_bound(np.zeros((N, 1)))
    gpflows = sum(upper_bound(small[:, [p]]) for p in range(P)) - determinant
    truth = float(gp.models.GPR((X, small), k, noise_variance=1e-4).log_marginal_likelihood())
    assert gpflows < truth < upper_bound(small)


def test_whitened_and_not_are_one_model():
    rng = np.random.default_rng(0)
    Z, M = X[::2], len(X[::2])
    mu = rng.normal(size=(M, P))
    root = np.tril(rng.normal(size=(P, M, M))) + 2.0 * np.eye(M)
    L = np.linalg.cholesky(np.asarray(kernel()(Z)) + 1e-6 * np.eye(M))
    args = kernel(), gp.likelihoods.StudentT(0.3), Z
    white = gp.models.SVGP(*args, q_mu=mu, q_sqrt=root)
    plain = gp.models.SVGP(*args, q_mu=L @ mu, q_sqrt=L @ root, whiten=False)
    assert_allclose(white.elbo((X, Y)), plain.elbo((X, Y)), rtol=1e-9)
    assert_allclose(white.prior_kl(), plain.prior_kl(), rtol=1e-9)
    for actual, expected in zip(white.predict_f(Xnew), plain.predict_f(Xnew), strict=True):
        assert np.isfinite(actual).all()
        assert_allclose(actual, expected, rtol=1e-7)


def test_a_diagonal_is_a_matrix():
    rng = np.random.default_rng(1)
    Z, M = X[::2], len(X[::2])
    mu, sd = rng.normal(size=(M, P)), rng.uniform(0.3, 1.5, (M, P))
    for whiten in (True, False):
        args = kernel(), gp.likelihoods.Gaussian(NOISE), Z
        one = gp.models.SVGP(*args, q_mu=mu, q_sqrt=sd, q_diag=True, whiten=whiten)
        other = gp.models.SVGP(*args, q_mu=mu, q_sqrt=np.stack([np.diag(s) for s in sd.T]), whiten=whiten)
        assert_allclose(one.elbo((X, Y)), other.elbo((X, Y)), rtol=1e-9)
        for actual, expected in zip(
            one.predict_f(Xnew, full_cov=True), other.predict_f(Xnew, full_cov=True), strict=True
        ):
            assert_allclose(actual, expected, rtol=1e-8, atol=1e-10)


def test_several_outputs_by_any_road():
    """Latent functions mixed: inducing all outputs together, or each latent function, is the same at the data."""
    W = [[1.0, 0.3], [-0.4, 0.8]]
    mixed = gp.kernels.LinearCoregionalization([gp.kernels.SquaredExponential(), gp.kernels.Matern32(0.7)], W=W)
    shared = gp.inducing_variables.SharedIndependentInducingVariables(gp.inducing_variables.InducingPoints(X))
    objectives, means = [], []
    for inducing in (X, shared):
        model = gp.models.SVGP(mixed, gp.likelihoods.Gaussian(NOISE), inducing)
        model = natural_step(model, (X, Y))
        objectives.append(float(model.elbo((X, Y))))
        means.append(model.predict_f(Xnew))
    # The truth: one Gaussian over all outputs at all inputs.
    K = np.asarray(mixed(X, full_cov=True)).reshape(N * P, N * P) + NOISE * np.eye(N * P)
    y = Y.reshape(-1)
    truth = -0.5 * (y @ np.linalg.solve(K, y) + np.linalg.slogdet(2 * np.pi * K)[1])
    cross = np.asarray(mixed(Xnew, X, full_cov=True)).reshape(len(Xnew) * P, N * P)
    mean = (cross @ np.linalg.solve(K, y)).reshape(len(Xnew), P)
    for objective, (m, v) in zip(objectives, means, strict=True):
        assert np.isfinite(objective) and np.all(np.asarray(v) > 0)
        assert objective <= truth + 1e-8
        assert_allclose(m, mean, atol=0.1 if objective is objectives[1] else 1e-5)
    assert_allclose(objectives[0], truth, rtol=1e-5)


def test_gpmc_at_the_posterior_mode_is_the_mean():
    model = gp.models.GPMC((X, Y), kernel(), gp.likelihoods.Gaussian(NOISE), mean_function())
    frozen = gp.set_trainable(model, False)
    result = gp.fit(gp.set_trainable(frozen.at.V, True), solver=gp.fitting.LBFGS(gtol=1e-9, ftol=0.0))
    assert_allclose(result.model.predict_f(Xnew)[0], exact().predict_f(Xnew)[0], atol=1e-5)


def test_sgpmc_with_known_values_is_svgp_with_a_sharp_distribution():
    V = np.random.default_rng(3).normal(size=(4, P))
    args = kernel(), gp.likelihoods.StudentT(0.5)
    sampled = gp.assign(gp.models.SGPMC((X, Y), *args, inducing_variable=X[:4]).at.V, V)
    sharp = gp.models.SVGP(*args, X[:4], q_mu=V, q_sqrt=1e-9 * np.ones((4, P)), q_diag=True)
    bound = sharp.elbo((X, Y)) + sharp.prior_kl()
    assert_allclose(sampled.log_likelihood_lower_bound(), bound, rtol=1e-7)


def test_bernoulli_elbo_by_hand():
    labels = (Y[:, :1] > 0).astype(float)
    model = gp.models.VGP((X, labels), kernel(), gp.likelihoods.Bernoulli())
    # The start is the prior, whose marginals are N(0, 1.3): the bound is a sum of one-dimensional integrals.
    z, w = np.polynomial.hermite_e.hermegauss(80)
    f = np.sqrt(1.3 + 1e-6) * z
    squash = 1e-3 + (1 - 2e-3) * np.exp(log_ndtr(f))
    expected = sum((w / w.sum()) @ np.log(squash if label else 1 - squash) for label in labels[:, 0])
    assert_allclose(model.elbo(), expected, rtol=1e-4)  # of twenty points against eighty
