"""Kernels beyond GPflow's: spectral mixtures, Gibbs' kernel, and kernels behind networks."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

SE, M32 = gp.kernels.SquaredExponential, gp.kernels.Matern32
DEEP, GIBBS, MIXTURE = gp.kernels.DeepKernel, gp.kernels.GibbsKernel, gp.kernels.SpectralMixture
X = np.random.default_rng(0).normal(size=(6, 2))
X2 = np.random.default_rng(1).normal(size=(4, 2))


# ---- SpectralMixture


def test_spectral_mixture_is_wilson_and_adams_equation():
    w, mu, v = np.array([0.7, 0.4]), np.array([[0.2, 0.1], [0.05, 0.3]]), np.array([[0.5, 0.1], [0.01, 0.2]])
    tau = (X[:, None] - X2[None])[:, :, None]  # [N, N2, 1, D]
    terms = np.exp(-2 * np.pi**2 * tau**2 * v) * np.cos(2 * np.pi * tau * mu)
    assert_allclose(MIXTURE(w, mu, v)(X, X2), (terms.prod(-1) * w).sum(-1), rtol=1e-12)


def test_spectral_mixture_is_the_transform_of_its_density():
    """Bochner's theorem: k(t) is the integral of the density S(s) with cos(2 pi s t)."""
    w, mu, v = [0.7, 0.4], [0.9, 0.2], [0.01, 0.05]
    s = np.linspace(-6.0, 6.0, 20001)
    densities = [
        a / 2 * sum(np.exp(-0.5 * (s - sign * m) ** 2 / c) for sign in (1, -1)) / np.sqrt(2 * np.pi * c)
        for a, m, c in zip(w, mu, v, strict=True)
    ]
    t = np.array([0.0, 0.3, 1.1, 2.5])
    integral = (sum(densities)[None] * np.cos(2 * np.pi * t[:, None] * s[None])).sum(1) * (s[1] - s[0])
    kernel = MIXTURE(w, np.array(mu)[:, None], np.array(v)[:, None])
    assert_allclose(kernel(t[:, None], np.zeros((1, 1)))[:, 0], integral, rtol=1e-8, atol=1e-10)


def test_spectral_mixture_of_low_frequency_is_a_squared_exponential():
    ell = 0.8
    kernel = MIXTURE([1.3], [[1e-12, 1e-12]], np.full((1, 2), (2 * np.pi * ell) ** -2))
    assert_allclose(kernel(X, X2), SE(1.3, ell)(X, X2), rtol=1e-10)


@pytest.mark.parametrize(
    "shapes",
    [((2,), (2, 1), (3, 1)), ((2,), (2,), (2,)), ((), (1, 1), (1, 1)), ((2,), (2, 2), (2, 1)), ((2,), (3, 1), (3, 1))],
)
def test_spectral_mixture_shapes(shapes):
    with pytest.raises(ValueError, match=r"weights \[Q\], means \[Q, D\]"):
        MIXTURE(*(np.ones(shape) for shape in shapes))


def test_spectral_mixture_needs_its_columns():
    with pytest.raises(ValueError, match="3 columns of means, and X has 2 columns"):
        MIXTURE([1.0], np.ones((1, 3)), np.ones((1, 3)))(X)


def test_spectral_mixture_from_data():
    t = np.linspace(0.0, 9.9, 100)[:, None]
    key = jax.random.key(3)
    kernel = MIXTURE.from_data(t, 3.0 * np.sin(t), 5, key=key)
    assert kernel.num_mixtures == 5
    assert_allclose(np.sum(kernel.weights), np.var(3.0 * np.sin(t)))
    assert np.all((np.asarray(kernel.means) > 0) & (np.asarray(kernel.means) < 5.0)) and np.ptp(kernel.means) > 0.5
    lengthscales = 1 / (2 * np.pi * np.sqrt(np.asarray(kernel.variances)))
    assert np.all(lengthscales < 5 * 9.9)
    again = MIXTURE.from_data(t, 3.0 * np.sin(t), 5, key=key)
    assert np.array_equal(kernel(t[:4]), again(t[:4]))
    sliced = MIXTURE.from_data(np.concatenate([t, t**2, 0 * t], 1), np.sin(t), 2, key=key, active_dims=[0, 1])
    assert sliced.means.shape == (2, 2) and sliced.active_dims == (0, 1)
    for bad in ((0 * t, t), (t, 0 * t), (t, np.where(t > 5, np.nan, t))):
        with pytest.raises(ValueError, match="finite and not constant"):
            MIXTURE.from_data(*bad, 2, key=key)
    with pytest.raises(ValueError, match="num_mixtures"):
        MIXTURE.from_data(t, t, 0, key=key)


