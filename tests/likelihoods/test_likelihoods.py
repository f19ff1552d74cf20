"""What every likelihood must do, over the whole table: SciPy's densities, integrals by brute force, and finite ends."""

from itertools import pairwise

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special as sp
import scipy.stats as st
from cases import LIKELIHOODS
from numpy.testing import assert_allclose
from scipy.integrate import quad

import gparams as gp

N = 7
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 3))
REALS, POSITIVE, COUNTS = rng.normal(size=(N, 2)), rng.gamma(2.0, 0.7, (N, 2)), rng.poisson(2.0, (N, 2)).astype(float)
YES_OR_NO, UNIT, CLASSES = COUNTS % 2, rng.beta(2.0, 2.0, (N, 2)), np.arange(N)[:, None] % 3.0
LABELLED = np.hstack([UNIT, CLASSES])  # in the range of all three likelihoods
ENDS = np.array([-300.0, -40.0, -8.0, 0.0, 8.0, 40.0, 300.0])

# Observations of each, number of latent functions, and the smallest, a middle and the largest that can be observed.
KINDS = {
    "exponential": (POSITIVE, 2, (0.0, 0.4, 50.0)),
    "gamma": (POSITIVE, 2, (1e-3, 0.4, 50.0)),
    "beta": (UNIT, 2, (0.0, 0.4, 1.0)),
    "bernoulli": (YES_OR_NO, 2, (0.0, 1.0)),
    "poisson": (COUNTS, 2, (0.0, 3.0, 50.0)),
    "negative": (COUNTS, 2, (0.0, 3.0, 50.0)),
    "ordinal": (CLASSES[:, [0, 0]], 2, (0.0, 1.0, 2.0)),
    "multi-class": (CLASSES, 3, (0.0, 1.0, 2.0)),
    "softmax": (CLASSES, 3, (0.0, 1.0, 2.0)),
    "heteroskedastic": (REALS[:, :1], 2, (-3.0, 0.4, 5.0)),
    "multi-latent": (POSITIVE[:, :1], 2, (0.1, 0.4, 5.0)),
    "switched": (LABELLED, 2, ()),
}


def kind(name):
    found = KINDS.get(name) or KINDS.get(name.split("-")[0])
    return found or (REALS, 2, (-3.0, 0.4, 5.0))


def data(name):
    """Inputs, mean and variance of the latent functions, and observations."""
    Y, latents, _ = kind(name)
    draws = np.random.default_rng(1)
    return X, 0.7 * draws.normal(size=(N, latents)), draws.uniform(0.1, 0.8, (N, latents)), Y


each = pytest.mark.parametrize("name", LIKELIHOODS)


def in_dtype(tree, dtype):
    def cast(p):
        if not isinstance(p, gp.Parameter):
            return p
        return gp.Parameter(p.value, transform=p.transform, prior=p.prior, trainable=p.trainable, dtype=dtype)

    return jax.tree.map(cast, tree, is_leaf=lambda p: isinstance(p, gp.Parameter))


def methods(lik, X, Fmu, Fvar, Y):
    return (
        lik.log_prob(X, Fmu, Y),
        lik.conditional_mean(X, Fmu),
        lik.conditional_variance(X, Fmu),
        *lik.predict_mean_and_var(X, Fmu, Fvar),
        lik.predict_log_density(X, Fmu, Fvar, Y),
        lik.variational_expectations(X, Fmu, Fvar, Y),
    )


@jax.jit
def everything(lik, X, Fmu, Fvar, Y):
    """The six methods, and the gradients of the sum of all that they return."""

    def total(lik, Fmu, Fvar):
        out = methods(lik, X, Fmu, Fvar, Y)
        return sum(jnp.sum(o) for o in out), out

    slopes, out = jax.grad(total, argnums=(0, 1, 2), has_aux=True)(lik, Fmu, Fvar)
    return out, slopes


def close(actual, expected, rtol=1e-10, atol=1e-12):
    assert np.shape(actual) == np.shape(expected)
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


# ---- against SciPy

GROWTH = 1.0 + X[:, :1] ** 2
SQUASHED = {"beta", "bernoulli"}


def softplus(f):
    return np.logaddexp(f, 0.0)


