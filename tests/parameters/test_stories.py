"""Four stories told with numbers: a frozen layer, a part of a network, optimisers by parameter, surgery on a model."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gparams as gp


def bits(model):
    return {path: value.tobytes() for path, value in gp.read_values(model).items()}


def make_step(optimizer, loss, traces=None):
    @jax.jit
    def step(model, state):
        if traces is not None:
            traces.append(1)
        value, gradient = gp.filter_value_and_grad(loss)(model)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer counts with floats
            updates, state = optimizer.update(gradient, state, gp.partition(model)[0])
        return gp.apply_updates(model, updates), state, value

    return step


def run(step, model, state, steps):
    losses = []
    for _ in range(steps):
        model, state, value = step(model, state)
        losses.append(float(value))
    assert np.isfinite(losses).all()
    return model, state, np.asarray(losses)


# ---- 1. freezing in a layer model


class Bend(gp.Module):
    a: gp.Parameter

    def __init__(self, a):
        self.a = gp.Parameter(a, transform=gp.positive())

    def __call__(self, x):
        return jnp.tanh(self.a * x)


class Leaf(gp.Module):
    layers: list
    height: gp.Parameter

    def __init__(self, a, height):
        self.layers = [Bend(a)]
        self.height = gp.Parameter(height)

    def __call__(self, x):
        return self.height * self.layers[0](x)


X = np.linspace(0.0, 2.0, 21)


def leaf_loss(model):
    return jnp.mean((model(X) - 2.0 * np.tanh(3.0 * X)) ** 2)


def test_freezing_keeps_the_loss_and_takes_the_gradient_away():
    free = Leaf(1.0, 0.5)
    frozen = gp.set_trainable(free.at.layers[0].a, False)
    before, gradient = gp.filter_value_and_grad(leaf_loss)(free)
    after, rest = gp.filter_value_and_grad(leaf_loss)(frozen)
    assert float(before) == pytest.approx(np.mean((0.5 * np.tanh(X) - 2.0 * np.tanh(3.0 * X)) ** 2), rel=1e-13)
    assert float(after) == float(before)
    assert set(gradient) == {"layers[0].a", "height"} and set(rest) == {"height"}
    assert abs(float(gradient["layers[0].a"])) > 0.1
    by_hand = np.mean(2.0 * (0.5 * np.tanh(X) - 2.0 * np.tanh(3.0 * X)) * np.tanh(X))
    np.testing.assert_allclose([gradient["height"], rest["height"]], by_hand, rtol=1e-12)
    assert free.layers[0].a.trainable  # the old model is as it was


@pytest.mark.parametrize("verb", ["replace", "assign"])
def test_another_frozen_value_changes_the_output_at_once(verb):
    traces = []

    @jax.jit
    def output(model):
        traces.append(1)
        return model(X)

    model = gp.set_trainable((m := Leaf(1.0, 0.5)).at.layers[0].a, False)
    np.testing.assert_allclose(output(model), 0.5 * np.tanh(X), rtol=1e-13)
    place = model.at.layers[0].a
    node = gp.Parameter(3.0, transform=gp.positive(), trainable=False)
    moved = gp.replace(place, node) if verb == "replace" else gp.assign(place, 3.0)
    for _ in range(2):
        np.testing.assert_allclose(moved(X), 0.5 * np.tanh(3.0 * X), rtol=1e-13)
        np.testing.assert_allclose(output(moved), 0.5 * np.tanh(3.0 * X), rtol=1e-13)
    assert len(traces) == 1  # a new value compiles nothing
    assert set(gp.filter_grad(leaf_loss)(moved)) == {"height"}
    assert float(m.layers[0].a) == float(model.layers[0].a) == 1.0


def test_frozen_then_free_in_one_model():
    optimizer, traces = optax.adamw(0.1, weight_decay=1e-2), []
    step = make_step(optimizer, leaf_loss, traces)
    model = gp.set_trainable((m := Leaf(1.0, 0.5)).at.layers[0].a, False)
    held, _, _ = run(step, model, optimizer.init(gp.partition(model)[0]), 100)
    assert bits(held)["layers[0].a"] == bits(m)["layers[0].a"]
    assert leaf_loss(held) > 0.01  # the best there is with a = 1
    held = gp.assign(held.at.layers[0].a, 2.0)
    again = gp.set_trainable(held.at.layers[0].a, True)
    assert leaf_loss(again) == leaf_loss(held)
    optimizer = optax.adam(0.05)
    step = make_step(optimizer, leaf_loss, traces)
    fitted, _, _ = run(step, again, optimizer.init(gp.partition(again)[0]), 600)
    assert float(fitted.layers[0].a) == pytest.approx(3.0, rel=1e-6)
    assert float(fitted.height) == pytest.approx(2.0, rel=1e-6)
    assert len(traces) == 2


# ---- 2. training a part of a network


class Network(eqx.Module):
    """A foreign module, as Equinox has them: it knows nothing of Parameters."""

    layers: list

    def __init__(self, *widths, key):
        sizes = zip(widths[:-1], widths[1:], jax.random.split(key, len(widths) - 1), strict=True)
        self.layers = [eqx.nn.Linear(n, m, key=k) for n, m, k in sizes]

    def __call__(self, x):
        *hidden, last = self.layers
        for layer in hidden:
            x = jax.nn.relu(layer(x))
        return last(x)


def train_on_digits(network, steps):
    digits = jnp.eye(10)

    def loss(network):
        return optax.softmax_cross_entropy(jax.vmap(network)(digits), digits).mean()

    optimizer, traces = optax.sgd(0.3), []
    step = make_step(optimizer, loss, traces)
    trained, _, losses = run(step, network, optimizer.init(gp.partition(network)[0]), steps)
    assert len(traces) == 1
    return trained, losses, np.asarray(jax.vmap(trained)(digits).argmax(axis=1))


def test_ten_digits_with_the_middle_layer_frozen(key):
    network = gp.parametrize(Network(10, 300, 100, 10, key=key))
    network = gp.set_trainable(gp.at(network).layers[1], False)
    moving = ["layers[0].weight", "layers[0].bias", "layers[2].weight", "layers[2].bias"]
    assert {path: u.shape for path, u in gp.partition(network)[0].items()} == dict(
        zip(moving, [(300, 10), (300,), (10, 100), (10,)], strict=True)
    )
    trained, losses, named = train_on_digits(network, 200)
    assert losses[0] == pytest.approx(np.log(10.0), rel=0.05)
    assert losses[-1] < 0.2
    np.testing.assert_array_equal(named, np.arange(10))
    before, after = bits(network), bits(trained)
    assert {path for path in before if before[path] != after[path]} == set(moving)


def test_without_freezing_the_middle_layer_moves(key):
    network = gp.parametrize(Network(10, 300, 100, 10, key=key))
    trained, _, _ = train_on_digits(network, 2)
    before, after = bits(network), bits(trained)
    assert all(before[path] != after[path] for path in before)


# ---- 3. different optimisers for different parameters, and a projection


class Registration(gp.Module):
    rotation: gp.Parameter
    size: gp.Parameter
    shift: gp.Parameter

    def __init__(self):
        self.rotation = gp.Parameter(np.eye(3))
        self.size = gp.Parameter(1.0, transform=gp.positive())
        self.shift = gp.Parameter(np.zeros(3))

    def __call__(self, points):
        return self.size * points @ self.rotation.T + self.shift[None, :]


def orthogonal(matrix):
    q, r = jnp.linalg.qr(matrix)
    return q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0)[None, :]


def landmarks():
    """Twelve points, and the same turned by 100 degrees, blown up 1.6 times, shifted, and seen through noise."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 3)) * [[1.0, 1.0, 0.2]]
    c, s = np.cos(np.deg2rad(100.0)), np.sin(np.deg2rad(100.0))
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])[:, [1, 2, 0]]  # an even permutation: a rotation too
    return points, 1.6 * points @ turn.T + np.array([[3.0, -2.0, 1.0]]) + 0.15 * rng.normal(size=(12, 3))