@pytest.mark.slow
def test_spectral_mixture_goes_on_with_a_pattern():
    """A square wave of sines, continued beyond the data, which a squared exponential can't do."""
    t = np.linspace(0.0, 6.0, 80)[:, None]
    after = np.linspace(6.0, 8.0, 20)[:, None]

    def f(t):
        return np.sin(2 * np.pi * t) + 0.4 * np.sin(2 * np.pi * 2.3 * t)

    start = MIXTURE([0.5, 0.2], [[1.1], [2.2]], [[0.01], [0.01]])
    model = gp.fit(gp.models.GPR((t, f(t)), start, noise_variance=0.01)).model
    mean, _ = model.predict_f(after)
    assert np.abs(np.asarray(mean) - f(after)).max() < 0.1


# ---- GibbsKernel


class Two(eqx.Module):
    """A lengthscale for each column: constant in the first, growing in the second."""

    scale: gp.Parameter

    def __call__(self, X):
        return jnp.stack([jnp.full(X.shape[:-1], 0.7), self.scale.value * (1.0 + X[..., 1] ** 2)], -1)


def test_gibbs_is_rasmussen_and_williams_equation():
    kernel = GIBBS(Two(gp.Parameter(0.4, transform=gp.positive())), variance=1.3)
    a, b = (np.stack([np.full(len(A), 0.7), 0.4 * (1 + A[:, 1] ** 2)], -1) for A in (X, X2))
    a, b = a[:, None], b[None]
    expected = np.sqrt(2 * a * b / (a**2 + b**2)).prod(-1) * np.exp(
        -((X[:, None] - X2[None]) ** 2 / (a**2 + b**2)).sum(-1)
    )
    assert_allclose(kernel(X, X2), 1.3 * expected, rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 2])
def test_gibbs_of_constant_lengthscales_is_a_squared_exponential(columns):
    kernel = GIBBS(lambda X: jnp.full((*X.shape[:-1], columns), 0.6), variance=1.3)
    assert_allclose(kernel(X, X2), SE(1.3, 0.6)(X, X2), rtol=1e-12)


def test_gibbs_shares_one_lengthscale_in_all_columns():
    def one(X):
        return 0.4 + jnp.abs(X[..., :1])

    both = GIBBS(lambda X: jnp.concatenate([one(X), one(X)], -1))
    assert_allclose(GIBBS(one)(X, X2), both(X, X2), rtol=1e-12)


def test_gibbs_lengthscales_are_checked():
    with pytest.raises(ValueError, match=r"shape \(6, 1\) or \(6, 2\) for X of shape \(6, 2\), got \(6,\)"):
        GIBBS(lambda X: X[..., 0])(X)
    with pytest.raises(ValueError, match="positive lengthscales, got -"):
        GIBBS(lambda X: X)(X)
    assert np.isnan(jax.jit(GIBBS(lambda X: X).__call__)(X)).any()
    with pytest.raises(TypeError, match="callable|checking the parameters"):
        GIBBS(0.5)


def softplus_mlp(inputs=2, outputs=2, width=4):
    return eqx.nn.MLP(inputs, outputs, width, depth=1, final_activation=jax.nn.softplus, key=jax.random.key(0))


@pytest.mark.parametrize("outputs", [1, 2])
def test_gibbs_takes_a_bare_network_of_one_input(outputs):
    net = softplus_mlp(outputs=outputs)
    kernel, ell = GIBBS(net), jax.vmap(net)(jnp.asarray(X))
    assert list(gp.partition(kernel)[0]) == [
        "variance",
        *(f"lengthscales.{n}" for n in gp.parameter_dict(gp.parametrize(net))),
    ]
    fixed = GIBBS(lambda A: jnp.asarray(ell)[: len(A), :])  # the same lengthscales, for these rows
    assert_allclose(kernel(X), fixed(X), rtol=1e-12)
    batch = np.stack([X, X[::-1]])
    assert_allclose(kernel(batch, X2), np.stack([kernel(x, X2) for x in batch]), rtol=1e-12)
    slopes = gp.filter_grad(lambda k: jnp.sum(k(X, X2)))(kernel)
    assert all(np.any(slope != 0) for slope in slopes.values())


def test_gibbs_is_not_misled_by_as_many_rows_as_columns():
    """Such an X goes through the layers of a network as it stands, and comes out with other numbers."""
    net = softplus_mlp(width=2)
    square = X[:2]
    with jax.numpy_rank_promotion("allow"):  # JAX's own default
        assert net(square).shape == square.shape and not np.allclose(net(square), jax.vmap(net)(square))
        assert_allclose(GIBBS(net)(square), GIBBS(net)(X)[:2, :2], rtol=1e-12)


