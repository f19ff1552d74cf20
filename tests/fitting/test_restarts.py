"""Fits from many starts: the first is the model itself, the best one wins, and a bad start spoils nothing."""

import contextlib
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import MODELS
from numpy.testing import assert_allclose
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
from gparams.fitting._side_by_side import side_by_side, workers_for

LBFGS = gp.fitting.LBFGS


def waves(p):
    """A loss with many minima; the lowest is near 0.5."""
    return jnp.cos(6.0 * (p.value - 0.5) + jnp.pi) + 0.1 * (p.value - 0.5) ** 2


def test_the_first_start_is_the_model_itself(key):
    model = MODELS["gpr"]()
    result = gp.fit_restarts(model, key=key, num=3)
    alone = gp.fit(model)
    assert_allclose(result.start_losses[0], model.training_loss(), rtol=1e-12)
    assert_allclose(result.losses[0], alone.loss, rtol=1e-8)
    assert result.steps[0] == alone.steps
    assert result.messages[0] == alone.message
    assert len(set(result.start_losses)) == 3
    assert result.losses.shape == result.steps.shape == result.converged.shape == (3,)
    assert result.loss == result.losses[result.best] == result.losses.min()
    assert_allclose(result.model.training_loss(), result.loss, rtol=1e-10)
    for fitted, loss in zip(result.models, result.losses, strict=True):
        assert_allclose(fitted.training_loss(), loss, rtol=1e-10)
    assert "of 3" in repr(result)


@pytest.mark.parametrize("batched", [False, True])
def test_one_after_the_other_and_all_at_once_agree(batched, key):
    # The model itself stands at the bottom of another valley, three waves from the lowest.
    result = gp.fit_restarts(gp.Parameter(3.62), waves, key=key, num=16, spread=3.0, batched=batched)
    assert_allclose(result.model.value, 0.5, atol=1e-5)
    assert_allclose(result.loss, -1.0, rtol=1e-9)
    assert_allclose(result.losses[0], -0.02, atol=0.01)
    assert result.converged.all()
    other = gp.fit_restarts(gp.Parameter(3.62), waves, key=key, num=16, spread=3.0, batched=not batched)
    assert_allclose(result.losses, other.losses, rtol=1e-8)
    assert_allclose(result.start_losses, other.start_losses, rtol=0.0, atol=1e-14)


def test_starts_come_from_priors_where_there_are_some(key):
    prior = tfd.Uniform(np.float64(7.0), np.float64(8.0))
    p = gp.Parameter(7.5, prior=prior, prior_on="unconstrained")
    q = {"p": p, "q": gp.Parameter(np.zeros(2))}
    seen = gp.fit_restarts(q, lambda m: m["p"].value * 1.0 + 0.0 * m["q"].sum(), key=key, num=9,
                           solver=LBFGS(max_steps=1, max_line_search_steps=1))  # fmt: skip
    assert seen.start_losses[0] == 7.5
    assert ((seen.start_losses[1:] > 7.0) & (seen.start_losses[1:] < 8.0)).all()
    same = gp.fit_restarts(q, lambda m: m["q"].value.sum() ** 2, key=key, num=3, spread=0.0)
    assert np.array_equal(same.start_losses, np.zeros(3))


def test_bad_starts_are_reported_and_passed_over(key):
    def cliff(p):
        return jnp.where(p.value > 0.0, (p.value - 1.0) ** 2, jnp.nan)

    result = gp.fit_restarts(gp.Parameter(-1.0), cliff, key=key, num=12, spread=3.0)
    bad = np.isnan(result.losses)
    assert bad[0] and not bad.all()
    assert np.array_equal(bad, np.isnan(result.start_losses))
    assert all(("not finite" in message) == isnan for message, isnan in zip(result.messages, bad, strict=True))
    assert_allclose(result.model.value, 1.0, atol=1e-6)
    nowhere = gp.fit_restarts(gp.Parameter(-1.0), lambda p: p.value * jnp.nan, key=key, num=3)
    assert float(nowhere.model.value) == -1.0
    assert np.isnan(nowhere.loss) and not nowhere.converged.any()