def closed_form(points, seen):
    """Least squares over rotation, size and shift (Umeyama, 1991)."""
    a, b = points - points.mean(0), seen - seen.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation, size = (u * signs) @ vt, (s * signs).sum() / (a**2).sum()
    return rotation, size, seen.mean(0) - size * rotation @ points.mean(0)


LABELS = {"rotation": "turn", "size": "size", "shift": "shift"}


def registration_step(turn, project):
    points, seen = landmarks()
    optimizer = optax.multi_transform({"turn": turn, "size": optax.adam(0.02), "shift": optax.sgd(0.02, 0.9)}, LABELS)
    step = make_step(optimizer, lambda m: jnp.mean(jnp.sum((m(points) - seen) ** 2, axis=1)))

    def projected(model, state):
        model, state, value = step(model, state)
        return (gp.update(model.at.rotation, orthogonal) if project else model), state, value

    return optimizer, jax.jit(projected)


def test_each_parameter_has_its_own_optimiser():
    model, (points, seen) = Registration(), landmarks()
    optimizer, step = registration_step(optax.sgd(0.05), project=False)
    params, _ = gp.partition(model)
    assert set(params) == set(LABELS)
    moved, state, _ = step(model, optimizer.init(params))
    residual = points - seen
    shift, rotation = 2.0 * residual.mean(0), 2.0 * residual.T @ points / 12
    np.testing.assert_allclose(moved.rotation.value, np.eye(3) - 0.05 * rotation, rtol=1e-12)
    np.testing.assert_allclose(moved.shift.value, -0.02 * shift, rtol=1e-12)
    # Adam's first step is its learning rate, whatever the gradient.
    assert abs(float(moved.size.unconstrained - model.size.unconstrained)) == pytest.approx(0.02, rel=1e-6)
    (adam, *_), (momentum, *_) = (state.inner_states[name].inner_state for name in ("size", "shift"))
    assert isinstance(adam.mu["rotation"], optax.MaskedNode) and isinstance(momentum.trace["size"], optax.MaskedNode)
    np.testing.assert_allclose(momentum.trace["shift"], shift, rtol=1e-12)


