import copy
import inspect
import pickle

import cases
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gparams.gpflow.utilities import parameter_dict, print_summary
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
import gparams.gpflow as gpflow
from gparams.gpflow._nodes import parameters_below


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(12, 1))
    return X, np.sin(6.0 * X)


@pytest.fixture
def model(data):
    return gpflow.models.GPR(data, kernel=gpflow.kernels.RBF(), noise_variance=0.1)


def test_modules_given_are_shared_and_parameters_copied(data):
    k, p = gpflow.kernels.RBF(), gpflow.Parameter(0.5, transform=gpflow.utilities.positive(lower=0.1), trainable=False)
    one, two = (gpflow.models.GPR(data, kernel=k + gpflow.kernels.White()) for _ in range(2))
    assert one.kernel.kernels[0] is two.kernel.kernels[0] is k
    k.variance.assign(4.0)
    assert float(two.kernel.kernels[0].variance) == 4.0
    a, b = gpflow.kernels.RBF(lengthscales=p), gpflow.kernels.Matern32(lengthscales=p)
    p.assign(2.0)
    assert float(a.lengthscales) == float(b.lengthscales) == pytest.approx(0.5)
    assert not a.lengthscales.trainable and a.lengthscales is not b.lengthscales


def test_numbers_are_those_of_the_functional_model(model, data):
    core = gp.models.GPR(data, kernel=gp.kernels.SquaredExponential(), noise_variance=0.1)
    assert float(model.training_loss()) == float(core.training_loss())
    for got, want in zip(model.predict_f(data[0][:3], full_cov=True), core.predict_f(data[0][:3], full_cov=True)):
        assert np.array_equal(got, want) and got.numpy().shape == want.shape
    assert float(model.kernel(data[0])[0, 0]) == 1.0
    assert isinstance(model, gpflow.models.GPModel) and isinstance(model.kernel, gpflow.kernels.Stationary)


def test_results_answer_to_numpy(model, data):
    mean, var = model.predict_y(data[0])
    assert mean[:, 0].numpy().shape == (12,) and (mean - 2.0 * np.sqrt(var)).numpy().ndim == 2
    assert isinstance(model.training_loss().numpy(), np.ndarray) and f"{model.training_loss():.1f}"
    assert jnp.sum(mean).shape == () and round(mean[0, 0], 2) == round(float(mean[0, 0]), 2)
    assert model.data[0].numpy().shape == (12, 1)
    assert float(np.max(mean)) == float(jnp.max(mean))


def test_replacing_what_a_model_holds(model, data):
    before = float(model.training_loss())
    model.kernel.lengthscales = gpflow.Parameter(0.3, transform=tfb.Sigmoid(0.1, 0.5))
    assert float(model.training_loss()) != before
    assert model.functional().kernel.lengthscales.transform.name == "sigmoid"
    model.kernel.variance = np.array(2.0)
    assert len(model.trainable_variables) == 2 and model.functional().kernel.variance.trainable is False
    model.data = (data[0][:5], data[1][:5])
    assert model.data[0].shape == (5, 1) and np.isfinite(float(model.training_loss()))
    with pytest.raises(ValueError, match="rows"):
        model.data = (data[0][:5], data[1][:4])
    kept = model.kernel
    model.kernel = gpflow.utilities.deepcopy(kept)
    assert model.kernel is not kept


def test_what_gpflow_takes_and_ignores(model):
    model.kernel.trainable = False
    assert len(model.trainable_parameters) == 1 and not model.kernel.trainable
    model.kernel.trainable = True
    assert len(model.trainable_parameters) == 3
    with pytest.raises(AttributeError, match="belongs to a Parameter"):
        model.kernel.prior = tfd.Gamma(2.0, 1.0)
    with pytest.raises(TypeError):
        model.kernel.trainable = "no"


def test_attributes_added_later_count(model):
    model.scale = gpflow.Parameter(2.0)
    assert len(model.trainable_variables) == 4
    assert ".scale" in parameter_dict(model)
    assert float(model.functional().scale) == 2.0


def test_listing(model):
    assert list(parameter_dict(model)) == [".kernel.variance", ".kernel.lengthscales", ".likelihood.variance"]
    assert [p is q for p, q in zip(model.parameters, (model.kernel.lengthscales, model.kernel.variance))] == [True] * 2
    assert model.kernel in model.submodules
    assert len(model.variables) == 3 and model.non_trainable_variables == ()


def test_summary(model, capsys):
    gpflow.set_trainable(model.kernel.variance, False)
    print_summary(model)
    assert capsys.readouterr().out.strip() == gp.tabulate(model.functional()).strip()
    print_summary(model, fmt="notebook")
    assert "<table>" in capsys.readouterr().out
    assert "<table>" in model._repr_html_()
    with gpflow.config.as_context():
        gpflow.config.set_default_summary_fmt("latex")
        print_summary(model)
    assert "tabular" in capsys.readouterr().out


def test_crossing_over_and_back(model):
    shared = gpflow.kernels.RBF()
    model.kernel = shared + shared * gpflow.kernels.Linear()
    core = model.functional()
    assert isinstance(core, gp.models.GPR)
    back = gp.stateful(core)
    assert type(back) is gpflow.models.GPR
    first, second = back.kernel.kernels[0], back.kernel.kernels[1].kernels[0]
    assert first.variance is second.variance and first.variance is not shared.variance
    assert float(back.training_loss()) == float(model.training_loss())
    first.variance.assign(3.0)
    assert float(core.kernel.kernels[0].variance) == 1.0
    assert float(back.functional().kernel.kernels[1].kernels[0].variance) == 3.0
    assert jax.tree.structure(gp.stateful(core).functional()) == jax.tree.structure(core)


