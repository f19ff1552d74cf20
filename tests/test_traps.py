"""Where ports of GPflow go wrong: eighteen traps, each a test that has its number in its name.

They are held against formulas written out here, SciPy, and numbers that GPflow 2.11.2 computed in float64; the calls that
gave those stand in comments above them, in GPflow's names and with lists for tensors. Where gparams goes its own way on
purpose, the test says so, and holds what the documentation promises.
"""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import LIKELIHOODS, MODELS
from compiling import quickly
from numpy.testing import assert_allclose
from scipy import special, stats
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
import gparams.gpflow as gpflow

k, lik, models = gp.kernels, gp.likelihoods, gp.models
SE = k.SquaredExponential
X = np.random.default_rng(0).normal(size=(6, 3))
X2 = np.random.default_rng(1).normal(size=(4, 3))
LINE = np.arange(4.0)[:, None]
THREE = np.zeros((3, 1))  # inputs of likelihoods that take no notice of them
ALL = [
    k.SquaredExponential, k.Exponential, k.Matern12, k.Matern32, k.Matern52, k.RationalQuadratic, k.Cosine, k.Linear,
    k.Polynomial, k.Constant, k.White, k.ArcCosine,
]  # fmt: skip


def column(*numbers):
    return np.array(numbers)[:, None]


@pytest.mark.parametrize("kind", ALL)
def test_1_kernel_parameters_have_no_floor(kind):
    """Plain softplus: a variance of 1e-9 is one, where a likelihood's has a floor of 1e-6."""
    kernel = kind(variance=1e-9)
    assert_allclose(kernel.variance.value, 1e-9, rtol=1e-12)
    assert_allclose(kernel.variance.unconstrained, np.log(np.expm1(1e-9)), rtol=1e-12)
    assert_allclose(gp.likelihoods.Gaussian(1e-3).variance.unconstrained, np.log(np.expm1(1e-3 - 1e-6)), rtol=1e-12)
    with pytest.raises(ValueError):
        gp.likelihoods.Gaussian(1e-9)


@pytest.mark.parametrize("kind", [k.SquaredExponential, k.Matern52, k.RationalQuadratic])
def test_1_softplus_is_plain_for_lengthscales_too(kind):
    assert_allclose(kind(lengthscales=1e-9).lengthscales.unconstrained, np.log(np.expm1(1e-9)), rtol=1e-12)


# float(p.unconstrained_variable) for p of likelihoods.Gaussian(0.5), StudentT(0.5), Gamma(shape=0.5), Beta(scale=0.5)
# and, after sigma.assign(0.5), Ordinal(np.array([-1.0, 0.0, 1.0])), whose sigma alone has no floor
@pytest.mark.parametrize(
    ("path", "make", "unconstrained"),
    [
        ("variance", lambda: lik.Gaussian(0.5), -0.4327546710632299),
        ("scale", lambda: lik.StudentT(0.5), -0.4327546710632299),
        ("shape", lambda: lik.Gamma(shape=0.5), -0.4327546710632299),
        ("scale", lambda: lik.Beta(scale=0.5), -0.4327546710632299),
        ("sigma", lambda: lik.Ordinal([-1.0, 0.0, 1.0]), -0.43275212956718856),
    ],
    ids=["Gaussian", "StudentT", "Gamma", "Beta", "Ordinal"],
)
def test_1_likelihood_parameters_have_a_floor_but_for_ordinals(path, make, unconstrained):
    likelihood = gp.assign(gp.at(make(), path), 0.5)
    assert_allclose(gp.parameter_dict(likelihood)[path].unconstrained, unconstrained, rtol=1e-14)


def test_2_exact_regression_has_no_jitter():
    model = models.GPR(([[0.0]], [[1.0]]), kernel=SE(), noise_variance=1e-5)
    assert_allclose(model.log_marginal_likelihood(), -0.5 * (1 / 1.00001 + np.log(2 * np.pi * 1.00001)), rtol=1e-14)
    assert_allclose(model.posterior().L, np.sqrt([[1.00001]]), rtol=1e-14)


# maximum_log_likelihood_objective() of each, with kernel RBF(1e-6) and noise of variance 1e-5; V or q_mu assigned
# [[0.3], [-0.2]] where there is one. A kernel's variance of 1e-6 doubles where 1e-6 is added to it.
TINY = column(0.0, 0.5), column(0.002, -0.001)