def probability(name, f):
    if name in SQUASHED:
        return 0.001 + 0.998 * sp.ndtr(f)
    return sp.expit(f) if name.endswith("sigmoid") else sp.ndtr(f)


def rate(name, f):
    return softplus(f) if name.endswith("softplus") else np.exp(f)


def distribution(name, f):
    """SciPy's distribution of y given f [N, P, ...]."""
    growth = GROWTH.reshape((N,) + (1,) * (f.ndim - 1))
    if name.startswith("gaussian"):
        variance = {"gaussian-scale": 0.36, "gaussian-function": 0.2 * growth}.get(name, 0.3)
        return st.norm(f, np.sqrt(variance))
    if name.startswith("student-t"):
        return st.t(3.0, f, 0.3 * growth) if name.endswith("function") else st.t(4.0, f, 0.6)
    if name == "laplace":
        return st.laplace(f, 0.4)
    if name.startswith("exponential"):
        return st.expon(scale=rate(name, f))
    if name.startswith("gamma"):
        return st.gamma(0.9 * growth if name.endswith("softplus") else 1.7, scale=rate(name, f))
    if name.startswith("beta"):
        p = probability(name, f)
        return st.beta(2.3 * p, 2.3 * (1.0 - p))
    if name.startswith("bernoulli"):
        return st.bernoulli(probability(name, f))
    size = 1.0 if name.endswith("softplus") else 1.5
    if name.startswith("poisson"):
        return st.poisson(size * rate(name, f))
    return st.nbinom(2.5, 1.0 / (1.0 + 0.4 * size * rate(name, f)))  # negative binomial


def scipy_log_prob(name, y, f):
    d = distribution(name, f)
    return d.logpmf(y) if hasattr(d.dist, "logpmf") else d.logpdf(y)


POINTWISE = [n for n in LIKELIHOODS if kind(n)[1] == 2 and n.split("-")[0] not in
             ("ordinal", "heteroskedastic", "multi", "switched")]  # fmt: skip
HAS_CORNER = {"laplace"}
DRAWN = {"gaussian-mc"}


@pytest.mark.parametrize("name", POINTWISE)
def test_density_and_moments_are_scipys(name):
    lik, (x, f, _, y) = LIKELIHOODS[name](), data(name)
    d = distribution(name, f)
    close(lik.log_prob(x, f, y), scipy_log_prob(name, y, f).sum(-1))
    close(lik.conditional_mean(x, f), d.mean())
    close(lik.conditional_variance(x, f), d.var() * np.ones_like(f))


@pytest.mark.parametrize("name", [n for n in POINTWISE if n not in DRAWN])
def test_expectations_are_integrals(name):
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS[name](), data(name)
    (_, _, _, mean, variance, log_density, expected), _ = everything(lik, x, Fmu, Fvar, y)
    t = np.linspace(-9.0, 9.0, 3001)
    w = np.exp(-0.5 * t * t) / np.exp(-0.5 * t * t).sum()
    f = Fmu[..., None] + np.sqrt(Fvar)[..., None] * t  # [N, P, points]
    d, log_prob = distribution(name, f), scipy_log_prob(name, y[..., None], f)
    rtol = 2e-3 if name.startswith("student") else 1e-5  # 20 points are few for a t distribution narrower than q(f)
    close(expected, (log_prob @ w).sum(-1), rtol, rtol)
    m = d.mean() @ w
    close(mean, m, 1e-6, 1e-6)
    second = (d.var() * np.ones_like(f) + d.mean() ** 2) @ w
    close(variance, second - m**2, 1e-6, 1e-6)
    close(log_density, np.log(np.exp(log_prob) @ w).sum(-1), 10 * rtol, 10 * rtol)


def test_multi_class_integrals_are_averages_over_draws():
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS["multi-class"](), data("multi-class")
    (log_prob, p, _, mean, _, log_density, expected), _ = everything(lik, x, Fmu, Fvar, y)
    f = Fmu + np.sqrt(Fvar) * np.random.default_rng(2).normal(size=(200_000, N, 3))
    wins = (f.argmax(-1)[..., None] == np.arange(3)).mean(0)  # [N, K]
    close(mean, 0.95 * wins + 0.025 * (1.0 - wins), 1e-2, 5e-3)
    q = np.take_along_axis(wins, y.astype(int), 1)[:, 0]
    close(expected, q * np.log(0.95) + (1.0 - q) * np.log(0.025), 1e-2, 5e-3)
    close(log_density, np.log(np.take_along_axis(np.asarray(mean), y.astype(int), 1)[:, 0]))
    assert_allclose(mean.sum(-1), 1.0, rtol=1e-4)
    own = np.take_along_axis(np.asarray(p), y.astype(int), 1)[:, 0]
    close(log_prob, np.log(own))
    assert set(np.round(own, 6)) <= {0.95, 0.025}