def test_any_functional_module_crosses_over(key):
    class Line(gp.Module):
        slope: gp.Parameter
        powers: dict

        def __init__(self):
            self.slope = gp.Parameter(2.0)
            self.powers = {"two": gp.Parameter(2.0)}

        def __call__(self, x):
            return self.slope.value * x ** self.powers["two"].value

    line = gp.stateful(Line())
    line.slope.assign(3.0)
    line.powers["two"].assign(3.0)
    assert float(line(2.0)) == 24.0 and isinstance(line.functional(), Line)
    assert len(line.trainable_variables) == 2
    mlp = gp.stateful(gp.parametrize(eqx.nn.MLP(2, 1, 4, depth=1, key=key)))
    assert mlp(jnp.ones(2)).shape == (1,) and len(mlp.trainable_variables) == 4


def test_copies(model):
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), gpflow.utilities.deepcopy(model)):
        assert type(other) is type(model) and float(other.training_loss()) == float(model.training_loss())
        other.kernel.variance.assign(5.0)
        assert float(model.kernel.variance) == 1.0
    assert pickle.loads(pickle.dumps(gpflow.models.GPR)) is gpflow.models.GPR


def test_samples_take_a_key_or_the_seed(model, data):
    gpflow.set_seed(3)
    one = model.predict_f_samples(data[0], 2)
    assert not np.array_equal(one, model.predict_f_samples(data[0], 2))
    gpflow.set_seed(3)
    assert np.array_equal(one, model.predict_f_samples(data[0], 2))
    assert one.shape == (2, 12, 1)


def test_posterior_is_a_snapshot(model, data):
    posterior = model.posterior()
    mean, _ = posterior.predict_f(data[0])
    model.kernel.lengthscales.assign(0.1)
    assert np.array_equal(posterior.predict_f(data[0])[0], mean) and mean.numpy().shape == (12, 1)
    assert not np.array_equal(model.predict_f(data[0])[0], mean)


def test_names_are_taken():
    assert gpflow.kernels.RBF(name="fast").name == "fast"


def test_positive_defaults_reach_library_parameters():
    with gpflow.config.as_context():
        gpflow.config.set_default_positive_bijector("exp")
        gpflow.config.set_default_positive_minimum(1e-3)
        k = gpflow.kernels.RBF()
    assert [b.name for b in k.variance.transform.bijectors] == ["shift", "exp"]
    assert gpflow.kernels.RBF().variance.transform.name == "softplus"


TABLES = ("KERNELS", "MULTIOUTPUT_KERNELS", "MEAN_FUNCTIONS", "LIKELIHOODS", "MODELS")


@pytest.mark.parametrize("table, name", [(table, name) for table in TABLES for name in getattr(cases, table)])
def test_parts_that_a_property_hands_out_are_live(table, name):
    """Each Parameter that is reached through any property is one of the object's own, and not a copy."""
    obj = gp.stateful(getattr(cases, table)[name]())
    own = {id(p) for p in obj.parameters}
    for part in dir(type(obj)):
        if type(inspect.getattr_static(type(obj), part)).__name__ == "_Property":
            assert {id(p) for p in parameters_below([getattr(obj, part, None)])} <= own, part


def test_what_is_done_to_a_part_is_done_to_the_whole():
    iv, k = gpflow.inducing_variables, gpflow.kernels
    Z = np.arange(3.0)[:, None]
    separate = iv.SeparateIndependentInducingVariables([iv.InducingPoints(Z) for _ in range(2)])
    gpflow.set_trainable(separate.inducing_variables, False)
    assert separate.trainable_variables == ()
    shared = iv.SharedIndependentInducingVariables(iv.InducingPoints(Z))
    for points in (*shared.inducing_variables, *separate.inducing_variables):
        points.Z.assign(Z + 1.0)
    assert all(np.array_equal(p, Z + 1.0) for p in (*shared.parameters, *separate.parameters))
    for kernel in (
        k.SharedIndependent(k.RBF(), 3),
        k.SeparateIndependent([k.RBF(), k.RBF()]),
        k.LinearCoregionalization([k.RBF(), k.RBF()], W=np.eye(2)),
    ):
        for part in kernel.latent_kernels:
            part.lengthscales.assign(7.0)
        values = gpflow.utilities.read_values(kernel)
        assert all(v == 7.0 for path, v in values.items() if path.endswith("lengthscales")) and len(values) > 1


def test_a_class_is_no_object(model, data):
    """GPflow takes it, and fails at the next prediction."""

    class Own(gpflow.models.GPModel):
        def __init__(self):
            super().__init__(gpflow.kernels.RBF, gpflow.likelihoods.Gaussian())

    def setting(obj, name, value):
        return lambda: setattr(obj, name, value)

    part = gpflow.Module()
    part.inner = gpflow.kernels.RBF()
    for wrong in (
        setting(model, "kernel", gpflow.kernels.RBF),
        setting(model, "kernel", gp.kernels.SquaredExponential),
        setting(part, "inner", gpflow.kernels.RBF),
        lambda: gpflow.models.GPR(data, gpflow.kernels.RBF),
        Own,
    ):
        with pytest.raises(TypeError, match="SquaredExponential"):
            wrong()
    with pytest.raises(TypeError, match=r"GPR.kernel: expected an object, .* call it: SquaredExponential\(\.\.\.\)"):
        model.kernel = gpflow.kernels.RBF
    assert np.isfinite(float(model.training_loss()))
    part.kind = gpflow.kernels.RBF  # an attribute of a user's own may be a class
    for nothing in (None, gpflow.kernels.RBF()):
        with pytest.raises((TypeError, ValueError), match="data"):
            model.data = nothing
