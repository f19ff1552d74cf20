import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from gparams.gpflow.optimizers import SGD, Adam, Optimizer, SamplingHelper, Scipy
from tensorflow_probability.substrates import jax as tfp
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
import gparams.gpflow as gpflow


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(12, 1))
    return X, np.sin(6.0 * X) + 0.1 * rng.normal(size=X.shape)


@pytest.fixture
def model(data):
    return gpflow.models.GPR(data, kernel=gpflow.kernels.RBF(), noise_variance=0.1)


@pytest.fixture(autouse=True)
def users_settings():
    """A user has no strict promotion on, and optax would not stand it."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class Calls:
    """Counts how often a closure's Python is run. (On a class: an object around a closure counts as what it reads.)"""

    count = 0


@pytest.fixture(autouse=True)
def no_calls():
    Calls.count = 0


def counted(p):
    """A loss of a Parameter that counts how often its Python is run."""

    def loss():
        Calls.count += 1
        return jnp.sum((p - 3.0) ** 2)

    return loss


def test_scipy_reaches_the_functional_optimum(model, data):
    result = Scipy().minimize(model.training_loss, model.trainable_variables, options={"maxiter": 200, "ftol": 1e-13})
    core = gp.models.GPR(data, kernel=gp.kernels.SquaredExponential(), noise_variance=0.1)
    best = gp.fit(core)
    assert result.success and result.fun == pytest.approx(best.loss, abs=1e-7)
    assert float(model.training_loss()) == pytest.approx(result.fun)
    assert float(model.kernel.lengthscales) == pytest.approx(float(best.model.kernel.lengthscales), rel=1e-4)


def test_scipy_keywords(model):
    seen = []
    result = Scipy().minimize(
        model.training_loss,
        var_list=model.trainable_variables,
        method="BFGS",
        options=dict(maxiter=3),
        step_callback=lambda step, variables, values: seen.append(
            (step, len(variables), float(values[0]), float(variables[0]))
        ),
        track_loss_history=True,
    )
    assert result.nit == 3 and len(result.loss_history) == 3 and "x" in result
    assert [s[:2] for s in seen] == [(0, 3), (1, 3), (2, 3)] and all(s[2] == s[3] for s in seen)
    steps = []
    Scipy().minimize(
        model.training_loss, model.trainable_variables, step_callback=steps.append, options=dict(maxiter=2)
    )
    assert steps == [0, 1]


def test_scipy_refuses(model):
    with pytest.raises(TypeError, match="function without arguments"):
        Scipy().minimize(model.training_loss(), model.trainable_variables)
    with pytest.raises(TypeError, match="variables to move"):
        Scipy().minimize(model.training_loss)
    for wrong in (gp.kernels.Matern52(), [gp.kernels.Matern52().variance], model.functional()):
        with pytest.raises(TypeError, match=r"variables: .* got a functional .* gparams\.stateful"):
            Scipy().minimize(model.training_loss, wrong)
    with pytest.raises(TypeError, match="expected model.trainable_variables"):
        Scipy().minimize(model.training_loss, [1.0])
    model.trainable = False
    with pytest.raises(ValueError, match="nothing to train"):
        Scipy().minimize(model.training_loss, model.trainable_variables)
    p, q = gpflow.Parameter(1.0), gpflow.Parameter(2.0)
    with pytest.raises(ValueError, match="does not read 1"):
        Scipy().minimize(lambda: p**2, [p, q])
    Scipy().minimize(lambda: p**2, [p, q], allow_unused_variables=True)
    assert float(q) == 2.0
    with pytest.raises(ValueError, match="one number"):
        Scipy().minimize(lambda: jnp.stack([p.value, q.value]), [p, q])
    with pytest.raises(np.linalg.LinAlgError, match="not finite at the start"):
        Scipy().minimize(lambda: p * jnp.nan, [p])


def test_a_search_turns_back_where_the_loss_is_not_finite():
    p = gpflow.Parameter(1.0)
    result = Scipy().minimize(lambda: jnp.where(p > 0.5, (p - 0.6) ** 2, jnp.nan), [p])
    assert float(p) == pytest.approx(0.6, abs=1e-4) and np.isfinite(result.fun)


def test_compile_false_runs_the_python_each_time():
    p = gpflow.Parameter(1.0)
    result = Scipy().minimize(counted(p), [p], compile=False)
    assert Calls.count == result.nfev and float(p) == pytest.approx(3.0)