@pytest.mark.parametrize(
    ("make", "objective"),
    [
        (lambda kernel, noise: models.GPR(TINY, kernel, likelihood=noise), 9.339540570907948),
        (lambda kernel, noise: models.VGP(TINY, kernel, noise), 9.24234064201359),
        (lambda kernel, noise: models.GPMC(TINY, kernel, noise), 9.507340642013588),
        (lambda kernel, noise: models.SVGP(kernel, noise, TINY[0]), 9.27803878968369),
        (lambda kernel, noise: models.SGPR(TINY, kernel, TINY[0], likelihood=noise), 9.331558454508404),
        (lambda kernel, noise: models.SGPMC(TINY, kernel, noise, inducing_variable=TINY[0]), 9.405127467387608),
    ],
    ids=["GPR", "VGP", "GPMC", "SVGP", "SGPR", "SGPMC"],
)
def test_2_all_other_models_have_a_millionth(make, objective):
    model = make(SE(1e-6), lik.Gaussian(1e-5))
    held = gp.parameter_dict(model).keys() & {"V", "q_mu"}
    model = gp.multiple_assign(model, dict.fromkeys(held, column(0.3, -0.2)))
    found = model.maximum_log_likelihood_objective(*([TINY] if model.takes_data else []))
    assert_allclose(found, objective, rtol=1e-12)


def test_2_coordinates_of_a_gaussian_have_no_jitter():
    """S = diag(1e-8, 4e-8) would not come back."""
    mu, S = jnp.asarray(column(0.3, -0.2)), jnp.asarray([np.diag([1e-4, 2e-4])])
    natural = gp.maths.meanvarsqrt_to_natural(mu, S)
    assert_allclose(natural[0], column(3e7, -5e6), rtol=1e-12)
    assert_allclose(natural[1], [np.diag([-5e7, -1.25e7])], rtol=1e-12)
    expectation = gp.maths.meanvarsqrt_to_expectation(mu, S)
    for back in (gp.maths.natural_to_meanvarsqrt(*natural), gp.maths.expectation_to_meanvarsqrt(*expectation)):
        assert_allclose(back[0], mu, rtol=1e-12)
        assert_allclose(back[1], S, rtol=1e-8, atol=1e-12)


def test_2_samples_have_a_millionth_of_their_own_variance(key):
    """GPflow adds 1e-6 itself, whatever the variance is; here it is a fraction, so that small processes are not drowned."""
    model = models.GPR((column(0.0), column(0.0)), SE(1e-4), noise_variance=1e-4)
    new = column(5.0)
    mean = np.asarray(model.predict_f(new)[0])
    with_it, without = (
        np.asarray(model.predict_f_samples(new, 3, key=key, **how)) - mean for how in ({}, {"jitter": 0.0})
    )
    assert_allclose(with_it / without, np.full((3, 1, 1), np.sqrt(1.0 + 1e-6)), rtol=1e-9)


def test_3_exponential_is_a_matern12_of_twice_the_lengthscale():
    r = np.sqrt((((X[:, None] - X2[None]) / 0.7) ** 2).sum(-1))
    assert_allclose(k.Exponential(1.3, 0.7)(X, X2), 1.3 * np.exp(-0.5 * r))
    assert_allclose(k.Exponential(1.3, 0.7)(X, X2), k.Matern12(1.3, 1.4)(X, X2))
    assert not np.allclose(k.Exponential(1.3, 0.7)(X, X2), k.Matern12(1.3, 0.7)(X, X2))


@pytest.mark.parametrize(
    ("base", "of_r"),
    [
        (k.Exponential, lambda r: np.exp(-0.5 * r)),
        (k.Matern12, lambda r: np.exp(-r)),
        (k.Matern32, lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r)),
        (k.Matern52, lambda r: (1 + np.sqrt(5) * r + 5 / 3 * r**2) * np.exp(-np.sqrt(5) * r)),
    ],
)
def test_4_periodic_over_kernels_of_the_distance_adds_sines(base, of_r):
    """By their absolute values, and not by the Euclidean norm: the two differ beyond one dimension."""
    sines = np.abs(np.sin(np.pi * (X[:, None] - X2[None]) / 1.7)) / 0.8
    found = k.Periodic(base(1.3, 0.8), 1.7)(X, X2)
    assert_allclose(found, 1.3 * of_r(sines.sum(-1)))
    assert not np.allclose(found, 1.3 * of_r(np.sqrt((sines**2).sum(-1))))


