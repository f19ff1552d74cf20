"""Classes as users write them: plain Python state, attributes before or without the base constructor, or added later."""

import copy

import jax.numpy as jnp
import numpy as np
import pytest
from gparams.gpflow.utilities import parameter_dict, positive

import gparams as gp
import gparams.gpflow as gpflow


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(12, 2))
    return X, np.sin(6.0 * X[:, :1])


class Gauss(gpflow.kernels.Kernel):
    """A squared exponential of one lengthscale, by hand."""

    def __init__(self, power=2, **kwargs):
        self.power = power
        super().__init__(**kwargs)
        self.variance = gpflow.Parameter(1.0, transform=positive())
        self.ell = gpflow.Parameter(0.5, transform=positive())

    def K(self, X, X2=None):
        X2 = X if X2 is None else X2
        r2 = jnp.sum((X[:, None] - X2[None]) ** 2, -1) / self.ell**2
        return self.variance * jnp.exp(-0.5 * r2 ** (self.power / 2))

    def K_diag(self, X):
        return jnp.full(X.shape[0], self.variance.value)


class Bare(gpflow.kernels.Kernel):
    """Never calls the base constructor."""

    def __init__(self):
        self.slopes = [gpflow.Parameter(1.0), gpflow.Parameter(2.0)]

    def K(self, X, X2=None):
        X2 = X if X2 is None else X2
        return self.slopes[0] * X @ X2.T + self.slopes[1]

    def K_diag(self, X):
        return jnp.diag(self.K(X))


def hand(variance=1.0, ell=0.5, active_dims=None):
    return gpflow.kernels.RBF(variance, ell, active_dims=active_dims)


@pytest.mark.parametrize("active_dims", [None, [1], slice(0, 1)])
def test_a_kernel_gives_the_numbers_of_the_librarys(data, active_dims):
    own, library = Gauss(active_dims=active_dims), hand(active_dims=active_dims)
    X = data[0]
    assert np.allclose(own(X), library(X)) and np.allclose(own(X, X[:3]), library(X, X[:3]))
    assert np.allclose(own(X, full_cov=False), library(X, full_cov=False))
    combined = (own + gpflow.kernels.White()) * own
    assert np.allclose(combined(X), (library(X) + np.eye(12)) * library(X))
    assert np.allclose(own.functional()(X), library(X)) and isinstance(own.functional(), gp.kernels.Kernel)


def test_a_kernel_trains_in_a_library_model(data):
    opt, fits = gpflow.optimizers.Scipy(), []
    for kernel in (Gauss(), hand()):
        model = gpflow.models.GPR(data, kernel=kernel, noise_variance=0.1)
        fits.append(opt.minimize(model.training_loss, model.trainable_variables).fun)
        assert np.isfinite(model.predict_f(data[0])[0]).all()
    assert fits[0] == pytest.approx(fits[1], abs=1e-6)
    assert list(parameter_dict(Gauss())) == [".variance", ".ell"]
    gpflow.set_trainable(model.kernel, False)
    assert len(model.trainable_variables) == 1


def test_plain_state_counts(data):
    kernel = Gauss()
    model = gpflow.models.GPR(data, kernel=kernel, noise_variance=0.1)

    def now():
        return float(gpflow.value_and_grad(model.training_loss, model.trainable_variables)[0])

    before = now()
    kernel.power = 1
    assert now() != before and now() == pytest.approx(float(model.training_loss()))
    kernel.table = {"power": [1.0, 2.0]}
    kernel.power = 2
    assert now() == pytest.approx(before)


def test_state_changed_in_place_counts():
    class Weighted(gpflow.Module):
        def __init__(self):
            self.p, self.weights = gpflow.Parameter(1.0), [1.0, 2.0]

        def loss(self):
            return sum(self.weights) * self.p

    module = Weighted()
    assert float(gpflow.value_and_grad(module.loss, [module.p])[0]) == 3.0
    module.weights.append(4.0)
    assert float(gpflow.value_and_grad(module.loss, [module.p])[0]) == 7.0
    module.weights = np.ones(2)
    assert float(gpflow.value_and_grad(module.loss, [module.p])[0]) == 2.0
    module.weights[0] = 5.0
    assert float(gpflow.value_and_grad(module.loss, [module.p])[0]) == 6.0