def test_traced_once_for_each_structure():
    p = gpflow.Parameter(1.0, prior=tfd.Normal(0.0, 1.0))
    opt, loss = Adam(0.1), counted(p)
    for _ in range(5):
        opt.minimize(loss, [p])
    once = Calls.count
    assert once <= 2
    p.assign(2.0)
    opt.minimize(counted(p), [p])  # another closure of the same code
    assert Calls.count == once
    p.prior = None
    opt.minimize(loss, [p])
    twice = Calls.count
    assert once < twice <= 2 * once
    p.prior = tfd.Normal(0.0, 1.0)
    opt.minimize(loss, [p])  # a structure that was compiled before
    assert Calls.count == twice


def test_a_freeze_between_steps_counts(model):
    model.kernel.variance.prior = tfd.Gamma(2.0, 1.0)
    opt, prior = Adam(0.05), model.kernel.variance.prior
    opt.minimize(model.training_loss, model.trainable_variables)
    before = float(model.training_loss())
    gpflow.set_trainable(model.kernel.variance, False)
    held = float(model.kernel.variance)
    assert float(model.training_loss()) == pytest.approx(before + float(prior.log_prob(held)))
    opt.minimize(model.training_loss, model.trainable_variables)
    assert float(model.kernel.variance) == held
    loss, gradients = gpflow.value_and_grad(model.training_loss, model.trainable_variables)
    assert float(loss) == pytest.approx(float(model.training_loss())) and len(gradients) == 2


@pytest.mark.parametrize("optimizer", [Scipy(), Adam(0.05), Optimizer(optax.sgd(0.01))])
@pytest.mark.parametrize("when", ["list taken earlier", "all parameters", "the module"])
def test_a_frozen_parameter_in_the_list_stays_where_it_is(model, optimizer, when):
    variables = {"list taken earlier": model.trainable_variables, "all parameters": model.parameters}.get(when, model)
    gpflow.set_trainable(model.likelihood, False)
    before = gpflow.utilities.read_values(model)
    optimizer.minimize(model.training_loss, variables)
    moved = {path for path, v in gpflow.utilities.read_values(model).items() if v != before[path]}
    assert moved == {".kernel.variance", ".kernel.lengthscales"}
    gpflow.set_trainable(model, False)
    with pytest.raises(ValueError, match="nothing to train, all 3 that were given are frozen"):
        optimizer.minimize(model.training_loss, variables)


def test_gradients_by_hand_leave_a_frozen_variable_where_it_is(model):
    variables = model.trainable_variables
    gpflow.set_trainable(model.kernel.lengthscales, False)
    before = gpflow.utilities.read_values(model)
    loss, gradients = gpflow.value_and_grad(model.training_loss, variables)
    assert len(gradients) == 3  # one for each that was named
    SGD(0.01).apply_gradients(zip(gradients, variables))
    moved = {path for path, v in gpflow.utilities.read_values(model).items() if v != before[path]}
    assert moved == {".kernel.variance", ".likelihood.variance"}


def test_a_step_callback_is_given_the_variables_that_were_named(model):
    gpflow.set_trainable(model.likelihood, False)
    seen = []
    Scipy().minimize(
        model.training_loss,
        model.parameters,
        step_callback=lambda step, variables, values: seen.append((len(variables), len(values))),
        options=dict(maxiter=1),
    )
    assert seen == [(3, 3)]


def test_whatever_changes_between_steps_counts(model, data):
    def loss():
        return model.training_loss()

    def now():
        return float(gpflow.value_and_grad(loss, [model.likelihood.variance])[0])

    for change in (
        lambda: model.kernel.lengthscales.assign(0.3),
        lambda: setattr(model, "kernel", gpflow.kernels.Matern32()),
        lambda: setattr(model.kernel, "variance", np.array(2.0)),
        lambda: setattr(model.kernel, "lengthscales", gpflow.Parameter(0.7)),
        lambda: setattr(model, "data", (data[0], 2.0 * data[1])),
        lambda: setattr(model, "data", (data[0][:4], data[1][:4])),
        lambda: setattr(model, "mean_function", gpflow.mean_functions.Constant(1.0)),
        lambda: model.mean_function.c.assign(2.0),
    ):
        before = now()
        change()
        assert now() != before and now() == pytest.approx(float(model.training_loss()))


def test_arrays_around_a_closure_are_inputs():
    p = gpflow.Parameter(1.0)

    def step(batch):
        def loss():
            Calls.count += 1
            return jnp.mean((p - batch[0]) ** 2) + weight * 0.0

        weight = 1.0
        return float(gpflow.value_and_grad(loss, [p])[0])

    losses = [step((np.full(4, float(k)),)) for k in range(6)]
    assert losses == [1.0, 0.0, 1.0, 4.0, 9.0, 16.0] and Calls.count <= 2
    assert [float(gpflow.value_and_grad(lambda k=k: (p - k) ** 2, [p])[0]) for k in (1.0, 3.0)] == [0.0, 4.0]


