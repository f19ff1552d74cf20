"""Batches from an iterator, and rows spread over devices."""

import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

import gparams as gp

SGD = gp.fitting.Optax(optax.sgd(0.1), steps=12)
ROWS = np.linspace(0.0, 4.0, 20)


def squares(p, batch):
    return jnp.mean((p.value - batch) ** 2)


def by_hand(batches, steps):
    p, history = 0.0, []
    for k in range(steps):
        batch = batches[k % len(batches)]
        history.append(np.mean((p - batch) ** 2))
        p -= 0.1 * np.mean(2.0 * (p - batch))
    return p, history


class Loader:
    """A collection of batches that can be gone through again, as a DataLoader is."""

    def __init__(self, batches):
        self.batches, self.rounds = batches, 0

    def __iter__(self):
        self.rounds += 1
        return iter(self.batches)


RAGGED = [ROWS[:8], ROWS[8:16], ROWS[16:]]


def test_a_collection_is_gone_through_again_and_again():
    loader = Loader(RAGGED)
    result = gp.fit(gp.Parameter(0.0), squares, loader, solver=SGD)
    p, history = by_hand(RAGGED, 12)
    assert_allclose(result.model.value, p, rtol=1e-12)
    assert_allclose(result.history, history, rtol=1e-12)
    assert loader.rounds >= 4
    assert result.steps == 12


def test_an_iterator_that_runs_dry_ends_the_run():
    result = gp.fit(gp.Parameter(0.0), squares, iter(RAGGED), solver=SGD)
    p, history = by_hand(RAGGED, 3)
    assert_allclose(result.model.value, p, rtol=1e-12)
    assert result.steps == 3 and len(result.history) == 3
    assert "exhausted" in result.message


def test_a_stream_equals_batches_of_the_same_rows_and_is_not_read_to_its_end():
    taken = []

    def forever():
        while True:
            taken.append(1)
            yield (ROWS,)

    result = gp.fit(gp.Parameter(0.0), lambda p, data: squares(p, data[0]), forever(), solver=SGD)
    whole = gp.fit(gp.Parameter(0.0), squares, ROWS, solver=SGD)
    assert_allclose(result.model.value, whole.model.value, rtol=1e-12)
    assert_allclose(result.history, whole.history[:-1], rtol=1e-12)
    assert len(taken) < 20


def test_a_stream_reports_and_stops():
    seen = []
    solver = gp.fitting.Optax(optax.sgd(0.1), steps=12, every=5)
    gp.fit(gp.Parameter(0.0), squares, Loader(RAGGED), solver=solver, callback=lambda k, *state: seen.append(k))
    assert seen == [5, 10, 12]
    stopped = gp.fit(gp.Parameter(0.0), squares, Loader(RAGGED), solver=solver, callback=lambda *state: True)
    assert stopped.steps == 5 and "callback" in stopped.message


def test_a_stream_that_goes_bad_gives_back_the_last_good_model():
    batches = [ROWS, ROWS, np.full(20, np.nan), ROWS]
    result = gp.fit(gp.Parameter(0.0), squares, iter(batches), solver=SGD)
    assert "not finite" in result.message
    assert result.steps == 3
    assert_allclose(result.model.value, by_hand([ROWS], 1)[0], rtol=1e-12)


def test_streams_that_cannot_be():
    p = gp.Parameter(0.0)
    with pytest.raises(ValueError, match="gave none"):
        gp.fit(p, squares, iter([]), solver=SGD)
    with pytest.raises(ValueError, match="batch 1 is not like the first"):
        gp.fit(p, squares, iter([ROWS, ROWS[:, None]]), solver=SGD)
    with pytest.raises(ValueError, match="batch 0: expected arrays with one number of rows"):
        gp.fit(p, squares, iter([(ROWS, ROWS[1:])]), solver=SGD)
    with pytest.raises(TypeError, match="expected arrays of numbers"):
        gp.fit(p, squares, iter([np.asarray(["a"])]), solver=SGD)
    with pytest.raises(TypeError, match="LBFGS looks at all data"):
        gp.fit(p, squares, iter([ROWS]))
    with pytest.raises(ValueError, match="leave batch_size out"):
        gp.fit(p, squares, iter([ROWS]), solver=gp.fitting.Optax(optax.sgd(0.1), batch_size=2))

    def broken():
        yield ROWS
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        gp.fit(p, squares, broken(), solver=SGD)


