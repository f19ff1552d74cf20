"""Fits: that solvers agree, stop when they should, share compilations, and always hand back a usable model."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import MODELS, data, positive
from numpy.testing import assert_allclose
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
from gparams.__main__ import build

LBFGS, Scipy, Optax = gp.fitting.LBFGS, gp.fitting.Scipy, gp.fitting.Optax
SOLVERS = {
    "lbfgs": LBFGS(max_steps=60),
    "scipy": Scipy("L-BFGS-B", max_steps=60),
    "optax": Optax(optax.adam(0.05), steps=60),
    "optax-dict": Optax(optax.sgd(1e-3, momentum=0.9), steps=60, ravel=False),
}

each_solver = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def toy():
    return MODELS["gpr"]()


def bowl(p):
    return (p.value - 3.0) ** 2


def finite(model):
    leaves = jax.tree.leaves(model)
    return bool(leaves) and all(np.isfinite(leaf).all() for leaf in leaves)


def same(a, b):
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def test_solvers_reach_the_same_loss():
    ours, theirs = gp.fit(toy(), solver=LBFGS()), gp.fit(toy(), solver=Scipy("L-BFGS-B"))
    assert ours.converged and theirs.converged
    assert ours.message.startswith("converged") and theirs.message.startswith("converged")
    left = gp.filter_grad(lambda m: m.training_loss())(theirs.model)
    steepest = max(float(np.abs(g).max()) for g in jax.tree.leaves(left))
    said = float(theirs.message.split("(largest element of the gradient ")[1].split(")")[0])
    assert_allclose(said, steepest, rtol=0.05)
    assert np.isfinite([ours.loss, theirs.loss]).all()
    assert_allclose(ours.loss, theirs.loss, rtol=1e-6)
    adam = gp.fit(toy(), solver=Optax(optax.adam(0.05), steps=1500))
    assert np.isfinite(adam.loss) and not adam.converged
    assert_allclose(adam.loss, ours.loss, rtol=1e-5)
    gradient = gp.filter_grad(lambda m: m.training_loss())(ours.model)
    assert all(np.abs(g).max() < 1e-2 for g in jax.tree.leaves(gradient))


@each_solver
def test_result_is_consistent_and_never_above_the_start(solver):
    start = toy()
    result = gp.fit(start, solver=solver)
    assert np.isfinite(result.history).all()
    assert len(result.history) == result.steps + 1
    assert result.steps <= 60
    assert_allclose(result.history[0], start.training_loss(), rtol=1e-10)
    assert result.loss < result.history[0]
    assert_allclose(result.loss, result.model.training_loss(), rtol=1e-10)
    assert_allclose(result.loss, result.history.min(), rtol=1e-10)
    assert result.message in repr(result)
    assert same(start, toy())


@each_solver
def test_a_fit_makes_no_nan_where_nans_are_looked_for(solver):
    with jax.debug_nans(True):
        assert np.isfinite(gp.fit(toy(), solver=solver).loss)


@pytest.mark.parametrize("ravel", [True, False])
def test_a_diverging_optimiser_returns_the_best_point(ravel):
    p = gp.Parameter(2.9)
    result = gp.fit(p, bowl, solver=Optax(optax.sgd(1.5), steps=20, ravel=ravel))
    assert result.history[-1] > result.history[0]
    assert_allclose(result.model.value, 2.9)
    assert_allclose(result.loss, 0.01)


def test_a_start_at_the_optimum_converges_at_once():
    result = gp.fit(gp.Parameter(3.0), bowl)
    assert result.converged and result.steps == 0 and result.loss == 0.0


@each_solver
def test_a_start_that_is_not_finite(solver):
    p = gp.Parameter(1.0)
    result = gp.fit(p, lambda p: p.value * jnp.nan, solver=solver)
    assert not result.converged
    assert "not finite" in result.message
    assert same(result.model, p)


@each_solver
def test_a_loss_that_stops_being_finite_leaves_a_finite_model(solver):
    p = gp.Parameter(1.0)

    def cliff(p):
        return jnp.where(p.value > 1.05, jnp.nan, -5.0 * p.value)

    result = gp.fit(p, cliff, solver=solver)
    assert finite(result.model)
    assert np.isfinite(result.loss) and result.loss <= -5.0
    assert 1.0 <= float(result.model.value) <= 1.05
    if isinstance(solver, Optax):
        assert not result.converged
        assert "not finite" in result.message and f"step {result.steps}" in result.message


def test_nothing_trainable():
    model = gp.set_trainable(toy(), False)
    with pytest.raises(ValueError, match="nothing in this GPR is trainable"):
        gp.fit(model)


@each_solver
def test_a_loss_that_takes_no_notice_of_the_model(solver):
    model = toy()
    with pytest.raises(ValueError, match="does not depend on any trainable Parameter"):
        gp.fit(model, lambda _: model.training_loss(), solver=solver)
    with pytest.raises(ValueError, match="does not depend on any trainable Parameter"):
        gp.fit(gp.Parameter(1.0), lambda p: 3.0, solver=solver)
    with pytest.raises(TypeError, match="the loss returned None"):
        gp.fit(gp.Parameter(1.0), lambda p: None, solver=solver)
    flat = gp.fit(gp.Parameter(1.0), lambda p: 0.0 * p.value, solver=solver)  # it reads, and there is nothing to gain
    assert flat.loss == 0.0


def test_a_loss_that_can_not_be_called():
    model = toy()
    with pytest.raises(TypeError, match=r"called as loss\(model\).*lambda m: m.training_loss"):
        gp.fit(model, model.training_loss)
    with pytest.raises(TypeError, match=r"called as loss\(model, data\)"):
        gp.fit(model, lambda m: m.training_loss(), data=data())
    with pytest.raises(TypeError, match="GPR has its data already"):
        gp.fit(model, data=data())


def test_a_fit_is_not_traced():
    with pytest.raises(TypeError, match="traced, by jit, vmap or grad"):
        jax.jit(lambda m: gp.fit(m).loss)(toy())


@each_solver
def test_a_gradient_that_is_not_finite_is_not_a_loss_that_is_not(solver):
    result = gp.fit(gp.Parameter(0.0), lambda p: jnp.sqrt(jnp.abs(p * p)), solver=solver)
    assert result.loss == 0.0 and float(result.model) == 0.0
    assert result.message.startswith("stopped: the gradient of the loss is not finite at the start")


def test_a_kernel_that_is_none_is_named():
    class Distance(gp.kernels.Kernel):
        scale: gp.Parameter

        def K(self, X, X2=None):
            return -self.scale * jnp.abs(X[:, :1] - (X if X2 is None else X2)[:, :1].T)

        def K_diag(self, X):
            return jnp.zeros(len(X))

    model = gp.models.GPR(data(), Distance(gp.Parameter(1.0)))
    result = gp.fit(model)
    assert not result.converged and same(result.model, model)
    assert "Distance (kernel.scale = 1" in result.message and "not a covariance" in result.message
    X = np.linspace(0.0, 5.0, 20)[:, None]
    huge = gp.fit(gp.models.GPR((X, np.sin(X)), gp.kernels.SquaredExponential(1e308, 10.0)))
    assert "SquaredExponential (kernel.variance = 1e+308" in huge.message  # the diagnosis itself stands such numbers


def test_a_prior_that_excludes_the_start_is_named():
    model = gp.set_prior(toy().at.kernel.variance, tfd.Uniform(np.float64(20.0), np.float64(30.0)))
    assert "the prior of kernel.variance excludes" in gp.fit(model).message
    assert "prior" not in gp.fit(gp.Parameter(1.0), lambda p: p.value * jnp.nan).message


@pytest.mark.parametrize(("num_data", "batch_size", "said"), [
    (None, 4, "num_data is not set, so that a batch of 4"), (7, 4, "num_data is 7"), (7, None, "num_data is 7"),
    (None, None, None), (20, 4, None),
])  # fmt: skip
def test_the_number_of_data_is_compared(num_data, batch_size, said, key, recwarn):
    X, Y = np.linspace(0.0, 1.0, 20)[:, None], np.ones((20, 1))
    model = gp.models.SVGP(gp.kernels.Matern32(), gp.likelihoods.Gaussian(), X[:2], num_data=num_data)
    if batch_size is None and num_data == 7:
        with pytest.raises(ValueError, match="a batch of 20 data, and num_data=7"), pytest.warns(match=said):
            gp.fit(model, data=(X, Y), solver=Optax(optax.sgd(1e-3), steps=1))
        return
    gp.fit(model, data=(X, Y), solver=Optax(optax.sgd(1e-3), steps=1, batch_size=batch_size), key=key)
    found = [str(w.message) for w in recwarn if "num_data" in str(w.message)]
    assert len(found) == (said is not None)
    assert all(said in text and "num_data=20" in text for text in found)


@each_solver
def test_a_loss_is_one_number(solver):
    with pytest.raises(ValueError, match=r"must be one number, and has shape \(1,\)"):
        gp.fit(gp.Parameter(1.0), lambda p: p.value[None], solver=solver)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="has no training_loss"):
        gp.fit(gp.Parameter(1.0))
    # The checks of argument types that the tests run under speak first, with an error of the same kind.
    with pytest.raises(TypeError):
        gp.fit(toy(), "loss")
    with pytest.raises(TypeError):
        gp.fit(toy(), solver=optax.adam(0.1))
    with pytest.raises(ValueError, match="at least 1"):
        Optax(optax.adam(0.1), steps=0)


@each_solver
def test_the_callback_sees_the_run_and_can_stop_it(solver):
    seen = []

    def callback(step, loss, model):
        seen.append((step, loss, float(model.training_loss())))
        return len(seen) == 2

    result = gp.fit(toy(), solver=solver, callback=callback)
    assert len(seen) == 2
    assert seen[0][0] < seen[1][0] <= result.steps + 1
    assert np.isfinite(seen).all()
    assert finite(result.model)
    assert result.loss < float(toy().training_loss())
    # Optax runs 50 steps, then 10; L-BFGS 10 and 10; SciPy one and one.
    assert result.steps < 60 or isinstance(solver, Optax)


@each_solver
def test_the_callback_does_not_change_the_run(solver):
    steps = []
    watched = gp.fit(toy(), solver=solver, callback=lambda step, loss, model: steps.append(step))
    alone = gp.fit(toy(), solver=solver)
    assert steps
    assert watched.steps == alone.steps
    assert_allclose(watched.history, alone.history, rtol=1e-9)
    assert "callback" not in watched.message


def test_a_watched_run_compiles_each_stretch_once():
    traces = []

    def loss(p):
        traces.append(1)
        return (p.value - 2.0) ** 4

    counts = []
    gp.fit(gp.Parameter(0.0), loss, solver=LBFGS(every=1), callback=lambda *state: counts.append(len(traces)))
    assert len(counts) > 4
    assert len(set(counts)) == 1


def test_a_stopped_run_says_so():
    result = gp.fit(toy(), solver=LBFGS(every=1), callback=lambda *state: True)
    assert not result.converged and "callback" in result.message
    assert result.steps == 1


def test_out_of_steps_is_not_converged():
    for solver in (LBFGS(max_steps=2), Scipy(max_steps=2)):
        result = gp.fit(toy(), solver=solver)
        assert not result.converged
        assert result.steps == 2
        assert not result.message.startswith("converged")


# ---- batches


def squares(p, batch):
    return jnp.mean((p.value - batch) ** 2)


ROWS = np.linspace(0.0, 4.0, 20)
BATCHES = Optax(optax.sgd(0.05), steps=100, batch_size=6)


def test_batches_need_a_key_and_follow_it(key):
    p = gp.Parameter(0.0)
    with pytest.raises(ValueError, match="key="):
        gp.fit(p, squares, ROWS, solver=BATCHES)
    first, again = (gp.fit(p, squares, ROWS, solver=BATCHES, key=key) for _ in range(2))
    other = gp.fit(p, squares, ROWS, solver=BATCHES, key=jax.random.key(1))
    assert np.array_equal(first.history, again.history)
    assert float(first.model.value) == float(again.model.value)
    assert not np.array_equal(first.history, other.history)
    assert_allclose(first.model.value, 2.0, atol=0.5)


def test_batches_that_cannot_be(key):
    p = gp.Parameter(0.0)
    with pytest.raises(ValueError, match="batch_size=6 is more than the 5 rows"):
        gp.fit(p, squares, ROWS[:5], solver=BATCHES, key=key)
    with pytest.raises(ValueError, match="one number of rows"):
        gp.fit(p, lambda p, d: squares(p, d[0]), (ROWS, ROWS[1:]), solver=BATCHES, key=key)
    with pytest.raises(ValueError, match="no data"):
        gp.fit(p, bowl, solver=BATCHES, key=key)


def test_an_epoch_sees_each_row_once(key):
    def shares(p, batch):  # with a linear loss and no decay, an epoch's steps add up to the rows it saw
        return -jnp.sum(batch @ p.value)

    rows = np.eye(4)
    for seed in range(3):
        solver = Optax(optax.sgd(1.0), steps=2, batch_size=2)
        result = gp.fit(gp.Parameter(np.zeros(4)), shares, rows, solver=solver, key=jax.random.key(seed))
        model = result.model.value
        assert np.isfinite(model).all()
        assert_allclose(model, np.ones(4))


def test_data_reach_the_loss():
    result = gp.fit(gp.Parameter(0.0), squares, ROWS)
    assert result.converged
    assert_allclose(result.model.value, 2.0, atol=1e-6)


# ---- which Parameters move


def test_labels_by_path():
    def label(params):
        return {path: "still" if "likelihood" in path else "moves" for path in params}

    optimizer = optax.multi_transform({"moves": optax.adam(0.05), "still": optax.set_to_zero()}, label)
    start = toy()
    result = gp.fit(start, solver=Optax(optimizer, steps=20, ravel=False))
    assert result.loss < result.history[0]
    assert np.array_equal(result.model.likelihood.variance.value, start.likelihood.variance.value)
    assert result.model.kernel.variance.value != start.kernel.variance.value
    assert result.model.kernel.lengthscales.value != start.kernel.lengthscales.value


@pytest.mark.parametrize(
    "solver",
    [
        LBFGS(max_steps=20),
        Scipy(max_steps=20),
        Optax(optax.adamw(0.05, weight_decay=0.1), steps=20),
        Optax(optax.adamw(0.05, weight_decay=0.1), steps=20, ravel=False),
        Optax(optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(0.05, momentum=0.9)), steps=20),
    ],
    ids=["lbfgs", "scipy", "adamw", "adamw-dict", "clip-momentum"],
)
def test_a_frozen_parameter_is_untouched(solver):
    start = gp.set_trainable(toy().at.kernel.lengthscales, False)
    model = gp.fit(start, solver=solver).model
    assert np.array_equal(model.kernel.lengthscales.unconstrained, start.kernel.lengthscales.unconstrained)
    assert not model.kernel.lengthscales.trainable
    assert model.kernel.variance.value != start.kernel.variance.value
    assert np.array_equal(model.data[0], start.data[0]) and np.array_equal(model.data[1], start.data[1])


def test_a_prior_moves_the_optimum():
    free = gp.fit(toy()).model
    prior = tfd.Normal(np.float64(5.0), np.float64(0.01))
    held = gp.fit(gp.set_prior(toy().at.kernel.lengthscales, prior))
    assert held.converged and np.isfinite(held.loss)
    assert_allclose(held.model.kernel.lengthscales.value, 5.0, atol=0.05)
    assert abs(float(free.kernel.lengthscales.value) - 5.0) > 1.0


@each_solver
def test_equal_models_share_a_compilation(solver):
    traces = []

    class Counting(gp.Module):
        p: gp.Parameter

        def __init__(self, start):
            self.p = positive(start)

        def training_loss(self):
            traces.append(1)
            return (self.p.value - 2.0) ** 2

    first = gp.fit(Counting(1.0), solver=solver)
    count = len(traces)
    assert count > 0 and first.loss < 1.0
    again = gp.fit(Counting(1.0), solver=solver)
    assert again.loss == first.loss
    gp.fit(Counting(3.0), solver=solver)
    assert len(traces) == count


@pytest.mark.parametrize("name", ["lbfgs", "scipy", "optax"])
def test_progress_goes_to_standard_error_only_when_asked(name, capsys, monkeypatch):
    monkeypatch.setenv("CI", "1")
    p, solver = gp.Parameter(1.0), SOLVERS[name]
    gp.fit(p, bowl, solver=solver)
    gp.fit(p, bowl, solver=solver, progress=False)
    assert capsys.readouterr() == ("", "")
    gp.fit(p, bowl, solver=solver, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "fit" in err and "loss" in err


def test_several_outputs_and_columns_fit():
    X, Y = data(num_rows=23, num_columns=3)
    model = gp.models.GPR((X, Y), kernel=gp.kernels.Matern52(lengthscales=np.ones(3)), noise_variance=0.1)
    result = gp.fit(model)
    assert result.converged
    assert result.loss < result.history[0]


@pytest.mark.slow
def test_the_co2_record():
    ours, theirs = gp.fit(build()), gp.fit(build(), solver=Scipy("L-BFGS-B"))
    assert ours.converged, ours.message
    assert theirs.converged, theirs.message
    assert np.isfinite([ours.loss, theirs.loss]).all()
    assert ours.loss < ours.history[0] - 50.0
    assert_allclose(ours.loss, theirs.loss, rtol=1e-6)
    assert_allclose(ours.loss, 126.23924, rtol=1e-6)
    assert_allclose(ours.model.kernel.kernels[0].lengthscales.value, 51.50, rtol=1e-2)
    # With the trend's lengthscale held elsewhere, the loss can only be higher.
    slower = gp.assign(ours.model.at.kernel.kernels[0].lengthscales, 100.0)
    slower = gp.fit(gp.set_trainable(slower.at.kernel.kernels[0].lengthscales, False))
    assert slower.converged, slower.message
    assert slower.loss > ours.loss
    assert_allclose(slower.model.kernel.kernels[0].lengthscales.value, 100.0, rtol=1e-14)