BATCH = np.zeros(3)


def test_global_arrays_are_inputs():
    global BATCH
    p = gpflow.Parameter(1.0)

    def loss():
        return jnp.mean((p - BATCH) ** 2)

    found = []
    for k in range(3):
        BATCH = np.full(3, float(k))
        found.append(float(gpflow.value_and_grad(loss, [p])[0]))
    assert found == [1.0, 0.0, 1.0] and isinstance(BATCH, np.ndarray)


def test_closures_that_draw_are_called_at_each_step():
    p, batches = gpflow.Parameter(0.0), iter([1.0, 2.0, 3.0])
    found = [float(gpflow.value_and_grad(lambda: (p - next(batches)) ** 2, [p])[0]) for _ in range(3)]
    assert found == [1.0, 4.0, 9.0]
    rng = np.random.default_rng(0)
    noisy = [float(gpflow.value_and_grad(lambda: p + rng.normal(), [p])[0]) for _ in range(2)]
    assert noisy[0] != noisy[1]
    noisy = [float(gpflow.value_and_grad(lambda: p + np.random.normal(), [p])[0]) for _ in range(2)]
    assert noisy[0] != noisy[1]
    Adam(0.1).minimize(lambda: p + rng.normal(), [p])
    assert float(p) != 0.0


def test_a_jit_around_a_closure_is_taken_off():
    p = gpflow.Parameter(1.0)
    closure = jax.jit(lambda: (p - 3.0) ** 2)
    Scipy().minimize(closure, [p])
    assert float(p) == pytest.approx(3.0)
    p.assign(1.0)
    assert float(gpflow.value_and_grad(closure, [p])[0]) == 4.0


def test_shared_kernels_have_one_gradient(data):
    k = gpflow.kernels.RBF()
    models = [gpflow.models.GPR((data[0][i::3], data[1][i::3]), kernel=k, noise_variance=0.1) for i in range(3)]
    variables = [v for m in models for v in m.trainable_variables]
    result = Scipy().minimize(lambda: sum(m.training_loss() for m in models), variables)
    assert len(result.x) == 5 and result.fun == pytest.approx(sum(float(m.training_loss()) for m in models))
    assert models[0].kernel.lengthscales is models[2].kernel.lengthscales


def test_adam_is_optax(model):
    core = model.functional()
    opt = Adam(0.05)
    for _ in range(10):
        opt.minimize(model.training_loss, model.trainable_variables)
    fitted = gp.fit(core, solver=gp.fitting.Optax(optax.adam(0.05, eps=1e-7), steps=10)).model
    for path, value in gp.read_values(fitted).items():
        assert float(gp.read_values(model.functional())[path]) == pytest.approx(float(value), rel=1e-8)


def test_moments_survive_a_change_of_the_trainable_set():
    p, q = gpflow.Parameter(1.0), gpflow.Parameter(1.0)
    opt = Optimizer(optax.sgd(0.1, momentum=0.9))
    opt.minimize(lambda: p**2 + q**2, [p, q])
    opt.minimize(lambda: p**2 + q**2, [p])
    alone = gpflow.Parameter(1.0)
    other = Optimizer(optax.sgd(0.1, momentum=0.9))
    for _ in range(2):
        other.minimize(lambda: alone**2, [alone])
    assert float(p) == float(alone) and float(q) == 0.8


def test_learning_rate_can_be_set():
    p, opt = gpflow.Parameter(1.0), SGD(learning_rate=0.1)
    opt.learning_rate = 0.25
    opt.minimize(lambda: p**2, [p])
    assert float(p) == 0.5 and opt.learning_rate == 0.25
    opt.learning_rate = 0.5
    opt.minimize(lambda: p**2, [p])
    assert float(p) == 0.0
    with pytest.raises(TypeError, match="does not take"):
        Adam(beta=0.3)
    with pytest.raises(TypeError, match="optax"):
        Optimizer(0.1)


def test_apply_gradients_is_the_same_step():
    p, q = gpflow.Parameter(1.0), gpflow.Parameter(1.0)
    one, two = Adam(0.1), Adam(0.1)
    for _ in range(3):
        one.minimize(lambda: (p - 3.0) ** 2, [p])
        _, gradients = gpflow.value_and_grad(lambda: (q - 3.0) ** 2, [q])
        two.apply_gradients(zip(gradients, [q.unconstrained_variable]))
    assert float(p) == pytest.approx(float(q), rel=1e-12)