def test_natural_gradients_take_a_stream():
    q = {"q_mu": gp.Parameter([[0.0]]), "q_sqrt": gp.Parameter([[[1.0]]], transform=gp.triangular())}

    def loss(q, batch):
        m, s = q["q_mu"].value[0, 0], q["q_sqrt"].value[0, 0, 0]
        return jnp.mean((m - batch) ** 2 + s**2) / 8.0 - jnp.log(s)

    result = gp.fit(q, loss, iter([ROWS]), solver=gp.fitting.NaturalGradient(1.0))
    assert_allclose(result.model["q_mu"].value, [[2.0]], rtol=1e-12)
    assert_allclose(result.model["q_sqrt"].value, [[[2.0]]], rtol=1e-12)


EIGHT_DEVICES = """
    import jax
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np
    import optax
    from numpy.testing import assert_allclose

    import gparams as gp

    assert len(jax.devices()) == 8
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2))
    y = X @ [1.0, -2.0] + 0.1 * rng.normal(size=64)
    seen = set()

    def loss(m, data):
        X, y = data
        jax.debug.inspect_array_sharding(y, callback=lambda s: seen.add(len(s.device_set)))
        K = jnp.exp(-0.5 * (m["w"].value[:, None] - m["w"].value[None]) ** 2) + jnp.eye(2)
        L = jnp.linalg.cholesky(K)
        return jnp.mean((y - X @ (L @ m["w"].value)) ** 2) + m["s"].value ** 2

    start = {"w": gp.Parameter([0.0, 0.5]), "s": gp.Parameter(1.0, transform=gp.positive())}
    mesh, key = jax.make_mesh((8,), ("data",)), jax.random.key(0)
    batches = [(X[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)] + [(X[:5], y[:5])]
    adam = optax.adam(0.05)
    for data, solver in [
        ((X, y), gp.fitting.LBFGS()),
        ((X, y), gp.fitting.Optax(adam, steps=20)),
        ((X, y), gp.fitting.Optax(adam, steps=20, batch_size=16)),
        (None, gp.fitting.Optax(adam, steps=20)),
    ]:
        runs = []
        for spread in (None, mesh):
            seen.clear()
            given = iter(batches) if data is None else data
            runs.append(gp.fit(start, loss, given, solver=solver, key=key, mesh=spread))
            assert (8 in seen) == (spread is not None), seen
        one, eight = runs
        assert_allclose(eight.history, one.history, rtol=1e-9, atol=1e-12)
        assert_allclose(eight.model["w"].value, one.model["w"].value, rtol=1e-7)
        assert len(eight.model["w"].value.devices()) == 1
        assert np.isfinite(one.loss) and one.loss < one.history[0]
        float(loss(eight.model, (jnp.asarray(X), jnp.asarray(y))))
    for size, what in [(12, "batch_size of 12"), (None, "data of 63")]:
        try:
            gp.fit(start, loss, (X[:63], y[:63]), solver=gp.fitting.Optax(adam, batch_size=size), key=key, mesh=mesh)
        except ValueError as error:
            assert what in str(error) and "8 devices" in str(error), error
        else:
            raise SystemExit("no error")
    print("done")
"""


@pytest.mark.slow
def test_eight_devices_give_the_result_of_one(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    code = textwrap.dedent(EIGHT_DEVICES)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("done\n")


def test_a_mesh_needs_rows():
    with pytest.raises(ValueError, match="there are no data"):
        mesh = jax.make_mesh((1,), ("data",))
        gp.fit(gp.Parameter(0.0), lambda p: p.value**2, mesh=mesh)
