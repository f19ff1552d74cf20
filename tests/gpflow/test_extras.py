"""What GPflow's objects have besides the methods of the functional core. The facts and figures are GPflow 2.11.2's."""

import numpy as np
import pytest

import gparams.gpflow as gpflow

kernels, likelihoods, models, iv = gpflow.kernels, gpflow.likelihoods, gpflow.models, gpflow.inducing_variables
rng = np.random.RandomState(0)
X, Y = rng.rand(5, 2), rng.rand(5, 2)


DIMS = {  # input_dim, latent_dim and observation_dim in GPflow 2.11.2
    "Gaussian": (lambda: likelihoods.Gaussian(), (None, None, None)),
    "Bernoulli": (lambda: likelihoods.Bernoulli(), (None, None, None)),
    "StudentT": (lambda: likelihoods.StudentT(), (None, None, None)),
    "Switched": (lambda: likelihoods.SwitchedLikelihood([likelihoods.Gaussian()] * 2), (None, None, None)),
    "Ordinal": (lambda: likelihoods.Ordinal(np.array([0.0, 1.0])), (None, None, None)),
    "Heteroskedastic": (lambda: likelihoods.HeteroskedasticTFPConditional(), (None, 2, 1)),
    "MultiClass": (lambda: likelihoods.MultiClass(3), (None, 3, None)),
    "Softmax": (lambda: likelihoods.Softmax(3), (None, 3, None)),
    "GaussianMC": (lambda: likelihoods.GaussianMC(), (None, None, None)),
    "Poisson": (lambda: likelihoods.Poisson(), (None, None, None)),
}


@pytest.mark.parametrize("name", DIMS)
def test_dimensions_of_a_likelihood(name):
    make, dims = DIMS[name]
    likelihood = make()
    assert (likelihood.input_dim, likelihood.latent_dim, likelihood.observation_dim) == dims


def test_an_own_likelihood_states_its_dimensions():
    class Own(likelihoods.QuadratureLikelihood):
        def __init__(self):
            super().__init__(input_dim=1, latent_dim=2, observation_dim=1)

    assert (Own().input_dim, Own().latent_dim, Own().observation_dim) == (1, 2, 1)