@pytest.mark.parametrize("name", ["softmax", "gaussian-mc"])
def test_averages_over_draws(name):
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS[name](), data(name)
    *_, mean, variance, log_density, expected = methods(lik, x, Fmu, Fvar, y)
    many = np.random.default_rng(3).normal(size=(40_000, *Fmu.shape))
    close(lik.variational_expectations(x, Fmu, Fvar, y, epsilon=many), expected, 2e-2, 2e-2)
    close(lik.predict_log_density(x, Fmu, Fvar, y, epsilon=many), log_density, 5e-2, 5e-2)
    for a, b in zip(lik.predict_mean_and_var(x, Fmu, Fvar, epsilon=many), (mean, variance), strict=True):
        close(a, b, 3e-2, 1e-2)
    keys = jax.random.split(jax.random.key(0), 2)
    one, again, other = (lik.variational_expectations(x, Fmu, Fvar, y, key=k) for k in (keys[0], keys[0], keys[1]))
    assert np.array_equal(one, again) and not np.allclose(one, other)
    with pytest.raises(ValueError, match="not both"):
        lik.variational_expectations(x, Fmu, Fvar, y, key=keys[0], epsilon=many)
    with pytest.raises(ValueError, match=rf"\[S, {N}, {Fmu.shape[1]}\]"):
        lik.predict_mean_and_var(x, Fmu, Fvar, epsilon=many[:, :2])


def test_softmax_is_scipys():
    lik, (x, f, _, y) = LIKELIHOODS["softmax"](), data("softmax")
    p = sp.softmax(f, axis=-1)
    close(lik.conditional_mean(x, f), p)
    close(lik.conditional_variance(x, f), p * (1.0 - p))
    close(lik.log_prob(x, f, y.astype(int)), np.log(np.take_along_axis(p, y.astype(int), 1))[:, 0])


def test_ordinal_probabilities():
    lik, (x, f, _, _) = LIKELIHOODS["ordinal"](), data("ordinal")
    lik = gp.assign(lik.at.sigma, 0.7)
    below = np.stack([np.full_like(f, 0.001), *(probability("beta", (a - f) / 0.7) for a in (-0.6, 0.8)),
                      np.full_like(f, 0.999)])  # fmt: skip
    p = np.diff(below, axis=0)  # [K, N, P]
    for k in range(3):
        close(lik.log_prob(x, f, np.full((N, 2), k)), np.log(p[k] + 1e-6).sum(-1))
    mean = p[1] + 2.0 * p[2]
    close(lik.conditional_mean(x, f), mean)
    close(lik.conditional_variance(x, f), p[1] + 4.0 * p[2] - mean**2)


@pytest.mark.parametrize("name", ["heteroskedastic", "heteroskedastic-laplace", "multi-latent"])
def test_two_latent_functions(name):
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS[name](), data(name)

    def scipys(f):
        if name == "multi-latent":
            return st.gamma(np.exp(f[..., :1]), scale=np.exp(-f[..., 1:]))
        if name == "heteroskedastic":
            return st.norm(f[..., :1], np.exp(f[..., 1:]))
        return st.laplace(f[..., :1], softplus(f[..., 1:]) + 0.1)

    (log_prob, mean, variance, *_), _ = everything(lik, x, Fmu, Fvar, y)
    close(log_prob, scipys(Fmu).logpdf(y)[:, 0])
    close(mean, scipys(Fmu).mean())
    close(variance, scipys(Fmu).var())
    t = np.linspace(-8.0, 8.0, 201)
    grid = np.stack(np.meshgrid(t, t, indexing="ij"), -1).reshape(-1, 1, 2)
    w = np.exp(-0.5 * (grid[:, 0] ** 2).sum(-1))
    w, f = w / w.sum(), Fmu + np.sqrt(Fvar) * grid
    (*_, m, v, log_density, expected), _ = everything(lik, x, Fmu, Fvar, y)
    log_p = scipys(f).logpdf(y)[..., 0]
    tolerance = 3e-2 if name.endswith("laplace") else 1e-5  # the Laplace density has a corner
    close(expected, w @ log_p, tolerance, tolerance)
    close(log_density, np.log(w @ np.exp(log_p)), 3e-2, 3e-2)
    first = np.einsum("q,qnp->np", w, scipys(f).mean())
    close(m, first, 1e-5, 1e-5)
    close(v, np.einsum("q,qnp->np", w, scipys(f).var() + scipys(f).mean() ** 2) - first**2, 1e-5, 1e-5)