def test_the_base_constructor_may_be_left_out(data):
    kernel = Bare()
    assert np.allclose(kernel(data[0]), data[0] @ data[0].T + 2.0)
    assert list(parameter_dict(kernel)) == [".slopes[0]", ".slopes[1]"]
    model = gpflow.models.GPR(data, kernel=kernel)
    kernel.slopes.append(gpflow.Parameter(3.0))
    assert len(model.trainable_variables) == 4
    _, gradients = gpflow.value_and_grad(model.training_loss, [kernel.slopes[1]])
    assert float(gradients[0]) != 0.0
    kernel.extra = gpflow.kernels.RBF()
    assert len(model.trainable_variables) == 6


def test_a_missing_method_says_so(data):
    class Half(gpflow.kernels.Kernel):
        def K(self, X, X2=None):
            return X @ X.T

    with pytest.raises(NotImplementedError, match="Half does not define K_diag"):
        Half()(data[0], full_cov=False)


def test_a_stationary_kernel_is_its_profile(data):
    class Rational(gpflow.kernels.Stationary):
        def K_r2(self, r2):
            return self.variance / (1.0 + 0.5 * r2)

    library = gpflow.kernels.RationalQuadratic(variance=2.0, lengthscales=[0.5, 1.5], alpha=1.0)
    own = Rational(variance=2.0, lengthscales=[0.5, 1.5])
    assert np.allclose(own(data[0]), library(data[0])) and own.ard
    periodic = gpflow.kernels.Periodic(Rational(lengthscales=0.5), period=2.0)
    assert np.isfinite(periodic(data[0])).all()


def test_a_librarys_kernel_subclassed(data):
    class Twice(gpflow.kernels.RBF):
        def K(self, X, X2=None):
            return 2.0 * super().K(X, X2)

    assert np.allclose(Twice(lengthscales=0.5)(data[0]), 2.0 * hand()(data[0]))
    assert len(Twice().trainable_variables) == 2


def test_a_mean_function(data):
    class Slope(gpflow.mean_functions.MeanFunction):
        def __init__(self):
            super().__init__()
            self.slope = gpflow.Parameter(2.0)

        def __call__(self, X):
            return self.slope * X[:, :1]

    model = gpflow.models.GPR(data, kernel=hand(), mean_function=Slope() + gpflow.mean_functions.Constant(1.0))
    core = gp.models.GPR(
        data,
        kernel=gp.kernels.SquaredExponential(1.0, 0.5),
        mean_function=gp.mean_functions.Linear([[2.0], [0.0]], [1.0]),
    )
    assert float(model.training_loss()) == pytest.approx(float(core.training_loss()))
    assert np.allclose(model.predict_f(data[0])[0], core.predict_f(data[0])[0])