COUNTS = {  # num_data and num_latent_gps in GPflow 2.11.2; it has no num_data of GPR
    "GPR": (lambda: models.GPR((X, Y), kernels.RBF()), None, 2),
    "SGPR": (lambda: models.SGPR((X, Y), kernels.RBF(), X[:2]), 5, 2),
    "GPRFITC": (lambda: models.GPRFITC((X, Y), kernels.RBF(), X[:2]), 5, 2),
    "CGLB": (lambda: models.CGLB((X, Y), kernels.RBF(), X[:2]), 5, 2),
    "VGP": (lambda: models.VGP((X, Y), kernels.RBF(), likelihoods.Gaussian()), 5, 2),
    "GPMC": (lambda: models.GPMC((X, Y), kernels.RBF(), likelihoods.Gaussian()), 5, 2),
    "SGPMC": (lambda: models.SGPMC((X, Y), kernels.RBF(), likelihoods.Gaussian(), inducing_variable=X[:2]), 5, 2),
    "SVGP": (lambda: models.SVGP(kernels.RBF(), likelihoods.Gaussian(), X[:2], num_data=7), 7, 1),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_a_model(name):
    make, num_data, num_latent_gps = COUNTS[name]
    model = make()
    assert getattr(model, "num_data", None) == num_data and model.num_latent_gps == num_latent_gps


def test_a_subclass_may_set_what_its_base_computes():
    class Own(models.VGP):
        def __init__(self):
            super().__init__((X, Y), kernels.RBF(), likelihoods.Gaussian())
            self.num_data = 50

    class Regression(models.GPR):
        def maximum_log_likelihood_objective(self):
            return super().maximum_log_likelihood_objective() / self.num_latent_gps

    assert Own().num_data == 50 and np.isfinite(float(Own().elbo()))
    halved = Regression((X, Y), kernels.RBF())
    assert float(halved.training_loss()) == pytest.approx(
        0.5 * float(models.GPR((X, Y), kernels.RBF()).training_loss())
    )


def test_names():
    class MyGPKernel(kernels.RBF):
        pass

    class Plain(gpflow.Module):
        pass

    found = [
        kernels.RBF(),
        kernels.RBF() + kernels.RBF(),
        kernels.ArcCosine(),
        MyGPKernel(),
        likelihoods.HeteroskedasticTFPConditional(),
        iv.InducingPoints(X),
        models.VGPOpperArchambeau((X, Y), kernels.RBF(), likelihoods.Gaussian()),
        Plain(),
        Plain("other"),
        kernels.RBF(name="fast"),
    ]
    assert [x.name for x in found] == (
        "squared_exponential sum arc_cosine my_gp_kernel heteroskedastic_tfp_conditional inducing_points "
        "vgp_opper_archambeau plain other fast"
    ).split()


def test_slices_of_covariances():
    cov = np.arange(9.0).reshape(1, 3, 3)
    assert kernels.RBF(active_dims=[0, 1]).slice_cov(cov).tolist() == [[[0.0, 1.0], [3.0, 4.0]]]
    assert kernels.RBF(active_dims=slice(1, 3)).slice_cov(cov).tolist() == [[[4.0, 5.0], [7.0, 8.0]]]
    assert kernels.RBF().slice_cov(np.array([[1.0, 2.0]])).numpy().tolist() == [[[1.0, 0.0], [0.0, 2.0]]]


def test_scaled_distances():
    kernel = kernels.RBF(lengthscales=[0.5, 2.0])
    r2 = kernel.scaled_squared_euclid_dist(X[:2]).numpy()
    assert r2 == pytest.approx(np.array([[0.0, 0.0188934], [0.0188934, 0.0]]), abs=1e-7)
    assert kernel.scaled_squared_euclid_dist(X[:2], X[:1]).numpy() == pytest.approx(r2[:, :1])

    class Own(kernels.Stationary):
        def K(self, X, X2=None):
            return self.variance / (1.0 + self.scaled_squared_euclid_dist(X, X2))

    model = models.GPR((X, Y), Own())
    assert np.allclose(Own()(X), 1.0 / (1.0 + ((X[:, None] - X) ** 2).sum(-1)))
    _, gradients = gpflow.value_and_grad(model.training_loss, [model.kernel.lengthscales])
    assert float(gradients[0]) != 0.0


def test_separate_dimensions():
    apart = [kernels.RBF(active_dims=[i]) for i in range(3)]
    assert (apart[0] + apart[1] + apart[2]).on_separate_dimensions
    assert not (apart[0] * apart[1] * kernels.RBF(active_dims=[1, 3])).on_separate_dimensions
    assert not (kernels.RBF() + apart[0]).on_separate_dimensions


def test_the_length_of_inducing_variables():
    points = iv.InducingPoints(X)
    shared = iv.SharedIndependentInducingVariables(points)
    separate = iv.SeparateIndependentInducingVariables([points, iv.InducingPoints(Y)])
    assert len(points) == len(shared) == len(separate) == 5


@pytest.mark.parametrize("precompute_cache", gpflow.posteriors.PrecomputeCacheType)
@pytest.mark.parametrize("kind", ["GPR", "SVGP"])
def test_the_cache_of_a_posterior(kind, precompute_cache):
    model = COUNTS[kind][0]()
    posterior = model.posterior(precompute_cache=precompute_cache)
    assert len(posterior.cache) == {"GPR": 2, "SVGP": 3}[kind] and posterior.cache[0].numpy().ndim == 2
    before = posterior.predict_f(X)[0]
    model.kernel.lengthscales.assign(0.1)
    if kind == "SVGP":
        model.q_mu.assign(np.ones((2, 1)))
    now = model.predict_f(X)[0]
    assert np.array_equal(posterior.predict_f(X)[0], before) and not np.allclose(now, before)
    assert np.allclose(posterior.fused_predict_f(X)[0], now, atol=1e-6)
    posterior.update_cache()
    assert np.allclose(posterior.predict_f(X)[0], now, atol=1e-6)
    with pytest.raises(ValueError, match="ask that again"):
        gpflow.utilities.deepcopy(posterior).update_cache()
    with pytest.raises(ValueError):
        model.posterior(precompute_cache="none")


def test_a_posterior_of_a_subclass_calls_its_bases():
    class Own(models.GPR):
        def posterior(self, *arguments):
            return super().posterior(*arguments)

    model = Own((X, Y), kernels.RBF())
    posterior = model.posterior()
    posterior.update_cache()
    assert np.allclose(posterior.predict_f(X)[0], model.predict_f(X)[0])


def test_a_gplvm_starts_where_gpflows_does():
    Y = np.random.RandomState(0).rand(12, 4) @ np.diag([3.0, 1.0, 0.3, 0.1])
    start = gpflow.utilities.ops.pca_reduce(Y, 2)
    # The first rows in GPflow 2.11.2, and its losses at the start and after 15 iterations. Eigenvectors have any sign.
    found = [[7.31797230e-02, 8.50252194e-02], [9.91890986e-04, 2.88886701e-01], [2.21441077e-01, 1.34014061]]
    assert np.abs(start[:3]) == pytest.approx(np.array(found), abs=1e-8)
    model = models.GPLVM(Y, 2)
    assert np.array_equal(model.data[0], start)
    assert float(model.training_loss()) == pytest.approx(57.08612231640312, rel=1e-9)
    options = dict(maxiter=15)
    result = gpflow.optimizers.Scipy().minimize(model.training_loss, model.trainable_variables, options=options)
    assert result.fun == pytest.approx(-29.468459717768788, rel=1e-3)
    given = models.GPLVM(Y, 2, np.ones((12, 2)), kernel=model.kernel, name="given")
    assert np.array_equal(given.data[0], np.ones((12, 2))) and given.kernel is model.kernel and given.name == "given"
    with pytest.raises(ValueError, match="expected 1 to 4"):
        models.GPLVM(Y, 5)
