"""Exact regression against closed forms, SciPy and scikit-learn; its derivatives; and what bad input gets."""

import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from cases import REGRESSIONS as MODELS
from cases import data
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

GPR, SE = gp.models.GPR, gp.kernels.SquaredExponential
X, Y = data()
Xnew, Ynew = (jnp.asarray(a) for a in data(num_rows=4, seed=1))
FLAGS = [(False, False), (True, False), (False, True), (True, True)]

each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
each_flags = pytest.mark.parametrize(("full_cov", "full_output_cov"), FLAGS)


def close(actual, expected, rtol=1e-9, atol=1e-10):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


def dense(model, Xs):
    """Mean, covariance of f between inputs, and noise, by inverses in NumPy."""
    X, Y = model.data
    k, m = (lambda *a: np.asarray(model.kernel(*a))), (lambda x: np.asarray(model.mean_function(x)))
    noise = float(np.asarray(model.likelihood.variance_at(model.data[0]))[0, 0])
    Ky = k(X) + noise * np.eye(len(X))
    W = np.linalg.solve(Ky, k(X, Xs)).T
    return m(Xs) + W @ (Y - m(X)), k(Xs) - W @ k(X, Xs), noise


def in_shape(cov, P, full_cov, full_output_cov):
    whole = np.einsum("nm,pq->npmq", cov, np.eye(P))  # [N, P, N, P]
    if full_cov and full_output_cov:
        return whole
    if full_cov:
        return np.einsum("npmp->pnm", whole)
    return np.einsum("npnq->npq", whole) if full_output_cov else np.einsum("npnp->np", whole)


@each_model
def test_log_marginal_likelihood_is_scipys(make):
    model = make()
    noise = np.asarray(model.likelihood.variance_at(model.data[0]))[:, 0]
    Ky = np.asarray(model.kernel(X)) + np.diag(noise)
    mean = np.broadcast_to(model.mean_function(X), Y.shape)
    expected = sum(
        scipy.stats.multivariate_normal(m, Ky, allow_singular=False).logpdf(y) for m, y in zip(mean.T, Y.T, strict=True)
    )
    close(model.log_marginal_likelihood(), expected)
    close(model.maximum_log_likelihood_objective(), expected)
    close(model.training_loss(), -expected)


def test_the_loss_holds_the_priors_and_the_likelihood_does_not():
    plain = MODELS["gpr"]()
    prior = tfd.Gamma(np.float64(2.0), np.float64(3.0))
    model = gp.set_prior(plain.at.kernel.variance, prior)
    log_p = scipy.stats.gamma(2.0, scale=1 / 3).logpdf(1.3)
    close(model.log_prior_density(), log_p)
    close(model.log_marginal_likelihood(), plain.log_marginal_likelihood())
    close(model.training_loss(), plain.training_loss() - log_p)
    close(model.log_posterior_density(), -model.training_loss())


@each_flags
@each_model
def test_predictions_are_the_dense_ones(make, full_cov, full_output_cov):
    model = make()
    mean, cov, noise = dense(model, Xnew)
    for predicted, total in (
        (model.predict_f(Xnew, full_cov=full_cov, full_output_cov=full_output_cov), cov),
        (model.predict_y(Xnew, full_cov=full_cov, full_output_cov=full_output_cov), cov + noise * np.eye(4)),
    ):
        close(predicted[0], mean)
        close(predicted[1], in_shape(total, 2, full_cov, full_output_cov))


@each_model
def test_predict_log_density_is_scipys(make):
    model = make()
    mean, cov, noise = dense(model, Xnew)
    sd = np.sqrt(np.diag(cov) + noise)[:, None]
    close(model.predict_log_density((Xnew, Ynew)), scipy.stats.norm.logpdf(Ynew, mean, sd).sum(-1))