class Logistic(gpflow.likelihoods.ScalarLikelihood):
    """Gaussian noise with a log density written by hand."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.variance = gpflow.Parameter(0.3, transform=positive())

    def _scalar_log_prob(self, X, F, Y):
        return -0.5 * (jnp.log(2.0 * jnp.pi * self.variance.value) + (Y - F) ** 2 / self.variance)

    def _conditional_mean(self, X, F):
        return F

    def _conditional_variance(self, X, F):
        return jnp.full_like(F, self.variance.value)


def test_a_scalar_likelihood(data):
    X, Y = data
    own, library = Logistic(), gpflow.likelihoods.Gaussian(0.3)
    mean, var = jnp.zeros_like(Y), jnp.ones_like(Y)
    for method, tolerance in (("variational_expectations", 1e-12), ("predict_log_density", 1e-3)):
        got, want = (getattr(likelihood, method)(X, mean, var, Y) for likelihood in (own, library))
        assert np.allclose(got, want, atol=tolerance)
    assert np.allclose(own.predict_mean_and_var(X, mean, var)[1], 1.3)
    models = [gpflow.models.VGP(data, hand(), likelihood) for likelihood in (own, library)]
    assert float(models[0].elbo()) == pytest.approx(float(models[1].elbo()))
    assert len(models[0].trainable_variables) == 5


def test_a_module_that_is_called():
    class Net(gpflow.Module):
        def __init__(self, widths):
            super().__init__(name="net")
            self.layers = [gpflow.Parameter(np.full((a, b), 0.1)) for a, b in zip(widths, widths[1:], strict=False)]

        def __call__(self, X):
            for W in self.layers:
                X = jnp.tanh(X @ W.value)
            return X

    net = Net([2, 3, 1])
    assert net(np.ones((4, 2))).shape == (4, 1) and len(net.parameters) == 2
    copied = copy.deepcopy(net)
    copied.layers[0].assign(np.zeros((2, 3)))
    assert float(net.layers[0].numpy().sum()) == pytest.approx(0.6)
    core = net.functional()
    net.layers[0].assign(np.zeros((2, 3)))
    assert float(core(np.ones((4, 2))).sum()) != 0.0


class Ridge(gpflow.models.BayesianModel, gpflow.models.InternalDataTrainingLossMixin):
    """A model that is no Gaussian process."""

    def __init__(self, data):
        super().__init__()
        self.data = gpflow.models.util.data_input_to_tensor(data)
        self.w = gpflow.Parameter(np.zeros((2, 1)))

    def maximum_log_likelihood_objective(self):
        X, Y = self.data
        return -jnp.sum((Y - X @ self.w.value) ** 2)


def test_a_bayesian_model(data):
    model = Ridge(data)
    gpflow.optimizers.Scipy().minimize(model.training_loss, model.trainable_variables)
    assert np.allclose(model.w.numpy(), np.linalg.lstsq(*data, rcond=None)[0], atol=1e-4)
    best = float(model.training_loss())
    assert best == float(model.training_loss_closure()()) == pytest.approx(float(model.functional().training_loss()))
    model.data = (data[0], data[1] + 1.0)
    assert float(gpflow.value_and_grad(model.training_loss, model.trainable_variables)[0]) > best


class Heteroskedastic(gpflow.models.GPModel, gpflow.models.ExternalDataTrainingLossMixin):
    """A model of a user's own on GPflow's base class."""

    def __init__(self, kernel):
        super().__init__(kernel, gpflow.likelihoods.Gaussian(0.1), num_latent_gps=1)
        self.jitter = 1e-6

    def maximum_log_likelihood_objective(self, data):
        X, Y = data
        K = self.kernel(X) + (self.likelihood.variance + self.jitter) * jnp.eye(X.shape[0])
        L = jnp.linalg.cholesky(K)
        alpha = jnp.linalg.solve(K, Y - self.mean_function(X))
        return -0.5 * jnp.sum(Y * alpha) - jnp.sum(jnp.log(jnp.diag(L))) - 0.5 * Y.shape[0] * jnp.log(2.0 * jnp.pi)

    def predict_f(self, Xnew, full_cov=False, full_output_cov=False):
        return self.kernel(Xnew), self.kernel(Xnew)


def test_a_gp_model(data):
    model, library = Heteroskedastic(hand()), gpflow.models.GPR(data, hand(), noise_variance=0.1 + 1e-6)
    assert float(model.training_loss(data)) == pytest.approx(float(library.training_loss()))
    assert model.num_latent_gps == 1
    before = float(model.training_loss(data))
    gpflow.optimizers.Scipy().minimize(model.training_loss_closure(data), model.trainable_variables)
    assert float(model.training_loss(data)) < before


def test_a_librarys_model_subclassed(data):
    class Penalised(gpflow.models.GPR):
        def __init__(self, data, kernel, weight):
            self.weight = weight
            super().__init__(data, kernel)
            self.extra = gpflow.Parameter(2.0)

        def maximum_log_likelihood_objective(self):
            return super().maximum_log_likelihood_objective() - self.weight * self.extra**2

    model = Penalised(data, hand(), 3.0)
    library = gpflow.models.GPR(data, hand())
    assert float(model.training_loss()) == pytest.approx(float(library.training_loss()) + 12.0)
    assert np.allclose(model.predict_f(data[0])[0], library.predict_f(data[0])[0])
    gpflow.optimizers.Scipy().minimize(model.training_loss, model.trainable_variables)
    assert abs(float(model.extra)) < 1e-3
    core = model.functional()
    assert isinstance(core, gp.models.GPR) and type(core).__name__ == "Penalised"
    assert gp.fit(core).loss == pytest.approx(float(model.training_loss()), abs=1e-5)
    back = gp.stateful(core)
    assert type(back) is Penalised and back.weight == 3.0
    assert float(back.training_loss()) == pytest.approx(float(model.training_loss()))