def test_a_step_into_nothing_changes_nothing_and_raises():
    p, opt = gpflow.Parameter(1.0), SGD(0.1)
    opt.minimize(lambda: jnp.log(p - 2.0), [p])
    assert float(p) == 1.0
    with pytest.raises(np.linalg.LinAlgError, match="changed nothing"):
        opt.minimize(lambda: p**2, [p])
    opt.minimize(lambda: p**2, [p])
    assert float(p) == pytest.approx(0.8)


def test_a_closure_may_not_assign():
    p, q = gpflow.Parameter(1.0), gpflow.Parameter(1.0)

    def loss():
        q.assign(p.value * 2.0)
        return q**2

    with pytest.raises(TypeError, match="may read Parameters and not write"):
        gpflow.value_and_grad(loss, [p])
    assert float(q) == 1.0 and float(p) == 1.0


def test_an_error_in_a_closure_leaves_the_numbers_in_place():
    p = gpflow.Parameter(1.0)

    def loss():
        raise RuntimeError(f"no {p.value.shape}")

    with pytest.raises(RuntimeError):
        gpflow.value_and_grad(loss, [p])
    assert float(p) == 1.0 and isinstance(p.held.unconstrained, jax.Array)


def test_sampling_helper(model):
    for p in model.trainable_parameters:
        p.prior = tfd.Gamma(np.float64(2.0), np.float64(1.0))
    helper = SamplingHelper(model.log_posterior_density, model.trainable_parameters)
    core = model.functional()
    density = gp.log_density(core, lambda m: m.log_marginal_likelihood())
    flat = gp.Flat(core)
    assert len(gpflow.utilities.select_dict_parameters_with_prior(model)) == 3
    start = [jnp.asarray(u) for u in helper.current_state]
    value, gradient = jax.value_and_grad(helper.target_log_prob_fn)(*start)
    assert float(value) == pytest.approx(float(density(flat.vector())))
    assert np.isfinite(float(gradient))
    values = helper.convert_to_constrained_values([u[None] for u in start])
    assert float(values[0][0]) == pytest.approx(float(model.trainable_parameters[0]))
    with pytest.raises(ValueError, match="priors"):
        SamplingHelper(model.log_posterior_density, [gpflow.Parameter(1.0)])


def _tfp_samples(helper):
    kernel = tfp.mcmc.HamiltonianMonteCarlo(helper.target_log_prob_fn, num_leapfrog_steps=3, step_size=0.01)
    return jax.jit(
        lambda: tfp.mcmc.sample_chain(
            3, current_state=helper.current_state, kernel=kernel, trace_fn=None, seed=jax.random.key(0)
        )
    )()


def _blackjax_samples(helper):
    blackjax = pytest.importorskip("blackjax")
    sampler = blackjax.hmc(lambda state: helper.target_log_prob_fn(*state), 0.01, jnp.ones(3), 3)
    start = sampler.init(helper.current_state)
    keys = jax.random.split(jax.random.key(0), 3)
    return jax.lax.scan(lambda state, key: (sampler.step(key, state)[0],) * 2, start, keys)[1].position


@pytest.mark.parametrize("sampler", [_tfp_samples, _blackjax_samples])
def test_samples_are_assigned_to_the_current_state(model, data, sampler):
    """GPflow's notebook: the state is the variables, and assigning samples to them sets the model."""
    for p in model.trainable_parameters:
        p.prior = tfd.Gamma(np.float64(2.0), np.float64(1.0))
    helper = SamplingHelper(model.log_posterior_density, model.trainable_parameters)
    samples = sampler(helper)
    values = helper.convert_to_constrained_values(samples)
    means = []
    for i in range(3):
        for var, var_samples in zip(helper.current_state, samples):
            var.assign(var_samples[i])
        assert [float(p) for p in model.trainable_parameters] == pytest.approx([float(v[i]) for v in values])
        means.append(model.predict_f(data[0])[0])
    assert not np.allclose(means[0], means[2])
    state = helper.current_state
    assert [v.numpy().tolist() for v in state] == [np.asarray(v).tolist() for v in state] == [s[2] for s in samples]
    assert state == list(model.trainable_variables)