def test_against_scikit_learn():
    model = GPR((X, Y[:, :1]), kernel=SE(1.3, [0.7, 1.6]), noise_variance=0.05)
    kernel = sk.ConstantKernel(1.3) * sk.RBF([0.7, 1.6])
    other = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None).fit(X, Y[:, 0])
    mean, cov = other.predict(Xnew, return_cov=True)
    ours = model.predict_f(Xnew, full_cov=True)
    close(ours[0][:, 0], mean)
    close(ours[1][0], cov)
    close(model.log_marginal_likelihood(), other.log_marginal_likelihood())


@each_flags
def test_sample_moments(full_cov, full_output_cov, key):
    model, S = MODELS["gpr"](), 20_000
    draw = model.predict_f_samples(Xnew, S, full_cov, full_output_cov, key=key)
    assert draw.shape == (S, 4, 2)
    assert model.predict_f_samples(Xnew, None, full_cov, full_output_cov, key=key).shape == (4, 2)
    draw = np.asarray(draw)
    assert np.isfinite(draw).all()
    mean, cov, _ = dense(model, Xnew)
    whole = in_shape(cov if full_cov else np.diag(np.diag(cov)), 2, True, True).reshape(8, 8)
    scale = np.sqrt(np.diag(whole))
    assert np.all(np.abs(draw.mean(0) - mean).ravel() < 5 * scale / np.sqrt(S))
    assert_allclose(np.cov(draw.reshape(S, 8).T), whole, atol=5 * 2**0.5 * scale.max() ** 2 / np.sqrt(S), rtol=0)


def test_samples_at_numpy_inputs(key):
    model = MODELS["gpr"]()
    draw = model.predict_f_samples(np.asarray(Xnew), key=key)
    assert np.array_equal(draw, model.predict_f_samples(Xnew, key=key))


def test_same_key_same_samples(key):
    model = MODELS["gpr"]()
    first = model.predict_f_samples(Xnew, 3, key=key)
    assert np.array_equal(first, model.predict_f_samples(Xnew, 3, key=key))
    assert not np.allclose(first, model.predict_f_samples(Xnew, 3, key=jax.random.key(1)))
    assert not np.allclose(first[0], first[1])
    assert np.array_equal(model.predict_f_samples(Xnew, key=key), model.predict_f_samples(Xnew, 1, key=key)[0])


@each_model
def test_gradient_and_hessian_are_finite_differences(make):
    params, static = gp.partition(make())
    start, unravel = ravel_pytree(params)

    def loss(x):
        return gp.combine(unravel(x), static).training_loss()

    def slopes(f, h):
        return np.stack([(np.asarray(f(start + h * e)) - np.asarray(f(start - h * e))) / (2 * h) for e in eye])

    eye = np.eye(start.size)
    gradient = jax.jit(jax.grad(loss))
    close(gradient(start), slopes(jax.jit(loss), 1e-5), 1e-6, 1e-6)
    hessian = jax.jit(jax.hessian(loss))(start)
    close(hessian, np.asarray(hessian).T, 1e-8, 1e-8)
    close(hessian, slopes(gradient, 1e-5), 1e-6, 1e-6)
    assert np.abs(np.diag(hessian)).min() > 1e-6


def test_filter_value_and_grad_of_the_model():
    model = MODELS["gpr"]()
    value, gradient = gp.filter_value_and_grad(lambda m: m.training_loss())(model)
    close(value, model.training_loss())
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


def is_jaxpr(x):
    return hasattr(x, "eqns") or hasattr(x, "jaxpr")


def sizes(jaxpr):
    for equation in jaxpr.eqns:
        yield from (v.aval.size for v in equation.outvars if hasattr(v.aval, "size"))
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=is_jaxpr):
            if is_jaxpr(inner):
                yield from sizes(getattr(inner, "jaxpr", inner))


@pytest.mark.parametrize("kind", [SE, gp.kernels.Matern52])
@pytest.mark.parametrize("D", [7, 23])
def test_no_array_is_inputs_times_inputs_times_columns(kind, D):
    N = 31
    model = GPR(data(N, D, 1), kernel=kind(lengthscales=np.ones(D)))
    params, static = gp.partition(model)
    jaxpr = jax.make_jaxpr(jax.value_and_grad(lambda p: gp.combine(p, static).training_loss()))(params)
    found = set(sizes(jaxpr.jaxpr))
    assert N * N in found
    assert max(found) < N * N * D


