"""The same numbers on a CPU and on a GPU, where there is one; and programs for a GPU, which are made without one, too."""

import jax
import jax.export
import jax.flatten_util
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp


def gpu():
    try:
        return jax.devices("gpu")[0]
    except RuntimeError:
        return None


needs_gpu = pytest.mark.skipif(gpu() is None, reason="JAX sees no GPU")

N = 1000


def inputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    return X, np.sin(X.sum(1, keepdims=True)) + 0.3 * rng.normal(size=(N, 1)), rng.normal(size=(7, 5))


def exact(X, Y):
    return gp.models.GPR((X, Y), gp.kernels.SquaredExponential(lengthscales=np.ones(5)), noise_variance=0.1), ()


def sparse(X, Y):
    return gp.models.SGPR((X, Y), gp.kernels.Matern52(lengthscales=np.ones(5)), X[:50], noise_variance=0.1), ()


def variational(X, Y):
    model = gp.models.SVGP(gp.kernels.SquaredExponential(lengthscales=np.ones(5)), gp.likelihoods.StudentT(), X[:50])
    return model, ((X, Y),)


each_model = pytest.mark.parametrize("make", [exact, sparse, variational])


def evaluate(make, device):
    X, Y, Xnew = inputs()
    with jax.default_device(device):
        model, args = make(X, Y)
        params, static = gp.partition(model)
        loss = jax.jit(jax.value_and_grad(lambda p: gp.combine(p, static).training_loss(*args)))
        value, gradient = loss(params)
        assert device in value.devices()
        out = {"loss": value, **gradient}
        out["mean"], out["variance"] = model.predict_f(Xnew)
        return {name: np.asarray(array) for name, array in out.items()}


@needs_gpu
@each_model
def test_a_gpu_agrees_with_a_cpu(make):
    here, there = (evaluate(make, device) for device in (jax.devices("cpu")[0], gpu()))
    for name, expected in here.items():
        assert np.isfinite(there[name]).all()
        assert_allclose(there[name], expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


@needs_gpu
def test_a_fit_on_a_gpu_finds_the_optimum_of_a_cpu():
    X, Y, _ = inputs()
    losses = []
    for device in (jax.devices("cpu")[0], gpu()):
        with jax.default_device(device):
            losses.append(gp.fit(exact(X[:200], Y[:200])[0]).loss)
    assert_allclose(losses[1], losses[0], rtol=1e-6)


@each_model
def test_what_other_devices_run_agrees_with_what_a_cpu_runs(make, monkeypatch):
    X, Y, _ = inputs()

    def derivatives():
        model, args = make(X[:150], Y[:150])
        params, static = gp.partition(model)
        args = tuple((X[:150], Y[:150]) for _ in args)
        vector, unravel = jax.flatten_util.ravel_pytree(params)

        def loss(v):
            return gp.combine(unravel(v), static).training_loss(*args)

        start = vector[-20:]  # all of an exact model
        hessian = jax.jit(jax.hessian(lambda v: loss(vector.at[-v.size :].set(v))))(start)
        return [*jax.jit(jax.value_and_grad(loss))(vector), hessian]

    chosen = []

    def choose_default(*args, default, **platforms):
        chosen.append(default)
        return default(*args)

    on_a_cpu = derivatives()
    monkeypatch.setattr(jax.lax, "platform_dependent", choose_default)
    jax.clear_caches()
    elsewheres = derivatives()
    jax.clear_caches()
    assert chosen
    for elsewhere, expected in zip(elsewheres, on_a_cpu, strict=True):
        assert np.isfinite(elsewhere).all()
        assert_allclose(elsewhere, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


@each_model
def test_programs_are_made_for_a_gpu_without_one(make):
    X, Y, Xnew = inputs()
    model, args = make(X[:100], Y[:100])
    args = tuple((X[:100], Y[:100]) for _ in args)
    params, static = gp.partition(model)
    loss = jax.jit(jax.value_and_grad(lambda p: gp.combine(p, static).training_loss(*args)))
    program = jax.export.export(loss, platforms=["cuda"])(params).mlir_module()
    assert "cusolver" in program
    assert "lapack" not in program and "LayoutConstraint" not in program
    predict = jax.jit(lambda p, X: gp.combine(p, static).predict_f(X, full_cov=True))
    assert "cusolver" in jax.export.export(predict, platforms=["cuda"])(params, Xnew).mlir_module()


@each_model
@pytest.mark.parametrize(
    ("what", "number"),
    # Annotations are checked in tests, and jaxtyping can't compare what a likelihood gets with symbols in its shapes.
    [("predict_f", "n"), ("full_cov", "n"), ("posterior", "n"), ("predict_y", "7")],
)
def test_exported_predictions_give_the_same_numbers(make, what, number):
    X, Y, Xnew = inputs()
    model, _ = make(X[:100], Y[:100])
    posterior = model.posterior()
    predict = jax.jit({
        "predict_f": lambda X: model.predict_f(X),
        "predict_y": lambda X: model.predict_y(X),
        "posterior": lambda X: posterior.predict_f(X),
        "full_cov": lambda X: model.predict_f(X, full_cov=True),
    }[what])  # fmt: skip
    new = jax.ShapeDtypeStruct(jax.export.symbolic_shape(f"{number}, 5"), float)
    exported = jax.export.export(predict, platforms=["cpu", "cuda"])(new)
    for inside, outside in zip(predict(Xnew), exported.call(Xnew), strict=True):
        assert np.isfinite(outside).all()
        assert_allclose(outside, inside, rtol=1e-9, atol=1e-12)


def test_gradients_are_exported_too():
    X, Y, _ = inputs()
    params, static = gp.partition(exact(X[:300], Y[:300])[0])  # in blocks
    loss = jax.jit(jax.value_and_grad(lambda p: gp.combine(p, static).training_loss()))
    inside, outside = loss(params), jax.export.export(loss)(params).call(params)
    assert_allclose(outside[0], inside[0], rtol=1e-12)
    for name, slope in inside[1].items():
        assert_allclose(outside[1][name], slope, rtol=1e-9)