@pytest.mark.parametrize("turn", [1, -1])
def test_gradients_and_results_keep_the_order_of_the_variables(turn):
    cells = [gpflow.Parameter(np.full(k + 1, float(k))) for k in range(12)][::turn]  # serial numbers of several lengths

    def loss():
        return sum((p.shape[0] * jnp.sum((p - p.shape[0]) ** 2) for p in cells), start=jnp.zeros(()))

    _, gradients = gpflow.value_and_grad(loss, cells)
    for p, gradient in zip(cells, gradients, strict=True):
        assert np.allclose(gradient, 2.0 * len(p) * (p.numpy() - len(p)))
    result = Scipy().minimize(loss, [p.unconstrained_variable for p in cells])
    assert np.allclose(result.x, np.concatenate([np.full(len(p), len(p)) for p in cells]), atol=1e-4)
    for p in cells:
        p.assign(np.zeros(len(p)))
    SGD(0.01).minimize(loss, cells)
    assert all(np.allclose(p.numpy(), 0.02 * len(p) ** 2) for p in cells)


class Batched(gpflow.models.BayesianModel, gpflow.models.ExternalDataTrainingLossMixin):
    def __init__(self):
        self.p = gpflow.Parameter(0.0)

    def maximum_log_likelihood_objective(self, data):
        Calls.count += 1
        return -jnp.mean((self.p - data) ** 2)


def test_batches_of_a_training_loss_closure_are_inputs():
    model = Batched()
    batches = iter(gpflow.Dataset.from_tensor_slices(np.arange(6.0)).repeat().batch(2))
    loss, opt = model.training_loss_closure(batches), SGD(0.25)
    found = []
    for _ in range(4):
        opt.minimize(loss, model.trainable_variables)
        found.append(float(model.p))
    assert found == pytest.approx([0.25, 1.375, 2.9375, 1.71875]) and Calls.count <= 2
    before = Calls.count
    for data in (np.ones(2), np.zeros(2)):
        opt.minimize(model.training_loss_closure(data), model.trainable_variables)
    assert Calls.count <= before + 2


def test_one_natural_gradient_step_is_exact_and_honours_no_flag(data):
    model = gpflow.models.VGP(data, gpflow.kernels.RBF(lengthscales=0.3), gpflow.likelihoods.Gaussian(0.1))
    exact = gpflow.models.GPR(data, gpflow.kernels.RBF(lengthscales=0.3), noise_variance=0.1)
    gpflow.set_trainable(model.q_mu, False)
    gpflow.set_trainable(model.q_sqrt, False)
    natgrad = gpflow.optimizers.NaturalGradient(gamma=1.0)
    natgrad.minimize(model.training_loss, [(model.q_mu, model.q_sqrt)])
    assert float(model.elbo()) == pytest.approx(float(exact.log_marginal_likelihood()), abs=1e-4)
    assert not model.q_mu.trainable
    xi = gpflow.optimizers.XiSqrtMeanVar()
    gpflow.optimizers.NaturalGradient(0.1).minimize(model.training_loss, [(model.q_mu, model.q_sqrt, xi)])
    with pytest.raises(TypeError, match="pairs of Parameters"):
        natgrad.minimize(model.training_loss, [model.q_mu])
    held = model.q_mu.numpy()
    with pytest.raises(np.linalg.LinAlgError, match="nothing was changed"):
        natgrad.minimize(lambda: model.training_loss() * jnp.nan, [(model.q_mu, model.q_sqrt)])
    assert np.array_equal(model.q_mu.numpy(), held)


@pytest.mark.parametrize("num_latent", [1, 6])
def test_a_pair_the_wrong_way_round_is_refused(data, num_latent):
    """GPflow 2.11.2 raises "Tensor shape mismatch", also where there are as many latent functions as inducing points."""
    Y = np.repeat(data[1], num_latent, 1)
    model = gpflow.models.SVGP(
        gpflow.kernels.RBF(), gpflow.likelihoods.Gaussian(), data[0][:6], num_latent_gps=num_latent
    )
    loss = model.training_loss_closure((data[0], Y))
    with pytest.raises(ValueError, match=r"expected 'q_mu' of shape \[M, L\].*got \(\d, 6, 6\) and \(6, \d\)"):
        gpflow.optimizers.NaturalGradient(0.1).minimize(loss, [(model.q_sqrt, model.q_mu)])


def test_a_partly_frozen_parameter_keeps_its_frozen_elements():
    p = gpflow.Parameter([1.0, 2.0, 3.0])
    p.put(gp.set_trainable(gp.at(p.functional())[:1], False))
    Scipy().minimize(lambda: jnp.sum((p - 5.0) ** 2), [p])
    assert np.allclose(p.numpy(), [1.0, 5.0, 5.0])
    SGD(0.25).minimize(lambda: jnp.sum(p**2), [p])
    assert np.allclose(p.numpy(), [1.0, 2.5, 2.5])