def test_gibbs_gives_a_function_of_all_rows_all_rows():
    whole = GIBBS(lambda X: 0.5 + jnp.sum(X**2, axis=1)[:, None])
    assert_allclose(whole(X, X2), GIBBS(lambda x: 0.5 + jnp.sum(x**2, keepdims=True))(X, X2), rtol=1e-12)


@pytest.mark.slow
def test_gibbs_trains_its_lengthscales():
    rng = np.random.default_rng(2)
    t = np.sort(rng.uniform(-2.0, 2.0, 100))[:, None]
    y = np.where(t < 0, np.sin(2.0 * t), np.sin(12.0 * t)) + 0.1 * rng.normal(size=t.shape)

    class Slope(eqx.Module):
        a: gp.Parameter
        b: gp.Parameter

        def __call__(self, X):
            return jax.nn.softplus(self.a.value + self.b.value * X) + 1e-3

    kernel = GIBBS(Slope(gp.Parameter(0.0), gp.Parameter(0.0)))
    assert list(gp.parameter_dict(kernel)) == ["variance", "lengthscales.a", "lengthscales.b"]
    fitted = gp.fit(gp.models.GPR((t, y), kernel, noise_variance=0.01)).model
    assert 0.007 < float(fitted.likelihood.variance.value) < 0.013
    left, right = np.asarray(fitted.kernel.lengthscales(jnp.array([[-1.5], [1.5]])))[:, 0]
    assert left > 1.5 * right  # they start alike


# ---- DeepKernel


def mlp(**kwargs):
    return eqx.nn.MLP(2, 3, 4, depth=1, activation=jnp.tanh, key=jax.random.key(0), **kwargs)


def test_deep_kernel_is_the_kernel_of_features():
    net = mlp()
    kernel = DEEP(M32(1.3), net)
    features = jax.vmap(net)(X), jax.vmap(net)(X2)
    assert_allclose(kernel.features(jnp.asarray(X)), features[0])
    assert_allclose(kernel(X, X2), M32(1.3)(*features))
    assert_allclose(DEEP(SE(active_dims=[2]), net)(X), SE()(features[0][:, 2:]))
    assert_allclose(DEEP(SE(), net, active_dims=[2, 0])(np.stack([X[:, 1], X[:, 0], X[:, 0]], 1)), SE()(features[0]))


def test_a_plain_network_is_parametrised():
    kernel = DEEP(SE(), mlp())
    names = [f"network.layers[{i}].{part}" for i in (0, 1) for part in ("weight", "bias")]
    assert list(gp.partition(kernel)[0]) == ["base_kernel.variance", "base_kernel.lengthscales", *names]
    frozen = gp.set_trainable(kernel.at.network.layers[0], False)
    assert list(gp.partition(frozen)[0]) == ["base_kernel.variance", "base_kernel.lengthscales", *names[2:]]


def test_a_parametrised_network_is_taken_as_it_is():
    net = gp.parametrize(mlp(), trainable=False)
    assert list(gp.partition(DEEP(SE(), net))[0]) == ["base_kernel.variance", "base_kernel.lengthscales"]
    assert_allclose(DEEP(SE(), net)(X), DEEP(SE(), mlp())(X))
    # where some arrays are Parameters, the others are facts
    partly = eqx.tree_at(lambda m: m.layers[1].bias, mlp(), gp.Parameter(np.zeros(3)))
    assert list(gp.parameter_dict(DEEP(SE(), partly))) == [
        "base_kernel.variance", "base_kernel.lengthscales", "network.layers[1].bias",
    ]  # fmt: skip


def test_a_function_is_a_network_too():
    assert_allclose(
        DEEP(SE(), lambda x: jnp.stack([jnp.sin(x[0]), jnp.cos(x[0])]))(X),
        SE()(np.stack([np.sin(X[:, 0]), np.cos(X[:, 0])], 1)),
    )


def test_networks_are_checked():
    with pytest.raises(TypeError, match="expected a network|checking the parameters"):
        DEEP(SE(), 3.0)
    with pytest.raises(ValueError, match="a vector for one input of 2 numbers, got \\(\\)"):
        DEEP(SE(), jnp.sum)(X)
    with pytest.raises(ValueError, match="got tuple"):
        DEEP(SE(), lambda x: (x, x))(X)
    with pytest.raises(TypeError, match=r"got the class MLP; call it: MLP\(\.\.\.\)"):
        DEEP(SE(), eqx.nn.MLP)


class Plain:
    """An object that JAX does not know."""

    def __init__(self, net):
        self.net = net

    def method(self, x):
        return self.net(x)

    def __call__(self, x):
        return self.net(x)