@pytest.mark.parametrize("base", [k.SquaredExponential, k.RationalQuadratic])
def test_4_periodic_over_kernels_of_the_square_adds_squares(base):
    squares = (np.sin(np.pi * (X[:, None] - X2[None]) / 1.7) / 0.8) ** 2
    expected = {
        k.SquaredExponential: np.exp(-0.5 * squares.sum(-1)),
        k.RationalQuadratic: 1 / (1 + squares.sum(-1) / 2),
    }
    assert_allclose(k.Periodic(base(lengthscales=0.8), 1.7)(X, X2), expected[base])


def test_5_cosine_of_several_lengthscales_has_no_transform():
    assert k.Cosine(lengthscales=0.7).lengthscales.transform is not None
    ard = k.Cosine(lengthscales=[0.7, -1.2, 2.0])
    assert ard.lengthscales.transform is None
    assert_allclose(ard.lengthscales.unconstrained, [0.7, -1.2, 2.0])
    with pytest.raises(ValueError):
        k.Cosine(lengthscales=-0.7)


# With F = [[-9], [0.3], [9]]: Bernoulli().log_prob(X, F, [[1], [1], [0]]), and Bernoulli().conditional_mean(X, F)
def test_6_probit_is_squashed():
    F = column(-9.0, 0.3, 9.0)
    found = lik.Bernoulli().log_prob(THREE, F, column(1.0, 1.0, 0.0))
    assert_allclose(found, [-6.907755278982137, -0.4817918794976719, -6.907755278982136], rtol=1e-13)
    assert_allclose(lik.Bernoulli().conditional_mean(THREE, F), column(0.001, 0.6176755993445746, 0.999), rtol=1e-13)
    assert_allclose(lik.inv_probit(jnp.asarray(F)), 0.001 + 0.998 * stats.norm.cdf(F), rtol=1e-13)


# likelihood = Ordinal(np.array([-1.0, 0.0, 1.0])), sigma.assign(0.5), .log_prob(X, [[5], [0.3], [-5]], [[1], [1], [2]])
def test_6_ordinal_adds_a_millionth_in_the_logarithm():
    likelihood = lik.Ordinal([-1.0, 0.0, 1.0])
    likelihood = gp.assign(likelihood.at.sigma, 0.5)
    found = likelihood.log_prob(THREE, column(5.0, 0.3, -5.0), np.array([[1], [1], [2]]))
    assert_allclose(found, [-13.815510557964274, -1.3128441205756944, -13.815510557964274], rtol=1e-13)
    assert_allclose(found[0], np.log(1e-6))


# Beta(scale=2.0).log_prob(X, [[-0.4], [0.3], [0.8]], [[0], [0.5], [1]])
def test_6_beta_clips_its_observations():
    found = lik.Beta(scale=2.0).log_prob(THREE, column(-0.4, 0.3, 0.8), column(0.0, 0.5, 1.0))
    assert_allclose(found, [4.122230097415456, -0.09283363011540963, 7.3261011907485045], rtol=1e-12)


# StudentT(0.3, df=3.0).predict_log_density(X, [[0.2], [0.3], [-5]], [[0.5], [2], [1]], [[0], [0.5], [1]])
def test_7_quadrature_has_twenty_points():
    args = THREE, column(0.2, 0.3, -5.0), column(0.5, 2.0, 1.0), column(0.0, 0.5, 1.0)
    expected = [-0.7288842701601768, -1.4569532320174767, -9.2655029231034]
    assert_allclose(lik.StudentT(0.3, df=3.0).predict_log_density(*args), expected, rtol=1e-12)
    for num in (19, 21):
        other = lik.StudentT(0.3, df=3.0, num_gauss_hermite_points=num).predict_log_density(*args)
        assert np.max(np.abs(other - np.array(expected))) > 1e-4