def test_projection_keeps_the_rotation_and_finds_the_closed_form():
    along = optax.stateless_with_tree_map(lambda g, w: g - w @ (w.T @ g + g.T @ w) / 2)
    optimizer, step = registration_step(optax.chain(along, optax.sgd(0.05)), project=True)
    model = Registration()
    state = optimizer.init(gp.partition(model)[0])
    errors = []
    for _ in range(1200):
        model, state, _ = step(model, state)
        w = np.asarray(model.rotation.value)
        errors.append(np.abs(w.T @ w - np.eye(3)).max())
    assert np.isfinite(errors).all() and max(errors) < 4e-15
    assert np.linalg.det(w) == pytest.approx(1.0, rel=1e-14)
    rotation, size, shift = closed_form(*landmarks())
    np.testing.assert_allclose(w, rotation, atol=1e-9)
    assert float(model.size) == pytest.approx(size, rel=1e-9)
    np.testing.assert_allclose(model.shift.value, shift, atol=1e-9)


def test_without_projection_the_rotation_is_lost():
    optimizer, step = registration_step(optax.sgd(0.05), project=False)
    model = Registration()
    model, _, _ = run(step, model, optimizer.init(gp.partition(model)[0]), 600)
    w = np.asarray(model.rotation.value)
    assert np.isfinite(w).all() and np.abs(w.T @ w - np.eye(3)).max() > 0.1


def test_the_projection_is_qr_with_its_signs_fixed(key):
    matrix = np.asarray(jax.random.normal(key, (5, 5)))
    model = gp.update(gp.at({"w": gp.Parameter(matrix)})["w"], orthogonal)
    q = np.asarray(model["w"].value)
    np.testing.assert_allclose(q.T @ q, np.eye(5), atol=4e-15)
    r = q.T @ matrix
    np.testing.assert_allclose(np.tril(r, -1), 0.0, atol=4e-15 * np.abs(matrix).max() * 5)
    assert (np.diagonal(r) > 0).all()
    again = gp.update(gp.at(model)["w"], orthogonal)["w"].value
    np.testing.assert_allclose(again, q, atol=4e-15)  # what is orthogonal stays


# ---- 4. model surgery


HIDDEN_AXIS = {"layers[0].weight": 0, "layers[0].bias": 0, "layers[1].weight": 1}
ADAM = optax.adam(0.005)


def curve_loss(network):
    x = jnp.linspace(-1.0, 1.0, 50)[:, None]
    return jnp.mean((jax.vmap(network)(x) - jnp.sin(10.0 * jnp.exp(x))) ** 2)


def take(arrays, units):
    return {path: u.take(units, axis=HIDDEN_AXIS[path]) if path in HIDDEN_AXIS else u for path, u in arrays.items()}


@pytest.fixture(scope="module")
def in_training():
    """A network of 24 hidden units after 60 steps of Adam, the state, the step; six units are dead from the start."""
    network = gp.parametrize(Network(1, 24, 1, key=jax.random.key(3)))
    network = gp.assign(gp.at(network).layers[0].bias[:6], -2.0)
    step = make_step(ADAM, curve_loss)
    network, state, _ = run(step, network, ADAM.init(gp.partition(network)[0]), 60)
    return network, state, step