# ---- closed forms


class ByQuadrature(gp.likelihoods.ScalarLikelihood):
    """The density and moments of another likelihood, as a user would write them; the rest by quadrature."""

    other: gp.likelihoods.PointwiseLikelihood

    num_gauss_hermite_points = 60

    def _scalar_log_prob(self, X, F, Y):
        return self.other._scalar_log_prob(X, F, Y)

    def _conditional_mean(self, X, F):
        return self.other.conditional_mean(X, F)

    def _conditional_variance(self, X, F):
        return self.other.conditional_variance(X, F)


MOMENTS = ("mean", "variance")
CLOSED_FORMS = {
    "gaussian-function": (*MOMENTS, "log_density", "expected"),
    "poisson": (*MOMENTS, "expected"),
    "exponential": (*MOMENTS, "expected"),
    "gamma": (*MOMENTS, "expected"),
    "bernoulli": (*MOMENTS, "log_density"),
    "student-t": MOMENTS,
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms_are_the_integrals(name):
    lik, args = LIKELIHOODS[name](), data(name)
    one, other = (
        dict(zip((*MOMENTS, "log_density", "expected"), methods(m, *args)[3:], strict=True))
        for m in (lik, ByQuadrature(lik))
    )
    for what in CLOSED_FORMS[name]:
        close(one[what], other[what], 1e-8, 1e-10)


def test_closed_forms_of_laplace_noise():
    """Its density has a corner, which quadrature has to be told of."""
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS["laplace"](), data("laplace")
    *_, log_density, expected = methods(lik, x, Fmu, Fvar, y)
    for row in range(N):
        means, log_means = [], []
        for m, v, at in zip(Fmu[row], Fvar[row], y[row], strict=True):
            ends = (m - 12.0 * np.sqrt(v), at, m + 12.0 * np.sqrt(v))
            q, noise = st.norm(m, np.sqrt(v)), st.laplace(at, 0.4)  # symmetric in y and f
            integral, integral_of_log = (
                sum(quad(lambda f, q=q, g=g: q.pdf(f) * g(f), *part, epsabs=1e-13)[0] for part in pairwise(ends))
                for g in (noise.pdf, noise.logpdf)
            )
            means.append(integral_of_log)
            log_means.append(np.log(integral))
        close(expected[row], sum(means), 1e-9)
        close(log_density[row], sum(log_means), 1e-9)


def test_moments_of_a_wide_latent_function_are_exact():
    lik, wide = gp.likelihoods.Poisson(), jnp.full((1, 1), 20.0)  # quadrature with 20 points is 30 times too small here
    mean, variance = lik.predict_mean_and_var(wide, 0.0 * wide, wide)
    close(mean, np.exp(10.0) * np.ones((1, 1)))
    close(variance, np.exp(10.0) + np.exp(40.0) * (1.0 - np.exp(-20.0)) * np.ones((1, 1)), 1e-12)


# ---- what all have in common


@each
def test_jit_is_eager_and_numpy_is_taken(name):
    lik, args = LIKELIHOODS[name](), data(name)
    compiled, _ = everything(lik, *args)
    for one, two in zip(methods(lik, *args), compiled, strict=True):
        close(two, one, 1e-9)


@pytest.mark.parametrize("name", ["gaussian-function", "student-t-function", "poisson", "ordinal", "multi-class",
                                  "softmax", "gaussian-mc", "heteroskedastic", "multi-latent", "switched"])  # fmt: skip
def test_leading_axes_are_loops_and_broadcast(name):
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS[name](), data(name)
    stack = jax.jit(methods)(lik, x, np.stack([Fmu, Fmu - 0.3]), np.stack([Fvar, 2.0 * Fvar]), y)
    for i, args in enumerate(((Fmu, Fvar), (Fmu - 0.3, 2.0 * Fvar))):
        for many, one in zip(stack, everything(lik, x, *args, y)[0], strict=True):
            close(many[i], one, 1e-9)


@each
def test_float32_stays_float32(name):
    lik = in_dtype(LIKELIHOODS[name](), jnp.float32)
    out, slopes = everything(lik, *(jnp.asarray(a, jnp.float32) for a in data(name)))
    for single, double in zip(out, everything(LIKELIHOODS[name](), *data(name))[0], strict=True):
        assert single.dtype == jnp.float32
        close(single, double, 2e-3, 2e-4)
    assert all(g.dtype == jnp.float32 for g in jax.tree.leaves(slopes))


@each
def test_gradients_are_finite_differences(name):
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS[name](), data(name)
    _, slopes = everything(lik, x, Fmu, Fvar, y)
    if name == "multi-class":  # the largest latent function is no smooth function of them
        Fmu = Fmu + 1e-3 * np.arange(3)
        _, slopes = everything(lik, x, Fmu, Fvar, y)
    flat, unravel = jax.flatten_util.ravel_pytree((lik, jnp.asarray(Fmu), jnp.asarray(Fvar)))
    way = np.random.default_rng(4).normal(size=flat.size)
    h = 1e-5

    def total(theta):
        lik, Fmu, Fvar = unravel(theta)
        return sum(float(jnp.sum(o)) for o in everything(lik, x, Fmu, Fvar, y)[0])

    slope = (total(flat + h * way) - total(flat - h * way)) / (2 * h)
    assert_allclose(jax.flatten_util.ravel_pytree(slopes)[0] @ way, slope, rtol=1e-5, atol=1e-5)


@each
def test_is_a_pytree(name):
    lik, args = LIKELIHOODS[name](), data(name)
    leaves, structure = jax.tree.flatten(lik)
    again = jax.tree.unflatten(structure, leaves)
    assert structure == jax.tree.structure(LIKELIHOODS[name]())
    assert hash(structure) == hash(jax.tree.structure(LIKELIHOODS[name]()))
    assert np.array_equal(everything(again, *args)[0][0], everything(lik, *args)[0][0])
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in ("switched", "multi-latent")])
def test_far_ends_are_finite(name, dtype):
    """F of 300, in all methods, values and gradients; where a latent function is sure, and where it is not."""
    lik, latents = in_dtype(LIKELIHOODS[name](), dtype), kind(name)[1]
    x, F = X.astype(dtype), np.stack([ENDS, *(np.roll(ENDS, k) for k in range(1, latents))], 1).astype(dtype)
    for y in kind(name)[2]:
        Y = np.full_like(data(name)[3], y, dtype)
        for variance in (0.25, 0.0):
            out, slopes = everything(lik, x, F, np.full_like(F, variance), Y)
            for value in jax.tree.leaves((out, slopes)):
                assert np.isfinite(value).all(), (y, variance)


@each
def test_summaries_list_parameters_of_the_likelihood(name):
    lik = LIKELIHOODS[name]()
    assert len(gp.parameter_dict(lik)) == len(jax.tree.leaves(lik))


@each
def test_columns_that_do_not_fit_are_an_error(name):
    lik, (x, Fmu, Fvar, y) = LIKELIHOODS[name](), data(name)
    with pytest.raises(ValueError, match=type(lik).__name__ if lik.latent_dim else "latent function"):
        lik.log_prob(x, np.hstack([Fmu, Fmu]), y)
    with pytest.raises(TypeError):
        lik.variational_expectations(x, Fmu, Fvar, y, nonsense=1)


@each
def test_how_many_latent_functions(name):
    lik, latents = LIKELIHOODS[name](), kind(name)[1]
    assert lik.num_latent_gps(data(name)[3].shape[1]) == latents
    with pytest.raises(ValueError, match="columns"):
        lik.num_latent_gps(0)