def test_7_softmax_averages_over_a_hundred_draws(key):
    """Those of a key are a hundred, as GPflow's are. By default they are no random ones, but a hundred spread evenly."""
    softmax, shape = lik.Softmax(3), (4, 3)
    mean, var = jnp.asarray(X2), jnp.full(shape, 0.7)
    draws = np.random.default_rng(5).normal(size=(100, *shape))

    def average(epsilon):
        return special.softmax(X2 + np.sqrt(0.7) * epsilon, axis=-1).mean(0)

    assert softmax.num_monte_carlo_points == 100
    assert_allclose(softmax.predict_mean_and_var(LINE, mean, var, epsilon=draws)[0], average(draws), rtol=1e-12)
    drawn = np.asarray(jax.random.normal(key, (100, *shape)))
    assert_allclose(softmax.predict_mean_and_var(LINE, mean, var, key=key)[0], average(drawn), rtol=1e-12)
    evenly = np.asarray(gp.maths.spread_normal_points(100, 3, np.float64))[:, None]
    assert_allclose(softmax.predict_mean_and_var(LINE, mean, var)[0], average(evenly), rtol=1e-12)


# models.SVGP(RBF(), Gaussian(), np.arange(4.0)[:, None], q_sqrt=ROOT).q_sqrt.unconstrained_variable
ROOT = np.array([[[-1.0, 0, 0, 0], [2.0, -3.0, 0, 0], [4.0, 5.0, 6.0, 0], [7.0, 8.0, 9.0, -10.0]]])


def test_8_triangles_are_filled_in_a_spiral_and_may_be_negative():
    q_sqrt = models.SVGP(SE(), lik.Gaussian(), LINE, q_sqrt=ROOT).q_sqrt
    assert np.asarray(q_sqrt.unconstrained).tolist() == [[-10.0, 9.0, 8.0, 7.0, -1.0, 6.0, 5.0, 4.0, 2.0, -3.0]]
    assert np.array_equal(q_sqrt, ROOT)


# The same with q_diag=True and q_sqrt=np.array([[0.1], [0.2], [0.3], [2.0]])
def test_8_diagonals_are_positive_by_softplus():
    q_sqrt = models.SVGP(SE(), lik.Gaussian(), LINE, q_diag=True, q_sqrt=column(0.1, 0.2, 0.3, 2.0)).q_sqrt
    expected = column(-2.2521684610440906, -1.5077718009705199, -1.0502256128148466, 1.8545865421311412)
    assert_allclose(q_sqrt.unconstrained, expected, rtol=1e-13)
    with pytest.raises(ValueError):
        models.SVGP(SE(), lik.Gaussian(), LINE, q_diag=True, q_sqrt=column(0.1, 0.2, 0.3, -2.0))


# m = models.VGP((X, labels), RBF(), MultiClass(3)), with priors Gamma(2, 3) on the kernel's variance and lengthscales:
# m.log_prior_density(); again after set_trainable(m.kernel.lengthscales, False); and again after
# set_trainable(m.likelihood.invlink.epsilon, True)
def test_9_priors_count_where_a_parameter_is_trainable():
    model = models.VGP((LINE, np.array([[0], [1], [2], [1]])), SE(), lik.MultiClass(3))
    model = gp.set_prior(gp.at(model, "kernel.*"), tfd.Gamma(2.0, 3.0))
    gamma, beta = stats.gamma(2.0, scale=1.0 / 3.0).logpdf(1.0), stats.beta(0.2, 5.0).logpdf(1e-3)
    epsilon = model.likelihood.invlink.epsilon
    assert isinstance(epsilon.prior, tfd.Beta) and not epsilon.trainable
    assert_allclose(epsilon, 1e-3, rtol=1e-14)
    assert_allclose(model.log_prior_density(), -1.6055508453275609, rtol=1e-12)
    model = gp.set_trainable(model.at.kernel.lengthscales, False)
    assert_allclose(model.log_prior_density(), -0.8027754226637804, rtol=1e-12)
    model = gp.set_trainable(model.at.likelihood.invlink.epsilon, True)
    assert_allclose(model.log_prior_density(), 3.5009493086587775, rtol=1e-12)
    assert_allclose([gamma, gamma + beta], [-0.8027754226637804, 3.5009493086587775], rtol=1e-12)


