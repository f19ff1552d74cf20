"""Numbers in front of kernels, sums of lists, and kernels that users write."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

SE, M32 = gp.kernels.SquaredExponential, gp.kernels.Matern32
X = np.random.default_rng(0).normal(size=(5, 2))


@pytest.mark.parametrize(
    "factor", [2.0, 2, np.float64(2.0), np.float32(2.0), np.int64(2), np.array(2.0), jnp.array(2.0)], ids=repr
)
def test_a_number_on_either_side_scales(factor):
    k = M32(1.5, 0.7)
    for scaled in (factor * k, k * factor):
        assert isinstance(scaled, gp.kernels.Scaled)
        assert_allclose(scaled(X), 2.0 * k(X))
        assert_allclose(scaled(X, full_cov=False), 3.0)
        assert scaled(X).dtype == jnp.float64


def test_a_factor_is_a_fact():
    k = 2.0 * SE()
    assert list(gp.parameter_dict(k)) == ["kernel.variance", "kernel.lengthscales"]
    params, static = gp.partition(gp.set_trainable(k, True))
    assert list(params) == ["kernel.variance", "kernel.lengthscales"]
    doubled = gp.combine({name: 2.0 * u for name, u in params.items()}, static)
    assert_allclose(doubled.factor, 2.0)


def test_equal_factors_compile_once():
    count = []

    @jax.jit
    def f(k):
        count.append(1)
        return k(X)

    assert_allclose(f(3.0 * SE()), 1.5 * f(2.0 * SE()))
    assert len(count) == 1


def test_a_parameter_as_factor_trains():
    k = gp.Parameter(2.0, transform=gp.positive()) * SE()
    assert_allclose(k(X), 2.0 * SE()(X))
    assert list(gp.partition(k)[0]) == ["kernel.variance", "kernel.lengthscales", "factor"]
    k = SE() * gp.Parameter(2.0, transform=gp.bounded(0.0, 5.0), trainable=False)
    assert k.factor.transform is not None and not k.factor.trainable


def test_a_factor_can_be_differentiated():
    gradient = jax.grad(lambda c: jnp.sum((c * SE())(X)))(2.0)
    assert_allclose(gradient, np.sum(SE()(X)))


@pytest.mark.parametrize("factor", [-1.0, -1e-9, np.nan, np.inf, np.float64(-2.0), jnp.array(-2.0)], ids=repr)
def test_negative_factors_are_refused(factor):
    for product in (lambda: factor * SE(), lambda: SE() * factor):
        with pytest.raises(ValueError, match="expected a finite number, not negative"):
            product()


def test_factors_are_one_number():
    with pytest.raises(ValueError, match=r"expected one number, got an array of shape \(2,\)"):
        np.ones(2) * SE()
    with pytest.raises(ValueError, match="could become negative"):
        SE() * gp.Parameter(2.0)


def test_scaled_kernels_compose():
    a, b = SE(active_dims=[0]), M32(active_dims=[1])
    k = 2.0 * (a + 3.0 * b) * a
    assert_allclose(k(X), 2.0 * (a(X) + 3.0 * b(X)) * a(X))
    single = 2.0 * SE(gp.Parameter(1.0, transform=gp.positive(), dtype=jnp.float32), lengthscales=np.float32(1.0))
    assert single(X.astype(np.float32)).dtype == jnp.float32


def test_sum_of_a_list():
    kernels = [SE(), M32(), gp.kernels.White()]
    total = sum(kernels)
    assert isinstance(total, gp.kernels.Sum) and len(total.kernels) == 3
    assert_allclose(total(X), SE()(X) + M32()(X) + np.eye(5))
    only = SE()
    assert sum([only]) is only


@pytest.mark.parametrize("number", [1.0, -1, np.float64(2.0)])
def test_numbers_are_not_added(number):
    for total in (lambda: SE() + number, lambda: number + SE()):
        with pytest.raises(TypeError, match="Constant"):
            total()


class Brownian(gp.kernels.Kernel):
    """A kernel as a user writes it: fields, K and K_diag."""

    variance: gp.Parameter
    active_dims: tuple | None = eqx.field(static=True, default=None)

    def K(self, X, X2=None):
        X2 = X if X2 is None else X2
        return self.variance.value * jnp.minimum(X[:, :1], X2[:, :1].T)

    def K_diag(self, X):
        return self.variance.value * X[:, 0]


def brownian(value=1.3, **kwargs):
    return Brownian(gp.Parameter(value, transform=gp.positive()), **kwargs)


def test_a_users_kernel_is_called_and_sliced():
    T = np.abs(X)
    k = brownian(active_dims=(1,))
    assert_allclose(k(T), 1.3 * np.minimum(T[:, 1:], T[:, 1]))
    assert_allclose(k(T, T[:2]), 1.3 * np.minimum(T[:, 1:], T[:2, 1]))
    assert_allclose(k(T, full_cov=False), 1.3 * T[:, 1])
    assert_allclose(k(T[:, 1:], presliced=True), k(T))
    with pytest.raises(ValueError, match="expected X of shape"):
        k(T[0])


def test_columns_that_jax_would_trace_are_refused():
    class Traced(Brownian):
        active_dims: tuple | None = None

    with pytest.raises(TypeError, match=r"Traced.active_dims.*static=True"):
        Traced(gp.Parameter(1.0))
    with pytest.raises(ValueError, match="expected a slice or a list of column numbers"):
        brownian(active_dims=1.5)


@pytest.mark.parametrize("columns", [(1,), [1], slice(1, 2)], ids=["tuple", "list", "slice"])
def test_a_users_kernel_takes_columns_as_the_others_do(columns):
    T, chosen = np.abs(X), brownian(active_dims=columns)
    assert_allclose(chosen(T), 1.3 * np.minimum(T[:, 1:2], T[:, 1:2].T))
    assert_allclose(jax.jit(lambda k: k(T))(chosen), chosen(T))


@pytest.mark.parametrize("kernel", [SE(), gp.kernels.Cosine(), SE() + brownian(), gp.kernels.Linear(active_dims=[0])])
def test_inputs_of_other_widths_are_refused(kernel):
    with pytest.raises(ValueError, match=r"X has shape \(5, 2\) and X2 \(5, 1\)"):
        kernel(np.ones((5, 2)), np.ones((5, 1)))


def test_a_users_kernel_composes():
    T = np.abs(X)
    k, other = brownian(), SE()
    assert_allclose((k + other * k)(T), k(T) + other(T) * k(T))
    assert_allclose((0.5 * k)(T), 0.5 * k(T))
    assert_allclose(jax.jit(lambda k: k(T))(k), k(T))
    shared = gp.kernels.SharedIndependent(k, 2)
    assert_allclose(shared(T, full_cov=True, full_output_cov=False)[1], k(T))
    changing = gp.kernels.ChangePoints([k, other], [0.5])
    assert_allclose(changing(T, full_cov=False), np.diag(changing(T)))


def test_a_users_kernel_is_frozen_bounded_and_listed():
    k = brownian()
    assert "Brownian.variance" in gp.tabulate(k, "simple")
    assert not gp.partition(gp.set_trainable(k.at.variance, False))[0]
    assert float(gp.assign(k.at.variance, 0.2).variance) == pytest.approx(0.2)


def test_a_users_kernel_is_fitted():
    T = np.linspace(0.1, 2.0, 12)[:, None]
    model = gp.models.GPR((T, np.sin(3.0 * T)), kernel=brownian() + SE(), noise_variance=0.01)
    result = gp.fit(model)
    assert result.loss < float(model.training_loss())
    assert float(result.model.kernel.kernels[0].variance) != 1.3
    mean, var = result.model.predict_f(T)
    assert np.abs(np.asarray(mean) - np.sin(3.0 * T)).max() < 0.2
    assert np.all(np.asarray(var) > 0)


def test_a_kernel_without_its_methods_is_none():
    class Half(gp.kernels.Kernel):
        def K(self, X, X2=None):
            return X

    with pytest.raises(TypeError, match="abstract"):
        Half()