class Holder(eqx.Module):
    """An object that JAX knows."""

    net: eqx.nn.MLP

    def method(self, x):
        return self.net(x)


GLOBAL = softplus_mlp()


def call_global(x):
    return GLOBAL(x)


HIDING = {
    "vmap": jax.vmap,
    "jit": jax.jit,
    "lambda": lambda net: lambda x: net(x),
    "default": lambda net: lambda x, net=net: net(x),
    "list": lambda net: lambda x, nets=(net,): nets[0](x),
    "lambda in lambda": lambda net: lambda x: (lambda: net(x))(),
    "global": lambda net: call_global,
    "through a global function": lambda net: lambda x: call_global(x),
    "partial": functools.partial,
    "jax partial": jax.tree_util.Partial,
    "method": lambda net: Plain(net).method,
    "object": Plain,
    "layer": lambda net: eqx.nn.Sequential([eqx.nn.Lambda(lambda x: net(x))]),
    "kernel": lambda net: functools.partial(lambda k, x: k.features(x[None])[0], DEEP(SE(), net)),
}


@pytest.mark.parametrize("kind", [DEEP, GIBBS])
@pytest.mark.parametrize("how", HIDING)
def test_a_network_in_a_function_is_refused(kind, how):
    """JAX finds no arrays in a function: it would stay what it is, in silence."""
    hidden = HIDING[how](GLOBAL)
    with pytest.raises(
        TypeError, match=r"keeps \w+ where JAX doesn't look.*the network itself.*equinox.Module.*parametrize"
    ):
        DEEP(SE(), hidden) if kind is DEEP else GIBBS(hidden)


CENTRES = jnp.array([[0.0, 1.0], [1.0, 0.0]])
OPEN = {
    "filter_jit": (eqx.filter_jit, 4),
    "method": (lambda net: Holder(net).method, 4),
    "module in a jax partial": (lambda net: jax.tree_util.Partial(lambda net, x: net(x), net), 4),
    "arrays are facts": (lambda net: lambda x: jax.nn.softplus(CENTRES @ x), 0),
    "frozen": (lambda net: functools.partial(gp.parametrize(net, trainable=False)), 0),
    "jitted function": (lambda net: jax.jit(lambda x: jax.nn.softplus(x)), 0),
}


@pytest.mark.parametrize("how", OPEN)
def test_what_keeps_no_network_from_training_is_taken(how):
    make, count = OPEN[how]
    for kernel in (DEEP(SE(), make(GLOBAL)), GIBBS(make(GLOBAL))):
        in_network = [name for name in gp.parameter_dict(kernel) if name.startswith(("network", "lengthscales"))]
        assert len(in_network) == count
        assert np.isfinite(kernel(X)).all()


def test_a_network_of_another_width_is_named():
    wide = softplus_mlp(3)
    message = (
        r"MLP fails on one input of 2 numbers \(X has shape \(6, 2\).*: dot_general .*choose columns by active_dims"
    )
    for kernel in (DEEP(SE(), wide), GIBBS(wide)):
        for call in (kernel, jax.jit(lambda X, kernel=kernel: kernel(X))):
            with pytest.raises(ValueError, match=f"{type(kernel).__name__}: {message}") as caught:
                call(X)
            assert isinstance(caught.value.__cause__, TypeError)
    with pytest.raises(ValueError, match=r"shape \(6, 1\) or \(6, 2\) for X of shape \(6, 2\), got \(6, 3\)"):
        GIBBS(softplus_mlp(outputs=3))(X)
    with pytest.raises(jax.errors.TracerBoolConversionError):  # which has nothing to do with widths
        DEEP(SE(), lambda x: x if x[0] > 0 else -x)(X)


@pytest.mark.slow
def test_a_deep_kernel_trains_in_a_model():
    """A step, which a stationary kernel can't follow; the network learns where it is."""
    t = np.linspace(-1.0, 1.0, 40)[:, None]
    y = np.sign(t - 0.1)
    net = eqx.nn.MLP(1, 1, 6, depth=1, activation=jnp.tanh, key=jax.random.key(1))
    model = gp.models.GPR((t, y), DEEP(SE(), net), noise_variance=0.01)
    result = gp.fit(model)
    assert result.loss < float(model.training_loss()) - 10
    old, new = (np.asarray(m.kernel.network.layers[0].weight) for m in (model, result.model))
    assert np.abs(new - old).max() > 1e-3
    mean, var = result.model.predict_f(np.array([[-0.55], [0.55]]))
    assert_allclose(mean, [[-1.0], [1.0]], atol=0.1)
    assert np.all(np.asarray(var) > 0)
    assert result.model.posterior().predict_f(t)[0].shape == (40, 1)
    assert "network.layers[0].weight" in gp.tabulate(result.model)