def test_three_equal_models_compile_once():
    traces = []

    class Counting(gp.kernels.Kernel):
        variance: gp.Parameter

        def __init__(self):
            self.variance = gp.Parameter(1.0, transform=gp.positive())

        def K(self, X, X2=None):
            traces.append(1)
            return self.variance.value * (X @ (X if X2 is None else X2).T)

        def K_diag(self, X):
            return self.variance.value * jnp.sum(X**2, -1)

    def use(variance):
        model = gp.assign(GPR((X, Y), kernel=Counting()).at.kernel.variance, variance)
        return float(model.log_marginal_likelihood()), np.asarray(model.predict_f(Xnew)[0])

    value, mean = use(1.0)
    count = len(traces)
    assert count > 0 and np.isfinite(value) and np.isfinite(mean).all()
    assert use(1.0)[0] == value
    assert use(2.0)[0] != value
    assert len(traces) == count


def test_a_model_is_a_pytree():
    model = MODELS["gpr"]()
    leaves, structure = jax.tree.flatten(model)
    assert jax.tree.structure(MODELS["gpr"]()) == structure
    assert jax.tree.unflatten(structure, leaves).training_loss() == model.training_loss()
    inside = jax.jit(lambda m, x: m.predict_f(x))(model, Xnew)
    close(inside[0], model.predict_f(Xnew)[0])
    assert sorted(gp.partition(model)[0]) == ["kernel.lengthscales", "kernel.variance", "likelihood.variance"]


def test_prediction_far_away_is_the_prior():
    model = MODELS["gpr-ard-constant"]()
    mean, var = model.predict_f(np.full((1, 2), 1e3))
    close(mean, [[0.3, -0.2]])
    close(var, [[1.3, 1.3]])


# ---- input


def make(X, Y, **kwargs):
    return GPR((X, Y), kernel=SE(), **kwargs)


def test_integers_and_one_axis_of_observations():
    whole = make(np.arange(5)[:, None], np.arange(5))
    assert [a.dtype for a in whole.data] == [jnp.float64, jnp.float64]
    assert whole.data[1].shape == (5, 1)
    plain = make(np.arange(5.0)[:, None], np.arange(5.0)[:, None])
    close(whole.log_marginal_likelihood(), plain.log_marginal_likelihood())
    close(whole.predict_f(np.array([[2]]))[0], plain.predict_f(np.array([[2.0]]))[0])
    close(make([[0], [1]], [0, 1]).log_marginal_likelihood(), make(np.eye(2)[:, 1:], [0.0, 1.0]).training_loss() * -1)


@pytest.mark.parametrize(
    ("X", "Y", "words"),
    [
        (X, Y[:-1], "X has 11 rows and Y has 10"),
        (X[:, 0], Y, r"expected X of two axes, got shape \(11,\).*X\[:, None\]"),
        (X[None], Y, r"expected X of two axes"),
        (X, Y[None], r"expected Y of two axes"),
        (X[:0], Y[:0], "at least one row"),
        (X[:, :0], Y, "at least one row and one column"),
        (X, Y[:, :0], "at least one row and one column"),
    ],
)
def test_bad_shapes(X, Y, words):
    with pytest.raises(ValueError, match=words):
        make(X, Y)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["X", "Y"])
def test_what_is_not_finite_is_named_with_its_row(name, bad):
    arrays = {"X": X.copy(), "Y": Y.copy()}
    arrays[name][3, 1] = bad
    with pytest.raises(ValueError, match=rf"{name}: row 3 is .*expected finite"):
        make(**arrays)
    arrays[name][7, 0] = bad
    with pytest.raises(ValueError, match=r"row 3 .*\(2 such rows\)"):
        make(**arrays)
    keep = np.isfinite(arrays["X"]).all(1) & np.isfinite(arrays["Y"]).all(1)
    assert np.isfinite(make(arrays["X"][keep], arrays["Y"][keep]).training_loss())