def test_the_state_of_adam_has_the_paths_of_the_model(in_training):
    network, state, _ = in_training
    shapes = {path: u.shape for path, u in gp.partition(network)[0].items()}
    assert shapes == {
        "layers[0].weight": (24, 1),
        "layers[0].bias": (24,),
        "layers[1].weight": (1, 24),
        "layers[1].bias": (1,),
    }
    for moment in (state[0].mu, state[0].nu):
        assert {path: u.shape for path, u in moment.items()} == shapes
    assert int(state[0].count) == 60


@pytest.mark.parametrize("moments", [True, False])
def test_units_put_in_another_order(in_training, moments):
    """The order of the hidden units is no matter, if the moments follow; training goes on as it would have."""
    network, state, step = in_training
    old = bits(network)
    order = np.random.default_rng(0).permutation(24)
    mixed = gp.multiple_assign(network, take(gp.read_values(network), order))
    assert bits(network) == old and bits(mixed) != old
    assert float(curve_loss(mixed)) == pytest.approx(float(curve_loss(network)), rel=1e-13)
    adam, *rest = state
    fitting = (adam._replace(mu=take(adam.mu, order), nu=take(adam.nu, order)), *rest)
    _, end, losses = run(step, network, state, 40)
    _, mixed_end, mixed_losses = run(step, mixed, fitting if moments else state, 40)
    assert int(end[0].count) == int(mixed_end[0].count) == 100
    if moments:
        np.testing.assert_allclose(mixed_losses, losses, rtol=1e-9)
    else:  # the same surgery with the moments forgotten: what the test would see if the edit did nothing
        assert np.abs(mixed_losses / losses - 1.0).max() > 1e-2


def test_dead_units_cut_out_of_both_layers(in_training):
    network, state, step = in_training
    x = jnp.linspace(-1.0, 1.0, 50)[:, None]
    active = np.asarray(jax.vmap(network.layers[0])(x) > 0).any(axis=0)
    alive = np.flatnonzero(active)
    assert not active[:6].any() and 10 <= alive.size <= 18
    layers = gp.parametrize(Network(1, alive.size, 1, key=jax.random.key(0))).layers
    smaller = gp.replace(gp.at(network).layers[0], layers[0])
    smaller = gp.replace(gp.at(smaller).layers[1], layers[1])
    smaller = gp.multiple_assign(smaller, take(gp.read_values(network), alive))
    assert gp.partition(smaller)[0]["layers[1].weight"].shape == (1, alive.size)
    assert float(curve_loss(smaller)) == pytest.approx(float(curve_loss(network)), rel=1e-13)
    adam, *rest = state
    fitting = (adam._replace(mu=take(adam.mu, alive), nu=take(adam.nu, alive)), *rest)
    whole, _, losses = run(step, network, state, 40)
    cut, _, cut_losses = run(step, smaller, fitting, 40)
    np.testing.assert_allclose(cut_losses, losses, rtol=1e-9)
    for path, value in take(gp.read_values(whole), alive).items():
        np.testing.assert_allclose(gp.read_values(cut)[path], value, rtol=1e-7, atol=1e-9)
    assert losses[-1] < losses[0]
    fresh = ADAM.init(gp.partition(smaller)[0])
    assert np.abs(run(step, smaller, fresh, 40)[2] / losses - 1.0).max() > 1e-3  # what a lost state would look like


def test_edited_moments_drive_the_next_step(in_training):
    """The moments of one path are set by hand; its next step is Adam's formula, and the others' are as before."""
    network, state, step = in_training
    path = "layers[0].bias"
    adam, *rest = state
    mu = adam.mu | {path: jnp.zeros(24)}
    nu = adam.nu | {path: jnp.full(24, 0.25)}
    usual, _, _ = step(network, state)
    moved, after, _ = step(network, (adam._replace(mu=mu, nu=nu), *rest))
    g = np.asarray(gp.filter_grad(curve_loss)(network)[path])
    m, v = 0.1 * g, 0.999 * 0.25 + 0.001 * g**2
    size = 0.005 * (m / (1 - 0.9**61)) / (np.sqrt(v / (1 - 0.999**61)) + 1e-8)
    start, end = gp.read_values(network), gp.read_values(moved)
    assert np.abs(size).max() > 1e-6
    np.testing.assert_allclose(end[path], start[path] - size, rtol=1e-12)
    np.testing.assert_allclose(after[0].nu[path], v, rtol=1e-12)
    assert {p for p in bits(moved) if bits(moved)[p] != bits(usual)[p]} == {path}


# ---- 5. parameters and state


class BiasAdder(gp.Module):
    bias: gp.Parameter
    mean: gp.Buffer

    def __init__(self):
        self.bias = gp.Parameter(np.zeros(2))
        self.mean = gp.Buffer(np.zeros(2))

    def __call__(self, x):
        mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return x - mean[None] + self.bias.value[None], gp.assign(self.at.mean, mean)