# m = models.GPR((X, np.sin(X)), RBF(0.7, 1.3), noise_variance=0.2), with X = np.arange(4.0)[:, None], a prior Gamma(2, 3)
# on the variance, and Normal(0.5, 2) on the lengthscales and Normal(0.1, 1) on the noise, prior_on = "unconstrained"
@pytest.fixture
def with_priors():
    model = models.GPR((LINE, np.sin(LINE)), SE(0.7, 1.3), noise_variance=0.2)
    model = gp.set_prior(model.at.kernel.variance, tfd.Gamma(2.0, 3.0))
    model = gp.set_prior(model.at.kernel.lengthscales, tfd.Normal(0.5, 2.0), prior_on="unconstrained")
    return gp.set_prior(model.at.likelihood.variance, tfd.Normal(0.1, 1.0), prior_on="unconstrained")


# p.log_prior_density() for each, m.log_prior_density(), m.log_posterior_density()
def test_10_an_unconstrained_prior_adds_the_inverse_jacobian(with_priors):
    expected = {
        "kernel.variance": -0.2594503666025125,
        "kernel.lengthscales": -1.322918944975439,
        "likelihood.variance": -0.5036361671226246,
    }
    for path, p in gp.parameter_dict(with_priors).items():
        assert_allclose(gp.log_prior(p), expected[path], rtol=1e-12)
    x = np.log(np.expm1(1.3))  # d softplus / dx is the logistic function
    by_hand = stats.norm(0.5, 2.0).logpdf(x) - np.log(special.expit(x))
    assert_allclose(expected["kernel.lengthscales"], by_hand, rtol=1e-12)
    assert_allclose(with_priors.log_prior_density(), -2.086005478700576, rtol=1e-12)
    assert_allclose(with_priors.log_posterior_density(), -5.7205370029238, rtol=1e-12)


# helper = optimizers.SamplingHelper(m.log_posterior_density, m.trainable_parameters); helper.target_log_prob_fn(
# *helper.current_state)
def test_10_a_sampler_is_given_the_forward_jacobian_of_every_parameter(with_priors):
    density = gp.log_density(with_priors, lambda m: m.log_marginal_likelihood())
    assert_allclose(density(density.initial), -8.432839306027134, rtol=1e-12)
    model = gp.stateful(with_priors)
    helper = gpflow.optimizers.SamplingHelper(model.log_posterior_density, model.trainable_parameters)
    assert_allclose(helper.target_log_prob_fn(*helper.current_state), -8.432839306027134, rtol=1e-12)


def test_11_covariances_by_default():
    se = k.SquaredExponential()
    assert se(X).shape == (6, 6) and se(X, full_cov=False).shape == (6,) and se(X, X2).shape == (6, 4)
    for kernel, P in ((k.SharedIndependent(se, 2), 2), (k.LinearCoregionalization([se], [[1.0], [2.0], [0.5]]), 3)):
        assert kernel(X, full_cov=True).shape == (6, P, 6, P)
        assert kernel(X, full_cov=False).shape == (6, P, P)
        assert kernel(X, X2).shape == (6, P, 4, P)
        assert kernel(X).shape == (6, P, P)  # GPflow's own default for several outputs


def test_11_variances_by_default_in_predictions():
    parameters = inspect.signature(gp.models.GPR.predict_f).parameters
    assert parameters["full_cov"].default is False and parameters["full_output_cov"].default is False


def test_12_outputs_come_first_where_they_are_apart():
    kernel = k.SeparateIndependent([k.SquaredExponential(1.3), k.Matern32(0.7)])
    alone = kernel(X, full_cov=True, full_output_cov=False)
    assert alone.shape == (2, 6, 6)
    assert_allclose(alone, np.stack([one(X) for one in kernel.kernels]))
    whole = kernel(X, full_cov=True, full_output_cov=True)
    assert whole.shape == (6, 2, 6, 2)
    assert_allclose(whole[:, 0, :, 0], alone[0])
    assert_allclose(whole[:, 1, :, 1], alone[1])
    assert not np.any(whole[:, 0, :, 1])
    assert kernel(X, full_cov=False, full_output_cov=False).shape == (6, 2)


# list(utilities.parameter_dict(models.VGP((X, Y), RBF(), Gaussian())))
VGP_PATHS = [".kernel.variance", ".kernel.lengthscales", ".likelihood.variance", ".num_data", ".q_mu", ".q_sqrt"]