@pytest.mark.parametrize("pair", [X, (X,), (X, Y, Y), None])
def test_data_are_a_pair(pair):
    with pytest.raises((ValueError, TypeError)):
        GPR(pair, kernel=SE())


@pytest.mark.parametrize("values", [np.array([["a"], ["b"]]), np.array([[1j], [2j]]), [[1.0], [1.0, 2.0]]])
def test_data_are_real_numbers(values):
    with pytest.raises(TypeError, match="X: expected"):
        make(values, [1.0, 2.0])


def test_wrong_kinds():
    # Under the tests the checks of argument types may speak first, with an error of the same kind.
    with pytest.raises(TypeError, match="kernel"):
        GPR((X, Y), kernel="rbf")
    with pytest.raises(TypeError, match="kernel"):
        GPR((X, Y), kernel=SE)
    with pytest.raises(TypeError, match="likelihood"):
        make(X, Y, likelihood=0.1)
    with pytest.raises(TypeError, match="mean_function|mean function"):
        make(X, Y, mean_function=1.0)
    with pytest.raises(ValueError, match="not both"):
        make(X, Y, noise_variance=0.1, likelihood=gp.likelihoods.Gaussian())
    with pytest.raises(ValueError):
        make(X, Y, noise_variance=0.0)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (Xnew[:, :1], r"expected shape \[N, 2\]"),
        (Xnew[0], r"expected shape \[N, 2\]"),
        (Xnew[None], "jax.vmap"),
        (np.full((1, 2), np.nan), "Xnew: row 0"),
    ],
)
def test_bad_new_inputs(new, words):
    model = MODELS["gpr"]()
    for predict in (model.predict_f, model.predict_y):
        with pytest.raises(ValueError, match=words):
            predict(new)


def test_float32_warns_once_and_stays_float32():
    def single(value):
        return gp.Parameter(value, transform=gp.positive(), dtype=jnp.float32)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = GPR(
            (X.astype(np.float32), Y.astype(np.float32)),
            kernel=SE(single(1.3), single(0.8)),
            likelihood=gp.likelihoods.Gaussian(single(0.05)),
        )
        value, mean = model.log_marginal_likelihood(), model.predict_f(Xnew.astype(np.float32))[0]
    assert [w.category for w in seen] == [gp.models.Float32Warning]
    assert "X.astype(float)" in str(seen[0].message)  # 64-bit mode is on
    assert value.dtype == mean.dtype == jnp.float32
    close(value, MODELS["gpr"]().log_marginal_likelihood(), 1e-4)
    close(mean, MODELS["gpr"]().predict_f(Xnew)[0], 1e-3, 1e-3)


@pytest.mark.parametrize("make", [GPR, partial(gp.models.CGLB, inducing_variable=X[:5])])
def test_float32_data_meet_float64_parameters(make):
    single = X.astype(np.float32), Y.astype(np.float32)
    double = make(tuple(a.astype(np.float64) for a in single), kernel=SE(1.3, 0.8))
    with jax.numpy_dtype_promotion("standard"), pytest.warns(gp.models.Float32Warning):
        model = make(single, kernel=SE(1.3, 0.8))
        value, mean = model.training_loss(), model.predict_f(Xnew)[0]
    assert value.dtype == mean.dtype == jnp.float64
    close(value, double.training_loss(), 1e-12)
    close(mean, double.predict_f(Xnew)[0], 1e-9, 1e-9)


def test_samples_without_jitter_are_refused_where_they_fail(key):
    model = MODELS["gpr"]()
    with pytest.raises(np.linalg.LinAlgError, match="try a jitter above"):
        model.predict_f_samples(jnp.zeros((5, 2)), key=key, jitter=-1e-3)