def test_a_running_mean_is_state_and_the_bias_is_trained():
    optimizer = optax.sgd(0.05, momentum=0.5)

    def loss(model, x):
        out, after = model(x)
        state, _ = gp.split(after, gp.Buffer)
        return jnp.mean((out - 3.0) ** 2), state

    @eqx.filter_jit
    def step(model, opt_state, x):
        (value, state), gradient = gp.filter_value_and_grad(loss, has_aux=True)(model, x)
        params, _, rest = gp.split(model, gp.is_trainable, gp.Buffer)
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optimizer.update(gradient, opt_state, params)
        return gp.merge(optax.apply_updates(params, updates), state, rest), opt_state, value

    model = BiasAdder()
    opt_state = optimizer.init(gp.partition(model)[0])
    x, mean = jnp.asarray([[4.0, -2.0], [6.0, 0.0]]), np.zeros(2)
    for _ in range(200):
        model, opt_state, value = step(model, opt_state, x)
        mean = 0.9 * mean + 0.1 * np.array([5.0, -1.0])
        assert np.isfinite(value)
    np.testing.assert_allclose(model.mean.value, mean, rtol=1e-13)
    np.testing.assert_allclose(model.bias.value, 3.0, atol=0.02)
    assert all("mean" not in str(path) for path, _ in jax.tree_util.tree_flatten_with_path(opt_state)[0])
    with pytest.raises(ValueError, match="'mean' is a Buffer, which is never trained"):
        gp.set_trainable(model.at.mean, True)
    frozen = gp.set_trainable(model, False)
    assert isinstance(frozen.mean, gp.Buffer) and not gp.trainable_parameters(frozen)


class Net(eqx.Module):
    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    last: eqx.nn.Linear

    def __init__(self, key):
        a, b = jax.random.split(key)
        self.first = eqx.nn.Linear(2, 8, key=a)
        self.norm = eqx.nn.BatchNorm(8, axis_name="batch", mode="batch", momentum=0.9)
        self.last = eqx.nn.Linear(8, 1, key=b)

    def __call__(self, x, state):
        x, state = self.norm(self.first(x), state)
        return self.last(jnp.tanh(x))[0], state


def test_batch_norm_under_a_named_axis():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # Equinox's own arithmetic
        net, state = eqx.nn.make_with_state(Net)(jax.random.key(0))
        net = gp.set_trainable(gp.at(gp.parametrize(net)).first, False)
        start_state, frozen_bits = state, bits(net.first)
        rng = np.random.default_rng(0)
        X = jnp.asarray(rng.normal(2.0, 3.0, (32, 2)))
        Y = jnp.tanh(X[:, 0] - X[:, 1])

        def forward(net, state, X):
            batched = jax.vmap(gp.values(net), axis_name="batch", in_axes=(0, None), out_axes=(0, None))
            return batched(X, state)

        def loss(net, state):
            out, state = forward(net, state, X)
            return jnp.mean((out - Y) ** 2), state

        optimizer = optax.adamw(0.02, weight_decay=0.01)

        @eqx.filter_jit
        def step(net, state, opt_state):
            (value, state), gradient = gp.filter_value_and_grad(loss, has_aux=True)(net, state)
            updates, opt_state = optimizer.update(gradient, opt_state, gp.partition(net)[0])
            return gp.apply_updates(net, updates), state, opt_state, value

        opt_state, losses = optimizer.init(gp.partition(net)[0]), []
        for _ in range(150):
            net, state, opt_state, value = step(net, state, opt_state)
            losses.append(float(value))
        hidden = jax.vmap(gp.values(net).first)(X)
        statistics = [np.asarray(a) for a in jax.tree.leaves(state) if np.shape(a) == (8,)]
        trained = eqx.nn.inference_mode(net)
        together = forward(trained, state, X)[0]
        alone = forward(trained, state, X[:1])[0]
    assert np.isfinite(losses).all() and losses[-1] < 0.1 * losses[0]
    assert bits(net.first) == frozen_bits
    assert set(gp.partition(net)[0]) == {"norm.weight", "norm.bias", "last.weight", "last.bias"}
    # The first layer stands still, so the running mean is that of its outputs.
    assert any(np.allclose(a, hidden.mean(0), rtol=1e-5) for a in statistics)
    assert not eqx.tree_equal(state, start_state)
    np.testing.assert_allclose(alone, together[:1], rtol=1e-12)