def test_another_solver_and_data(key):
    rows = np.linspace(0.0, 4.0, 20)

    def squares(p, batch):
        return jnp.mean((p.value - batch) ** 2)

    solver = gp.fitting.Optax(optax.sgd(0.05), steps=100, batch_size=6)
    result = gp.fit_restarts(gp.Parameter(0.0), squares, rows, key=key, num=3, solver=solver)
    assert_allclose([m.value for m in result.models], 2.0, atol=0.5)
    assert len({float(m.value) for m in result.models}) == 3
    exact = gp.fit_restarts(gp.Parameter(0.0), squares, rows, key=key, num=3)
    assert_allclose([m.value for m in exact.models], 2.0, atol=1e-6)
    adam = gp.fitting.Optax(optax.adam(0.1), steps=3, ravel=False)
    assert gp.fit_restarts(gp.Parameter(0.0), squares, rows, key=key, num=2, solver=adam).steps.tolist() == [3, 3]
    q = {
        "q_mu": gp.Parameter([[0.0]]),
        "q_sqrt": gp.Parameter([[2.0]], transform=gp.positive()),
        "x": gp.Parameter(0.0),
    }

    def bound(q):
        m, s = q["q_mu"].value[0, 0], q["q_sqrt"].value[0, 0]
        return 0.5 * (m - 3.0) ** 2 + 0.5 * s**2 - jnp.log(s) + waves(q["x"])

    natural = gp.fit_restarts(q, bound, key=key, num=3, solver=gp.fitting.NaturalGradient(1.0, steps=40))
    assert_allclose([m["q_mu"].value[0, 0] for m in natural.models], 3.0, rtol=1e-6)
    assert len({float(m["x"]) for m in natural.models}) == 3


def test_new_keys_do_not_compile_again():
    traces = []

    def loss(p):
        traces.append(1)
        return (p.value - 2.0) ** 4

    gp.fit_restarts(gp.Parameter(0.0), loss, key=jax.random.key(0), num=2)
    count = len(traces)
    assert count
    gp.fit_restarts(gp.Parameter(1.0), loss, key=jax.random.key(1), num=2)
    assert len(traces) == count


def test_wrong_arguments(key):
    with pytest.raises(ValueError, match="num of at least 1"):
        gp.fit_restarts(gp.Parameter(1.0), waves, key=key, num=0)
    with pytest.raises(ValueError, match="nothing in this GPR is trainable"):
        gp.fit_restarts(gp.set_trainable(MODELS["gpr"](), False), key=key)
    with pytest.raises(TypeError):
        gp.fit_restarts(gp.Parameter(1.0), waves, key=key, solver=optax.adam(0.1))


def test_side_by_side_is_one_by_one(key):
    model = MODELS["gpr"]()
    alone, beside = (gp.fit_restarts(model, key=key, num=5, workers=workers) for workers in (1, 3))
    assert np.array_equal(alone.losses, beside.losses) and alone.messages == beside.messages
    with pytest.raises(ValueError, match="expected workers of at least 1, got 0"):
        gp.fit_restarts(model, key=key, workers=0)


@pytest.mark.parametrize("settings", [contextlib.nullcontext, lambda: jax.numpy_dtype_promotion("standard")])
def test_calls_side_by_side_are_in_order_and_share_a_compilation(settings):
    traced, threads = [], []

    @jax.jit
    def compiled(x):
        traced.append(x.dtype)
        return x + 1.0

    def call(x):
        threads.append(threading.get_ident())
        return compiled(x)

    with settings():
        out = side_by_side(call, [np.float64(i) for i in range(7)], 2)
    assert out == [i + 1.0 for i in range(7)]
    assert len(traced) == 1
    # What a context manager sets holds in one thread: another would trace by other rules.
    here = threading.get_ident()
    assert threads[0] == here and all(
        (thread == here) == (settings is not contextlib.nullcontext) for thread in threads[1:]
    )


def test_what_goes_wrong_beside_is_raised():
    def call(i):
        if i:
            raise ArithmeticError(f"call {i}")
        return i

    with pytest.raises(ArithmeticError, match="call 1"):
        side_by_side(call, [0, 1, 2], 2)


def test_as_many_side_by_side_as_memory_allows(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert [workers_for({"X": np.zeros((n, 2))}) for n in (10, 1000, 4000, 9000)] == [16, 16, 3, 1]
    assert workers_for(()) == 16
