import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gparams.gpflow.base import PriorOn
from gparams.gpflow.utilities import positive
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
import gparams.gpflow as gpflow


def test_assign_is_in_place_and_checked():
    p = gpflow.Parameter(2.0, transform=positive())
    p.assign(3.0)
    p.assign_add(1.0)
    p.assign_sub(0.5)
    assert float(p) == pytest.approx(3.5)
    for bad, error in ((-1.0, ValueError), ([1.0, 2.0], ValueError), (np.nan, ValueError), ("a", TypeError)):
        with pytest.raises(error):
            p.assign(bad)
    assert float(p) == pytest.approx(3.5)
    q = gpflow.Parameter(7.0)
    p.assign(q)
    assert float(p) == 7.0 and p is not q


def test_errors_name_the_parameter():
    k = gpflow.kernels.RBF() + gpflow.kernels.White()
    model = gpflow.models.GPR((np.zeros((1, 1)), np.zeros((1, 1))), k)
    model.extra = {"scale": gpflow.Parameter(1.0, transform=positive())}
    with pytest.raises(ValueError, match=r"^GPR\.kernel\.kernels\[1\]\.variance: -1\.0 is outside"):
        k.kernels[1].variance.assign(-1.0)
    with pytest.raises(ValueError, match=r"^GPR\.extra\['scale'\]: -1\.0 is outside"):
        gpflow.utilities.multiple_assign(model, {".kernel.kernels[0].variance": 2.0, ".extra['scale']": -1.0})
    assert float(k.kernels[0].variance) == 1.0
    with pytest.raises(ValueError, match=r"^GPR\.likelihood\.variance: .*outside"):
        model.likelihood.variance.transform = tfb.Sigmoid(2.0, 3.0)
    with pytest.raises(ValueError, match=r"^GPR\.likelihood\.variance: expected an unconstrained array"):
        model.likelihood.variance.unconstrained_variable.assign([1.0, 2.0])
    for name, said in (("scale", "scale"), (None, "Parameter")):
        with pytest.raises(ValueError, match=f"^{said}: -1.0 is outside"):
            gpflow.Parameter(1.0, transform=positive(), name=name).assign(-1.0)


def test_set_trainable_says_what_it_was_given():
    k = gpflow.kernels.RBF()
    k.lengthscales = 3.0
    for wrong, said in (
        (k.lengthscales, "3.0 of type float: a plain number is a fact"),
        (np.ones(2), "plain number is a fact"),
        (gp.kernels.Matern52(), "functional Matern52.*gparams.set_trainable.*gparams.stateful"),
        ([gp.kernels.Matern52().variance], "functional Parameter"),
        (gpflow.kernels.RBF, r"the class SquaredExponential; call it: SquaredExponential\("),
        (".kernel", "'.kernel'$"),
        (None, "None$"),
    ):
        with pytest.raises(TypeError, match=f"^set_trainable: expected a Parameter or a module, got .*{said}"):
            gpflow.set_trainable(wrong, False)
    with pytest.raises(TypeError, match="parameter_dict: .* a functional Matern52"):
        gpflow.utilities.read_values(gp.kernels.Matern52())
    gpflow.set_trainable((p for p in k.parameters), False)
    assert k.trainable_variables == ()


def test_a_parameter_of_a_parameter_copies_value_and_facts():
    p = gpflow.Parameter(2.0, transform=positive(), prior=tfd.Gamma(2.0, 1.0), trainable=False)
    q = gpflow.Parameter(p)
    p.assign(9.0)
    assert float(q) == 2.0 and q.transform is p.transform and q.prior is not None and not q.trainable


def test_facts_can_be_set():
    p = gpflow.Parameter(2.0, transform=positive())
    p.prior = tfd.Gamma(2.0, 1.0)
    assert float(p.log_prior_density()) == pytest.approx(float(tfd.Gamma(2.0, 1.0).log_prob(2.0)))
    p.prior_on = "unconstrained"
    assert p.prior_on is PriorOn.UNCONSTRAINED
    p.trainable = False
    assert p.trainable_variables == ()
    p.transform = tfb.Sigmoid(0.5, 5.0)
    assert float(p) == pytest.approx(2.0)
    with pytest.raises(AttributeError, match="no attribute 'lower'"):
        p.lower = 1.0
    with pytest.raises(TypeError):
        p.prior = 3.0


def test_tfp_bijectors_bound_it():
    p = gpflow.Parameter(1.0, transform=tfb.Sigmoid(gpflow.utilities.to_default_float(0.1), 5.0))
    with pytest.raises(ValueError, match="outside"):
        p.assign(6.0)


def test_it_stands_for_an_array():
    p = gpflow.Parameter([1.0, 4.0])
    rng = np.arange(2.0)
    assert np.allclose(p * 2.0, [2.0, 8.0]) and np.allclose(rng + p, [1.0, 5.0]) and np.allclose(p[1], 4.0)
    assert np.allclose(np.sqrt(p), [1.0, 2.0]) and np.allclose(jnp.sqrt(p), [1.0, 2.0])
    assert np.allclose(jax.jit(lambda: np.sqrt(p))(), [1.0, 2.0])
    assert p.numpy().shape == p.shape == (2,) and len(p) == 2
    assert {p: 1}[p] == 1
    assert (p == 1.0).tolist() == [True, False]


def test_numpy_functions_of_a_traced_one_are_jax():
    p = gpflow.Parameter(4.0)
    loss, (gradient,) = gpflow.value_and_grad(lambda: np.sqrt(p), [p])
    assert float(loss) == 2.0 and float(gradient) == 0.25


def test_variables_are_the_unconstrained_arrays():
    p = gpflow.Parameter(2.0, transform=positive())
    v = p.unconstrained_variable
    assert v == p.unconstrained_variable and hash(v) == hash(p.unconstrained_variable)
    v.assign(0.0)
    assert float(p) == pytest.approx(np.log(2.0))
    v.assign_add(2.0)
    v.assign_sub(0.5)
    assert float(v.read_value().numpy()) == 1.5
    with pytest.raises(ValueError, match="shape"):
        v.assign([0.0, 1.0])


def test_copies_share_nothing():
    p = gpflow.Parameter(2.0, transform=positive(), name="scale")
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        q.assign(3.0)
        assert float(p) == 2.0 and q.name == "scale"


def test_default_float():
    with gpflow.config.as_context():
        gpflow.config.set_default_float(np.float32)
        assert gpflow.Parameter(1.0).dtype == np.float32
        assert gpflow.kernels.RBF(lengthscales=0.3).lengthscales.dtype == np.float32
        assert gpflow.utilities.to_default_float(1.0).dtype == np.float32
    assert gpflow.Parameter(np.float32(1.0)).dtype == np.float64
    assert gpflow.Parameter(np.float32(1.0), dtype=np.float32).dtype == np.float32


def test_functional():
    p = gpflow.Parameter(2.0, transform=positive())
    held = p.functional()
    p.assign(3.0)
    assert isinstance(held, gp.Parameter) and float(held) == 2.0
