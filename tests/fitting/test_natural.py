"""Natural gradients: exact where they should be, equal to their definition, and inside the cone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

import gparams as gp
from gparams import maths

NaturalGradient, XiNat, XiSqrtMeanVar = gp.fitting.NaturalGradient, gp.fitting.XiNat, gp.fitting.XiSqrtMeanVar
N, M, L = 20, 4, 2

rng = np.random.default_rng(3)
FEATURES = rng.normal(size=(N, M))
Y = rng.normal(size=(N, L))


class Bayes(gp.Module):
    """Variational linear regression: y = A u + noise, u ~ N(0, I), q(u) = N(m, S) for each of L outputs."""

    q_mu: gp.Parameter
    q_sqrt: gp.Parameter
    noise: gp.Parameter

    def __init__(self, diagonal=False, noise=0.3, root=None):
        self.q_mu = gp.Parameter(np.zeros((M, L)))
        root = np.stack([np.eye(M)] * L) if root is None else root
        self.q_sqrt = (
            gp.Parameter(np.ones((M, L)), transform=gp.positive())
            if diagonal
            else gp.Parameter(root, transform=gp.triangular())
        )
        self.noise = gp.Parameter(noise, transform=gp.positive(), trainable=False)

    def training_loss(self, data=(FEATURES, Y)):
        """Minus the evidence lower bound, scaled from the rows given to all N of them."""
        A, y = data
        m, s = self.q_mu.value, self.q_sqrt.value
        diagonal = s.ndim == 2
        S = jax.vmap(jnp.diag)(s.T**2) if diagonal else jnp.einsum("lij,lkj->lik", s, s)
        log_det = jnp.sum(jnp.log(s**2)) if diagonal else jnp.sum(jnp.log(jnp.diagonal(s, axis1=1, axis2=2) ** 2))
        spread = jnp.einsum("ni,lij,nj->", A, S, A)
        s2 = self.noise.value
        fit = -0.5 * (jnp.sum((y - A @ m) ** 2) + spread) / s2 - 0.5 * y.size * jnp.log(2 * jnp.pi * s2)
        kl = 0.5 * (jnp.sum(m**2) + jnp.trace(S, axis1=1, axis2=2).sum() - M * L - log_det)
        return kl - fit * (N / y.shape[0])


def exact(noise=0.3):
    S = np.linalg.inv(np.eye(M) + FEATURES.T @ FEATURES / noise)
    return S @ FEATURES.T @ Y / noise, S


def log_evidence(noise=0.3):
    C = FEATURES @ FEATURES.T + noise * np.eye(N)
    return sum(-0.5 * (y @ np.linalg.solve(C, y) + np.linalg.slogdet(C)[1] + N * np.log(2 * np.pi)) for y in Y.T)


def covariance(model):
    return np.einsum("lij,lkj->lik", *[np.asarray(model.q_sqrt)] * 2)


def some_gaussians(seed=0):
    rng = np.random.default_rng(seed)
    root = np.tril(rng.normal(size=(L, M, M))) + 2.0 * np.eye(M)
    return jnp.asarray(rng.normal(size=(M, L))), jnp.asarray(root)


def test_one_step_of_gamma_1_is_exact():
    start = Bayes(root=np.asarray(some_gaussians()[1]))
    result = gp.fit(start, solver=NaturalGradient(1.0, steps=1))
    mean, S = exact()
    assert_allclose(result.model.q_mu.value, mean, rtol=1e-10)
    assert_allclose(covariance(result.model), np.stack([S] * L), rtol=1e-9, atol=1e-12)
    assert_allclose(result.loss, -log_evidence(), rtol=1e-11)
    assert result.steps == 1
    assert len(result.history) == 2
    assert "halved" not in result.message


def test_the_diagonal_optimum_is_met_by_steps_of_gamma_1():
    # The best independent Gaussian has the exact mean, and the diagonal of the exact precision.
    result = gp.fit(Bayes(diagonal=True), solver=NaturalGradient(0.3, steps=200))
    mean, S = exact()
    assert_allclose(result.model.q_mu.value, mean, rtol=1e-6)
    deviations = 1.0 / np.sqrt(np.diag(np.linalg.inv(S)))
    assert_allclose(result.model.q_sqrt.value, np.stack([deviations] * L, 1), rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.02, 0.3])
def test_steps_equal_their_definition(gamma):
    """Against automatic derivatives through the three parametrisations: ξ - γ dξ/dθ dF/dη."""
    m, root = some_gaussians()
    grads = jax.grad(lambda q: _loss_at(*q))((m, root))
    etas = maths.meanvarsqrt_to_expectation(m, root)
    by_eta = jax.vjp(maths.expectation_to_meanvarsqrt, *etas)[1](grads)
    by_eta = (by_eta[0], maths.symmetrize(by_eta[1]))
    nats = maths.meanvarsqrt_to_natural(m, root)

    moved = [theta - gamma * slope for theta, slope in zip(nats, by_eta, strict=True)]
    expected = maths.natural_to_meanvarsqrt(*moved)
    for got, want in zip(XiNat().step(jnp.asarray(gamma), m, root, *grads), expected, strict=True):
        assert_allclose(got, want, rtol=1e-9, atol=1e-11)

    slopes = jax.jvp(maths.natural_to_meanvarsqrt, nats, by_eta)[1]
    small = 0.002 * gamma  # longer ones pass through a singular covariance
    got = XiSqrtMeanVar().step(jnp.asarray(small), m, root, *grads)
    for value, start, slope in zip(got, (m, root), slopes, strict=True):
        assert_allclose(value, start - small * slope, rtol=1e-9, atol=1e-11)


def _loss_at(m, root):
    model = gp.multiple_assign(Bayes(), {"q_mu": m, "q_sqrt": root})
    return model.training_loss()


@pytest.mark.parametrize("xi", [XiNat(), XiSqrtMeanVar()])
def test_a_diagonal_step_is_the_full_step_of_a_diagonal_root(xi):
    rng = np.random.default_rng(1)
    m, s, gm, gs = (jnp.asarray(rng.uniform(0.5, 1.5, size=(M, L))) for _ in range(4))
    full = jax.vmap(jnp.diag)
    mean, root = xi.step(jnp.asarray(0.2), m, full(s.T), gm, full(gs.T))
    mean_diagonal, deviations = xi.step_diagonal(jnp.asarray(0.2), m, s, gm, gs)
    assert_allclose(mean_diagonal, mean, rtol=1e-12)
    assert_allclose(full(deviations.T), root, rtol=1e-12, atol=1e-15)


def test_conversions_are_inverse_to_each_other():
    m, root = some_gaussians(5)
    root = maths.cholesky(jnp.einsum("lij,lkj->lik", root, root))
    there = maths.meanvarsqrt_to_natural(m, root)
    assert_allclose(there[1], -0.5 * np.linalg.inv(np.einsum("lij,lkj->lik", root, root)), rtol=1e-10)
    for pair in (
        maths.natural_to_meanvarsqrt(*there),
        maths.expectation_to_meanvarsqrt(*maths.natural_to_expectation(*there)),
        maths.natural_to_meanvarsqrt(*maths.expectation_to_natural(*maths.meanvarsqrt_to_expectation(m, root))),
    ):
        assert_allclose(pair[0], m, rtol=1e-9, atol=1e-12)
        assert_allclose(pair[1], root, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("xi", [XiNat(), XiSqrtMeanVar()])
def test_a_step_out_of_the_cone_is_taken_in_part(xi):
    # From a root that is far too small, the loss pulls the precision below zero within one long step.
    start = Bayes(root=np.stack([1e-2 * np.eye(M)] * L)) if xi == XiNat() else Bayes()
    result = gp.fit(start, solver=NaturalGradient(40.0, xi=xi, steps=1))
    assert "halved in 1 of them" in result.message
    roots = np.asarray(result.model.q_sqrt)
    assert np.isfinite(roots).all()
    assert (np.diagonal(roots, axis1=1, axis2=2) > 0.0).all()
    assert not np.array_equal(roots, start.q_sqrt.value)
    held = gp.fit(start, solver=NaturalGradient(40.0, xi=xi, steps=1, max_halvings=0))
    assert np.array_equal(held.model.q_sqrt.value, start.q_sqrt.value)


def test_it_acts_on_the_named_parameters_whatever_their_flag():
    frozen = gp.set_trainable(Bayes(), False)
    named = NaturalGradient(1.0, variables=[("q_mu", "q_sqrt")], steps=1)
    result = gp.fit(frozen, solver=named)
    assert_allclose(result.model.q_mu.value, exact()[0], rtol=1e-10)
    assert not any(p.trainable for p in gp.parameters(result.model))
    free = gp.set_trainable(Bayes().at.noise, True)
    result = gp.fit(free, solver=NaturalGradient(1.0, steps=1))
    assert all(p.trainable for p in gp.parameters(result.model))
    assert float(result.model.noise) == float(free.noise)


def test_what_is_frozen_and_not_named_stays():
    two = {"a": gp.set_trainable(Bayes(), False), "b": Bayes()}
    fitted = gp.fit(
        two, lambda m: m["a"].training_loss() + m["b"].training_loss(), solver=NaturalGradient(1.0, steps=1)
    )
    assert np.array_equal(fitted.model["a"].q_mu.value, two["a"].q_mu.value)
    assert_allclose(fitted.model["b"].q_mu.value, exact()[0], rtol=1e-10)
    with pytest.raises(ValueError, match="'q_mu' and 'q_sqrt' are frozen.*variables="):
        gp.fit(two["a"], solver=NaturalGradient(1.0, steps=1))
    with pytest.raises(ValueError, match="'q_sqrt' is frozen and 'q_mu' is not"):
        gp.fit(gp.set_trainable(Bayes().at.q_sqrt, False), solver=NaturalGradient(1.0, steps=1))


def test_in_turn_with_an_optimiser_of_the_rest():
    start = gp.set_trainable(Bayes(noise=1.0).at.noise, True)
    solver = NaturalGradient(1.0, rest=optax.adam(0.05), steps=400)
    result = gp.fit(start, solver=solver)
    # Where q is exact at each noise, the bound is the evidence, and its best noise is the one of the evidence.
    grid = np.exp(np.linspace(np.log(0.3), np.log(3.0), 2000))
    best = grid[np.argmax([log_evidence(noise) for noise in grid])]
    assert_allclose(result.model.noise.value, best, rtol=5e-3)
    assert_allclose(result.model.q_mu.value, exact(float(result.model.noise))[0], rtol=1e-2, atol=1e-3)
    assert result.loss < result.history[0]
    assert_allclose(result.loss, result.model.training_loss(), rtol=1e-10)
    # Nothing but the pair is left to move: the same solver goes on without its second half.
    alone = gp.fit(gp.set_trainable(start.at.noise, False), solver=solver)
    assert float(alone.model.noise) == float(start.noise)


def test_batches(key):
    solver = NaturalGradient(lambda k: 1.0 / (1.0 + 0.1 * k), steps=300, batch_size=5)
    data = FEATURES, Y
    result = gp.fit(Bayes(), data=data, solver=solver, key=key)
    again = gp.fit(Bayes(), data=data, solver=solver, key=key)
    assert np.array_equal(result.history, again.history)
    assert result.model.training_loss() < -log_evidence() + 0.5
    assert len(result.history) == 300


def test_pairs_by_name_and_each_with_its_own_parametrisation():
    start = {"a": Bayes(), "b": [Bayes(diagonal=True)]}

    def loss(m):
        return m["a"].training_loss() + m["b"][0].training_loss()

    every = gp.fit(start, loss, solver=NaturalGradient(0.1, steps=2)).model
    only = [("['a'].q_mu", gp.at(start)["a"].q_sqrt, XiNat())]
    one = gp.fit(start, loss, solver=NaturalGradient(0.1, variables=only, steps=2)).model
    assert_allclose(one["a"].q_mu.value, every["a"].q_mu.value, rtol=1e-12)
    assert np.array_equal(one["b"][0].q_mu.value, start["b"][0].q_mu.value)
    both = [*only, ("['b'][0].q_mu", "['b'][0].q_sqrt", XiSqrtMeanVar())]
    own = gp.fit(start, loss, solver=NaturalGradient(0.1, variables=both, steps=2)).model
    assert_allclose(own["a"].q_sqrt.value, every["a"].q_sqrt.value, rtol=1e-12)
    assert not np.allclose(own["b"][0].q_sqrt.value, every["b"][0].q_sqrt.value, rtol=1e-6)


def test_what_can_not_be_stepped():
    with pytest.raises(ValueError, match="no pair of Parameters q_mu and q_sqrt"):
        gp.fit(gp.Parameter(1.0), lambda p: p.value**2, solver=NaturalGradient(0.1))
    with pytest.raises(ValueError, match=r"\[L, M, M\] \(roots\).* got \(4, 2\) and \(\)"):
        gp.fit(Bayes(), solver=NaturalGradient(0.1, variables=[("q_mu", "noise")]))
    with pytest.raises(ValueError, match="named twice"):
        gp.fit(Bayes(), solver=NaturalGradient(0.1, variables=[("q_mu", "q_sqrt"), ("q_mu", "q_sqrt")]))
    with pytest.raises(gp.PlaceError, match="q_mean"):
        gp.fit(Bayes(), solver=NaturalGradient(0.1, variables=[("q_mean", "q_sqrt")]))
    with pytest.raises(ValueError, match="frozen in part"):
        gp.fit(gp.set_trainable(Bayes().at.q_mu[0], False), solver=NaturalGradient(0.1))
    with pytest.raises(TypeError, match="place or path"):
        NaturalGradient(0.1, variables=[(Bayes().q_mu, Bayes().q_sqrt)])
    with pytest.raises(TypeError, match="third item"):
        NaturalGradient(0.1, variables=[("q_mu", "q_sqrt", "XiNat")])
    with pytest.raises(ValueError, match="pairs"):
        NaturalGradient(0.1, variables=[("q_mu",)])
    with pytest.raises(ValueError, match="above 0"):
        NaturalGradient(0.0)
    with pytest.raises(ValueError, match="at least 1"):
        NaturalGradient(0.1, steps=0)


def test_a_loss_that_is_not_finite_stops_the_run():
    result = gp.fit(Bayes(), lambda m: m.training_loss() * jnp.nan, solver=NaturalGradient(0.1, steps=5))
    assert "not finite" in result.message
    assert result.steps == 1
    assert np.array_equal(result.model.q_mu.value, Bayes().q_mu.value)


def test_float32_stays_float32():
    model = Bayes()
    single = {name: np.asarray(p.value, np.float32) for name, p in gp.parameter_dict(model).items()}
    m = {
        "q_mu": gp.Parameter(single["q_mu"]),
        "q_sqrt": gp.Parameter(single["q_sqrt"], transform=gp.triangular()),
    }
    A, y = FEATURES.astype(np.float32), Y.astype(np.float32)

    def loss(m):
        S = jnp.einsum("lij,lkj->lik", m["q_sqrt"].value, m["q_sqrt"].value)
        return 0.5 * jnp.sum((y - A @ m["q_mu"].value) ** 2) + 0.5 * jnp.einsum("ni,lij,nj->", A, S, A)

    result = gp.fit(m, loss, solver=NaturalGradient(0.01, steps=2))
    assert result.model["q_mu"].dtype == result.model["q_sqrt"].dtype == np.float32
    assert result.loss < result.history[0]


def test_one_step_of_a_sparse_model_reaches_its_collapsed_bound():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2.0, 2.0, (15, 1))
    data, Z = (X, np.sin(2.0 * X) + 0.1 * rng.normal(size=X.shape)), X[:5].copy()
    kernel, likelihood = gp.kernels.Matern52(lengthscales=0.7), gp.likelihoods.Gaussian(0.05)
    collapsed = gp.models.SGPR(data, kernel, Z, likelihood=likelihood)
    model = gp.models.SVGP(kernel, likelihood, Z)
    result = gp.fit(model, data=data, solver=NaturalGradient(1.0, steps=1))
    assert result.loss < result.history[0] - 1.0
    # GPflow's SGPR adds its jitter to Kuu too, so that the two agree to rounding.
    assert_allclose(-result.loss, collapsed.elbo(), rtol=1e-8)
    assert_allclose(result.model.predict_f(Z)[0], collapsed.predict_f(Z)[0], rtol=1e-6, atol=1e-8)
    rest = NaturalGradient(1.0, rest=optax.adam(0.02), steps=30)
    better = gp.fit(model, data=data, solver=rest)
    assert better.loss < result.loss
    assert better.model.kernel.lengthscales.value != kernel.lengthscales.value
