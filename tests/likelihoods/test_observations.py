"""What likelihoods refuse, and say about it; what a user's own has; and the details of single classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import LIKELIHOODS, Growing, positive
from numpy.testing import assert_allclose

import gparams as gp
from gparams.likelihoods._links import read_link

L = gp.likelihoods
ONE = jnp.ones((1, 1))


# ---- observations

GOOD = {
    "gaussian": [[-1.5], [1e9]],
    "student-t": [[0.0], [3.0]],
    "exponential": [[0.0], [2.0]],
    "gamma": [[1e-9], [2.0]],
    "beta": [[0.0], [1.0], [0.5]],
    "bernoulli": [[0.0], [1.0]],
    "poisson": [[0.0], [7.0]],
    "negative-binomial": [[0.0], [7.0]],
    "ordinal": [[0.0], [2.0]],
    "multi-class": [[0.0], [2.0]],
    "softmax": [[0], [2]],
    "heteroskedastic": [[-1.0], [2.0]],
    "switched": [[-1.0, 0.0], [2.0, 1.0], [0.5, 2.0]],
}
BAD = {
    "gaussian": ([[1.0], [np.nan]], r"Gaussian: Y\[1, 0\] is nan, expected a finite number"),
    "student-t": ([[np.inf]], r"StudentT: Y\[0, 0\] is inf"),
    "exponential": ([[1.0], [-0.5]], r"Exponential: Y\[1, 0\] is -0.5, expected a number not below 0"),
    "gamma": ([[1.0], [0.0]], r"Gamma: Y\[1, 0\] is 0, expected a number above 0"),
    "beta": ([[0.3, 1.2], [-1.0, 0.5]], r"Beta: Y\[0, 1\] is 1.2, expected a number from 0 to 1 \(2 such rows\)"),
    "bernoulli": ([[1.0], [-1.0]], r"Bernoulli: Y\[1, 0\] is -1, expected 0 or 1"),
    "poisson": ([[1.0], [2.5]], r"Poisson: Y\[1, 0\] is 2.5, expected a count"),
    "negative-binomial": ([[-1.0]], r"NegativeBinomial: Y\[0, 0\] is -1, expected a count"),
    "ordinal": ([[2.0], [3.0]], r"Ordinal: Y\[1, 0\] is 3, expected a class, a whole number from 0 to 2"),
    "multi-class": ([[0.0], [0.5]], r"MultiClass: Y\[1, 0\] is 0.5, expected a class, a whole number from 0 to 2"),
    "softmax": ([[0, 1]], r"Softmax: Y has 2 columns, and expected 1"),
    "heteroskedastic": ([[0.0, 1.0]], r"HeteroskedasticTFPConditional: Y has 2 columns, expected 1"),
    "switched": ([[1.0, 0.0], [-2.0, 1.0]], r"Y\[1, 0\] is -2, expected a number above 0, for label 1"),
}


@pytest.mark.parametrize("name", GOOD)
def test_observations_in_range_pass(name):
    lik = LIKELIHOODS[name]()
    lik.check_observations(np.array(GOOD[name]))
    lik.check_observations(jnp.asarray(GOOD[name]))
    jax.jit(lambda Y: lik.check_observations(Y))(np.array(BAD[name][0]))  # a traced array can't be looked at


@pytest.mark.parametrize("name", BAD)
def test_observations_out_of_range_are_named(name):
    with pytest.raises(ValueError, match=BAD[name][1]):
        LIKELIHOODS[name]().check_observations(np.array(BAD[name][0]))


def test_labels_of_a_switched_likelihood():
    lik = LIKELIHOODS["switched"]()
    for label in (3.0, -1.0, 0.5, np.nan):
        with pytest.raises(ValueError, match=rf"Y\[1, 1\] is {label:g}, expected a label, a whole number from 0 to 2"):
            lik.check_observations(np.array([[0.5, 0.0], [0.5, label]]))
    with pytest.raises(ValueError, match="in the last column, labels"):
        lik.check_observations(np.ones((2, 1)))
    with pytest.raises(ValueError, match="shape"):
        lik.check_observations(np.ones(2))


# ---- a user's own


class OwnPoisson(L.ScalarLikelihood):
    """As a GPflow user would write it."""

    scale: gp.Parameter

    def __init__(self, scale):
        self.scale = gp.as_parameter(scale, transform=gp.positive())

    def _scalar_log_prob(self, X, F, Y):
        rate = self.scale * jnp.exp(F) + 0.0 * X[:, :1]  # X has two axes here, as in GPflow
        return Y * jnp.log(rate) - rate - jax.scipy.special.gammaln(Y + 1.0)

    def _conditional_mean(self, X, F):
        return self.scale * jnp.exp(F)

    def _conditional_variance(self, X, F):
        return self.scale * jnp.exp(F)


def test_own_scalar_likelihood_has_everything():
    rng = np.random.default_rng(0)
    X, F, V, Y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), rng.uniform(0.1, 0.5, (5, 2)), np.ones((5, 2), int)
    own, ours = OwnPoisson(2.0), L.Poisson(binsize=2.0)
    for name, args in {
        "log_prob": (X, F, Y),
        "conditional_mean": (X, F),
        "conditional_variance": (X, F),
        "predict_mean_and_var": (X, F, V),
        "predict_log_density": (X, F, V, Y),
        "variational_expectations": (X, F, V, Y),
    }.items():
        one, other = getattr(own, name)(*args), getattr(ours, name)(*args)
        assert_allclose(one, other, rtol=1e-9)
    own.check_observations(Y)
    assert own.num_latent_gps(3) == 3
    slope = gp.filter_grad(lambda m: jnp.sum(m.variational_expectations(X, F, V, Y)))(own)
    mean = 2.0 * np.exp(F + 0.5 * V)
    assert_allclose(slope["scale"], np.sum(1.0 - mean) / 2.0 * (1.0 - np.exp(-2.0)), rtol=1e-9)


def test_own_likelihood_may_know_a_closed_form():
    class Known(OwnPoisson):
        def _variational_expectations(self, X, Fmu, Fvar, Y):
            return jnp.full(Fmu.shape[:1], 42.0)

    assert Known(1.0).variational_expectations(ONE, ONE, ONE, ONE) == 42.0


def test_a_likelihood_without_its_moments_is_an_error():
    class Half(L.ScalarLikelihood):
        def _scalar_log_prob(self, X, F, Y):
            return -((Y - F) ** 2)

    with pytest.raises(TypeError, match="_conditional_mean"):
        Half()


# ---- single classes


def test_the_gaussian_variance_stays_above_its_bound():
    lik = L.Gaussian()
    assert_allclose(lik.variance.value, 1.0)
    lowest = gp.apply_updates(lik, {"variance": jnp.asarray(-1e4)})
    assert_allclose(lowest.variance.value, 1e-6)
    with pytest.raises(ValueError):
        L.Gaussian(1e-7)
    with pytest.raises(ValueError):
        L.Gaussian(scale=1e-4)
    assert_allclose(L.Gaussian(1e-7, variance_lower_bound=1e-9).variance.value, 1e-7)
    assert_allclose(L.Gaussian(lambda x: jnp.zeros((7, 1))).variance_at(np.ones((7, 3))), np.full((7, 1), 1e-6))
    assert_allclose(L.Gaussian(scale=0.6).variance_at(np.ones((2, 3))), np.full((2, 1), 0.36))


def test_a_plain_function_of_the_inputs_passes_jit():
    lik, X = L.Gaussian(lambda x: 0.1 + x[..., :1] ** 2), np.ones((2, 1))
    assert_allclose(jax.jit(lambda m: m.variance_at(X))(lik), [[1.1], [1.1]])
    assert jax.tree.leaves(lik) == []


def test_functions_of_the_inputs_see_each_row():
    X, F, V, Y = (np.linspace(0.3, 1.5, 4)[:, None] for _ in range(4))
    for make in (
        lambda s: L.StudentT(s),
        lambda s: L.Gamma(jax.nn.softplus, shape=s),
        lambda s: L.Beta(scale=s),
        lambda s: L.NegativeBinomial(alpha=s),
        lambda s: L.Laplace(s),
    ):
        whole = make(Growing(positive(0.3))).variational_expectations(X, F, V, Y)
        rows = [make(0.3 * (1.0 + x**2)).variational_expectations(x[None], f[None], v[None], y[None])[0]
                for x, f, v, y in zip(X, F, V, Y, strict=True)]  # fmt: skip
        assert_allclose(whole, rows, rtol=1e-9)


def test_student_t_without_a_variance():
    assert np.isinf(L.StudentT(df=2.0).conditional_variance(ONE, ONE)).all()
    assert_allclose(L.StudentT(2.0, df=4.0).conditional_variance(ONE, ONE), 8.0 * ONE, rtol=1e-6)


def test_negative_binomial_tends_to_poisson():
    F, Y = jnp.linspace(-1.0, 2.0, 5)[:, None], jnp.arange(5.0)[:, None]
    close = L.NegativeBinomial(alpha=2e-6).log_prob(F, F, Y)
    assert_allclose(close, L.Poisson().log_prob(F, F, Y), atol=1e-4)


def test_any_link_may_be_given():
    def link(f):
        return 0.5 + 0.5 * f / jnp.sqrt(1.0 + f * f)

    F = jnp.array([[-2.0], [0.5], [3.0]])
    p = np.asarray(link(F))[:, 0]
    assert_allclose(L.Bernoulli(link).log_prob(F, F, jnp.ones_like(F)), np.log(p))
    assert_allclose(L.Bernoulli(link).log_prob(F, F, jnp.zeros_like(F)), np.log(1.0 - p))
    assert_allclose(L.Beta(link).conditional_mean(F, F)[:, 0], p)


def test_links_far_out():
    for dtype in (jnp.float32, jnp.float64):
        F = jnp.array([[-300.0], [300.0]], dtype)
        yes, no = (L.Bernoulli(jax.nn.sigmoid).log_prob(F, F, jnp.full_like(F, y)) for y in (1.0, 0.0))
        assert_allclose(yes, [-300.0, 0.0], atol=1e-6)
        assert_allclose(no, [0.0, -300.0], atol=1e-6)
        for link, log_rate in ((jnp.exp, -300.0), (jax.nn.softplus, -300.0)):
            assert_allclose(L.Poisson(link).log_prob(F, F, jnp.ones_like(F))[0], log_rate, rtol=1e-6)


def test_the_rate_goes_on_growing_where_the_dtype_ends():
    F = jnp.array([[75.0], [90.0], [300.0]], jnp.float32)
    lik, Y = L.Poisson(), jnp.zeros_like(F)
    slope = jax.grad(lambda F: jnp.sum(lik.log_prob(F, F, Y)))(F)
    assert np.all(np.isfinite(slope)) and np.all(slope < -1e30)


def test_ordinal_is_finite_in_its_outer_bins():
    F = jnp.linspace(-300.0, 300.0, 13)[:, None]

    def total(sigma, y):
        return jnp.sum(gp.assign(lik.at.sigma, sigma).log_prob(F, F, jnp.full_like(F, y)))

    lik = L.Ordinal([-0.5, 0.5])
    for y in (0.0, 1.0, 2.0):
        value, slope = jax.value_and_grad(total)(1e-3, y)
        assert np.isfinite(value) and np.isfinite(slope)
    assert_allclose(lik.log_prob(F, F, jnp.zeros_like(F))[:3], np.log(0.998 + 1e-6), rtol=1e-9)


def test_switched_rows_are_those_of_their_likelihood():
    parts = (L.Gaussian(0.3), L.Gamma(shape=1.7), L.Beta(scale=2.3))
    lik, label = L.SwitchedLikelihood(parts), np.array([2, 0, 1, 0, 1])
    rng = np.random.default_rng(1)
    F, V = rng.normal(size=(5, 1)), rng.uniform(0.1, 1.0, (5, 1))
    Y = np.hstack([np.array([[0.4], [-2.0], [1.5], [3.0], [0.2]]), label[:, None]])

    def slope(lik):
        return gp.filter_grad(lambda m: jnp.sum(m.variational_expectations(F, F, V, Y)))(lik)

    for method, args in (("log_prob", (F,)), ("predict_log_density", (F, V)), ("variational_expectations", (F, V))):
        whole = getattr(lik, method)(F, *args, Y)
        rows = [getattr(parts[k], method)(F[i : i + 1], *(a[i : i + 1] for a in args), Y[i : i + 1, :1])[0]
                for i, k in enumerate(label)]  # fmt: skip
        assert_allclose(whole, rows, rtol=1e-12)
    # -2 is no observation of a Gamma distribution: rows of others must not spoil its derivative
    assert all(np.isfinite(g) and g != 0.0 for g in slope(lik).values())
    mean, _ = lik.predict_mean_and_var(F, F, V)
    assert_allclose(mean[:, 1:2], parts[1].predict_mean_and_var(F, F, V)[0])
    unknown = np.hstack([Y[:, :1], [[3.0], [-1.0], [0.5], [1.5], [np.nan]]])
    assert np.isnan(lik.log_prob(F, F, unknown)).all()


def test_robust_max_is_frozen_with_a_prior():
    lik = L.MultiClass(3)
    assert lik.invlink.epsilon.prior is not None and not lik.invlink.epsilon.trainable
    assert gp.partition(lik)[0] == {}
    free = gp.set_trainable(lik.at.invlink.epsilon, True)
    assert set(gp.partition(free)[0]) == {"invlink.epsilon"}


def test_kinds_of_heteroskedastic_noise_that_are_equal_share_a_compilation():
    from tensorflow_probability.substrates.jax import bijectors as tfb

    makers = (
        lambda: L.HeteroskedasticTFPConditional(),
        lambda: L.HeteroskedasticTFPConditional(scale_transform=tfb.Softplus(low=1e-3)),
    )
    for make in makers:
        assert jax.tree.structure(make()) == jax.tree.structure(make())
    assert jax.tree.structure(makers[0]()) != jax.tree.structure(makers[1]())


WRONG = {
    "bernoulli points": (lambda: L.Bernoulli(num_gauss_hermite_points=0), ValueError, "whole number from 1"),
    "poisson binsize": (lambda: L.Poisson(binsize=-1.0), ValueError, "binsize: expected a positive number, got -1"),
    "student df": (lambda: L.StudentT(df=0.0), ValueError, "df=0"),
    "student scale": (lambda: L.StudentT(scale=-1.0), ValueError, "-1.0 is outside"),
    "gamma shape": (lambda: L.Gamma(shape=0.0), ValueError, "outside"),
    "beta scale": (lambda: L.Beta(scale=np.nan), ValueError, "finite"),
    "ordinal order": (lambda: L.Ordinal([1.0, 0.0]), ValueError, "ascending"),
    "ordinal none": (lambda: L.Ordinal([]), ValueError, "one at least"),
    "one class": (lambda: L.MultiClass(1), ValueError, "at least two"),
    "half a class": (lambda: L.Softmax(2.5), ValueError, "whole number of classes"),
    "softmax link": (lambda: L.MultiClass(3, jax.nn.softmax), TypeError, "use Softmax"),
    "classes differ": (lambda: L.MultiClass(3, L.RobustMax(4)), ValueError, "3 classes, but an invlink of 4"),
    "epsilon": (lambda: L.RobustMax(3, 1.5), ValueError, "outside"),
    "switched nothing": (lambda: L.SwitchedLikelihood([]), ValueError, "at least one"),
    "switched kernel": (lambda: L.SwitchedLikelihood([gp.kernels.White()]), TypeError, "expected likelihoods"),
    "two noises": (lambda: L.Gaussian(1.0, scale=1.0), ValueError, "not both"),
    "draws": (lambda: L.Softmax(3, num_monte_carlo_points=1), ValueError, "from 2 on"),
    "distribution": (lambda: L.MultiLatentTFPConditional(2, 1.0), TypeError, "function from F"),
    "no latent function": (lambda: L.MultiLatentTFPConditional(0, jnp.exp), ValueError, "from 1 on, got 0"),
    "class": (lambda: L.HeteroskedasticTFPConditional("Normal"), TypeError, "can be called"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_at_construction(name):
    make, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("kind", [L.Bernoulli, L.Poisson, L.NegativeBinomial, L.Exponential, L.Gamma, L.Beta])
def test_a_link_is_a_function(kind):
    with pytest.raises(TypeError, match="expected invlink|checking the parameters"):
        kind(invlink=3)
    with pytest.raises(TypeError, match=f"{kind.__name__}: expected invlink to be a function, .* got 3"):
        read_link(3, kind.__name__)