def test_13_paths_start_with_a_dot_in_gpflows_spelling():
    """And without one in the other. The number of data is no Parameter in either, where GPflow has it as a frozen one."""
    model = gpflow.models.VGP((LINE, np.sin(LINE)), gpflow.kernels.RBF(), gpflow.likelihoods.Gaussian())
    paths = [path for path in VGP_PATHS if path != ".num_data"]
    assert list(gpflow.utilities.parameter_dict(model)) == paths and model.num_data == 4
    assert [f".{path}" for path in gp.parameter_dict(model.functional())] == paths


# print_summary(k * Linear() + k) with k = RBF()
SHARED = """
name                                    class      transform    prior    trainable    shape    dtype      value
--------------------------------------  ---------  -----------  -------  -----------  -------  -------  -------
Sum.kernels[0].kernels[0].variance      Parameter  Softplus              True         ()       float64        1
Sum.kernels[1].variance
Sum.kernels[0].kernels[0].lengthscales  Parameter  Softplus              True         ()       float64        1
Sum.kernels[1].lengthscales
Sum.kernels[0].kernels[1].variance      Parameter  Softplus              True         ()       float64        1
"""
# print_summary(SVGP(RBF(0.123456789, [1.23456789, 0.000012345678, 3.0, 4.0]), Gaussian(0.123456789), Z)), with
# Z = np.array([[1.23456789, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
CUT = """
name                      class      transform         prior    trainable    shape      dtype    value
------------------------  ---------  ----------------  -------  -----------  ---------  -------  -----------------------------------------------
SVGP.kernel.variance      Parameter  Softplus                   True         ()         float64  0.123456789
SVGP.kernel.lengthscales  Parameter  Softplus                   True         (4,)       float64  [1.2345700e+00, 1.2345678e-05, 3.0000000e+00...
SVGP.likelihood.variance  Parameter  Softplus + Shift           True         ()         float64  0.12345678899999996
SVGP.inducing_variable.Z  Parameter  Identity                   True         (2, 4)     float64  [[1.23457, 2., 3....
SVGP.q_mu                 Parameter  Identity                   True         (2, 1)     float64  [[0.]
                                                                                                  [0.]]
SVGP.q_sqrt               Parameter  FillTriangular             True         (1, 2, 2)  float64  [[[1., 0....
"""  # noqa: E501
# print_summary(RBF(1234.567891, [0.999999999, 1.0000049, 12.3456789]))
ROUNDED = """
name                             class      transform    prior    trainable    shape    dtype    value
-------------------------------  ---------  -----------  -------  -----------  -------  -------  ----------------------------
SquaredExponential.variance      Parameter  Softplus              True         ()       float64  1234.56789
SquaredExponential.lengthscales  Parameter  Softplus              True         (3,)     float64  [ 1.       1.      12.34568]
"""  # noqa: E501


def test_13_shared_parameters_have_one_row_with_all_their_names():
    kernel = SE()
    assert gp.tabulate(kernel * k.Linear() + kernel) == SHARED.strip()


def test_14_summaries_round_and_cut_as_gpflows():
    Z = np.array([[1.23456789, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    kernel = SE(0.123456789, [1.23456789, 0.000012345678, 3.0, 4.0])
    noise = lik.Gaussian(0.123456789)
    ours = gp.tabulate(models.SVGP(kernel, noise, Z))
    # A value below 1 has all its digits, and the last ones are those of the round trip through the transform.
    assert ours == CUT.strip().replace("0.12345678899999996", str(float(noise.variance)))
    assert gp.tabulate(SE(1234.567891, [0.999999999, 1.0000049, 12.3456789])) == ROUNDED.strip()


@quickly
def slopes_at_one_point(kernel, point):
    """Of k(x, x) by either x and by the parameters, and of the sum of K over one point thrice, and another beside it."""
    params, static = gp.partition(kernel)
    value, slopes = jax.value_and_grad(lambda p, A, B: gp.combine(p, static)(A, B)[0, 0], argnums=(0, 1, 2))(
        params, point, point
    )
    repeated = jnp.repeat(point, 3, 0)
    mixed = jnp.concatenate([repeated, point + 1.0])
    return value, slopes, [jax.grad(lambda A: jnp.sum(kernel(A)))(A) for A in (repeated, mixed)]


@pytest.mark.parametrize("kind", [k.Matern12, k.Matern32, k.Matern52, k.Exponential])
def test_15_the_gradient_at_coincident_points_is_zero(kind):
    value, (by_params, *by_inputs), (repeated, mixed) = slopes_at_one_point(kind(1.5, 0.7), np.array([[0.3, -1.2]]))
    assert_allclose(value, 1.5, rtol=1e-12)
    assert not np.any(by_inputs[0]) and not np.any(by_inputs[1])
    assert by_params["lengthscales"] == 0.0 and by_params["variance"] > 0
    assert not np.any(repeated)
    # a pair that is one point must not spoil what lies apart
    assert np.isfinite(mixed).all() and np.any(mixed != 0)


def test_15_repeated_rows_leave_a_models_gradient_finite():
    x = np.repeat(LINE, 2, 0)
    model = models.GPR((x, np.sin(x)), kernel=k.Matern32(), noise_variance=0.1)
    gradient = gp.filter_grad(lambda m: m.training_loss())(model)
    assert all(np.isfinite(g).all() for g in gradient.values())


@pytest.mark.parametrize("name", MODELS)
def test_16_a_loss_takes_the_data_where_the_model_holds_none(name):
    model = MODELS[name]()
    assert model.takes_data == isinstance(model, models.SVGP)
    if model.takes_data:
        with pytest.raises(TypeError):
            model.training_loss()
    else:
        assert_allclose(model.training_loss(), -model.log_posterior_density())


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_16_likelihoods_take_the_inputs_first(name):
    for method in (
        "log_prob",
        "conditional_mean",
        "predict_mean_and_var",
        "predict_log_density",
        "variational_expectations",
    ):
        first, second, *_ = inspect.signature(getattr(LIKELIHOODS[name](), method)).parameters
        assert first == "X" and second in ("F", "Fmu")


def test_16_noise_may_depend_on_the_inputs():
    at, f, y = column(0.5, 1.0, 2.0), column(0.2, 0.3, -0.5), column(0.1, 0.5, 1.0)
    found = lik.Gaussian(lambda X: X**2).log_prob(at, f, y)
    assert_allclose(found, stats.norm(f, at).logpdf(y)[:, 0], rtol=1e-12)


def test_17_one_latent_function_by_default_but_for_classes():
    """GPflow's SVGP has one whatever the likelihood is; here three classes have three, as the likelihood asks for."""
    assert models.SVGP(SE(), lik.Gaussian(), LINE).num_latent_gps == 1
    assert models.SVGP(SE(), lik.MultiClass(3), LINE).num_latent_gps == 3


# SwitchedLikelihood([Gaussian(0.3), StudentT(0.5)]).log_prob(X, F, Y) and .variational_expectations(X, F, var, Y), with
# F = [[0.2], [0.3], [-0.5]], var = [[0.5], [0.2], [0.1]], Y = [[0.1, 0], [0.5, 1], [1.0, 0]]
def test_17_the_last_column_is_the_label():
    switched = lik.SwitchedLikelihood([lik.Gaussian(0.3), lik.StudentT(0.5)])
    F, var, Y = column(0.2, 0.3, -0.5), column(0.5, 0.2, 0.1), np.array([[0.1, 0.0], [0.5, 1.0], [1.0, 0.0]])
    expected = [-0.3336187977083713, -0.4116611469249867, -4.066952131041704]
    assert_allclose(switched.log_prob(THREE, F, Y), expected, rtol=1e-12)
    expected = [-1.1669521310417048, -0.7809789725498272, -4.233618797708371]
    assert_allclose(switched.variational_expectations(THREE, F, var, Y), expected, rtol=1e-12)


def test_18_white_noise_has_no_cross_covariance():
    white = k.White(0.7)
    assert not np.any(white(X, X)) and white(X, X).shape == (6, 6)
    assert_allclose(white(X), 0.7 * np.eye(6))
    assert not np.any((white * k.SquaredExponential())(X, X))


def test_18_coregion_starts_at_a_tenth_and_one():
    kernel = k.Coregion(3, 2)
    assert_allclose(kernel.W, np.full((3, 2), 0.1))
    assert kernel.W.transform is None
    assert_allclose(kernel.kappa, np.ones(3))
    assert_allclose(kernel.kappa.unconstrained, np.log(np.expm1(1.0)))
    assert_allclose(kernel.output_covariance(), 0.02 + np.eye(3))
