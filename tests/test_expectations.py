"""Expectations under uncertain inputs, against Gauss-Hermite quadrature of formulas written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

N, D, NODES = 3, 2, 14
RNG = np.random.default_rng(20261121)
CENTRES = {1: RNG.uniform(-1.5, 1.5, (3, D)), 2: RNG.uniform(-1.5, 1.5, (4, D))}  # of the first object and the second
MU = RNG.uniform(-1.0, 1.0, (N + 1, D))
ROOT = 0.35 * RNG.normal(size=(N + 1, 2 * D, 2 * D)) + 0.25 * np.eye(2 * D)
A, B = RNG.normal(size=(D, 2)), np.array([0.3, -0.7])
KEY = jax.random.key(7)


def chain():
    """Covariances of the inputs of a chain [N + 1, D, D], and of each with the next, jointly positive definite."""
    step = 0.4 * RNG_CHAIN.normal(size=(N, D, D))
    noise = ROOT[:, :D, :D] @ np.swapaxes(ROOT[:, :D, :D], 1, 2) + 0.05 * np.eye(D)
    cov, cross = [noise[0]], []
    for n in range(N):  # x' = F x + noise
        cross.append(cov[n] @ step[n].T)
        cov.append(step[n] @ cov[n] @ step[n].T + noise[n + 1])
    return np.stack(cov), np.stack([*cross, np.full((D, D), np.nan)])  # the last is not used


RNG_CHAIN = np.random.default_rng(1)
COV, CROSS = chain()

# ---- the distributions, each with the moments of what the two objects read


def _stacked(n):
    cov = np.block([[COV[n], CROSS[n]], [CROSS[n].T, COV[n + 1]]])
    return np.concatenate([MU[n], MU[n + 1]]), cov


def gaussian():
    return gp.expectations.Gaussian(jnp.asarray(MU[:N]), jnp.asarray(COV[:N]))


def diagonal():
    return gp.expectations.DiagonalGaussian(jnp.asarray(MU[:N]), jnp.asarray(np.einsum("ndd->nd", COV[:N])))


def markov():
    return gp.expectations.MarkovGaussian(jnp.asarray(MU), jnp.asarray(np.stack([COV, CROSS])))


DISTRIBUTIONS = {
    "gaussian": (gaussian, lambda n: (MU[n], COV[n])),
    "diagonal": (diagonal, lambda n: (MU[n], np.diag(np.diag(COV[n])))),
    "markov": (markov, _stacked),
}

# ---- the objects, each beside the function [Q, D] -> [Q, M] that it stands for


def squared_exponential(x, z, variance, lengthscales):
    return variance * np.exp(-0.5 * np.sum(((x[:, None] - z[None]) / lengthscales) ** 2, -1))


def _se(x, z):
    return squared_exponential(x, z, 1.3, np.array([0.8, 1.4]))


def _se_second(x, z):
    return squared_exponential(x[:, 1:], z[:, 1:], 0.7, 0.9)


def _linear(x, z):
    return x @ np.diag([0.5, 1.2]) @ z.T


SE = gp.kernels.SquaredExponential(1.3, [0.8, 1.4])
SE_SECOND = gp.kernels.SquaredExponential(0.7, 0.9, active_dims=[1])
LINEAR = gp.kernels.Linear([0.5, 1.2])
KERNELS = {
    "se": (SE, _se),
    "se of one column": (SE_SECOND, _se_second),
    "linear": (LINEAR, _linear),
    "linear of one column": (gp.kernels.Linear(0.6, active_dims=[0]), lambda x, z: 0.6 * x[:, :1] @ z[:, :1].T),
    "constant": (gp.kernels.Constant(0.4), lambda x, z: np.full((len(x), len(z)), 0.4)),
    "white": (gp.kernels.White(0.4), lambda x, z: np.zeros((len(x), len(z)))),
    "sum": (SE + LINEAR + gp.kernels.Constant(0.4), lambda x, z: _se(x, z) + _linear(x, z) + 0.4),
    "product": (SE * SE_SECOND, lambda x, z: _se(x, z) * _se_second(x, z)),
    "product with a line": (LINEAR * SE_SECOND, lambda x, z: _linear(x, z) * _se_second(x, z)),
    "product of sums": (
        (SE + gp.kernels.Constant(0.4)) * (LINEAR + SE_SECOND),
        lambda x, z: (_se(x, z) + 0.4) * (_linear(x, z) + _se_second(x, z)),
    ),
    "scaled": (2.5 * (SE + LINEAR), lambda x, z: 2.5 * (_se(x, z) + _linear(x, z))),
}
MEANS = {
    "identity": (gp.mean_functions.Identity(D), lambda x: x),
    "line": (gp.mean_functions.Linear(A, B), lambda x: x @ A + B),
    "one slope": (gp.mean_functions.Linear(), lambda x: x.sum(1, keepdims=True)),
    "level": (gp.mean_functions.Constant([0.3, -0.2]), lambda x: np.tile([0.3, -0.2], (len(x), 1))),
    "zero": (gp.mean_functions.Zero(2), lambda x: np.zeros((len(x), 2))),
    "additive": (
        gp.mean_functions.Linear(A, B) + gp.mean_functions.Constant(0.5) + gp.mean_functions.Identity(),
        lambda x: x @ A + B + 0.5 + x,
    ),
}
OBJECTS = [*KERNELS, *MEANS]
# One of each kind stands second in a product, and all stand first.
SECONDS = ["se of one column", "linear", "product of sums", "line", "one slope", "level", "additive"]


def make(name, place):
    """An object, and its function; a kernel has inducing points of its own in each of the two places."""
    if name in MEANS:
        return MEANS[name]
    kernel, function = KERNELS[name]
    Z = CENTRES[place]
    return (kernel, gp.inducing_variables.InducingPoints(Z)), lambda x: function(x, Z)


def grid(mean, cov, nodes):
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    points = np.stack(np.meshgrid(*[z] * len(mean), indexing="ij"), -1).reshape(-1, len(mean))
    weights = np.prod(np.meshgrid(*[w / w.sum()] * len(mean), indexing="ij"), 0).ravel()
    return mean + points @ np.linalg.cholesky(cov).T, weights


def mean_of(f, distribution):
    """E[f(x)] by the rule in the D columns that one object reads, [N, M]."""
    moments = DISTRIBUTIONS[distribution][1]
    out = []
    for n in range(N):
        mean, cov = moments(n)
        x, w = grid(mean[:D], cov[:D, :D], 40)
        out.append(w @ f(x))
    return np.stack(out)


GRIDS = {
    name: [grid(*moments(n), NODES if name == "markov" else 40) for n in range(N)]
    for name, (_, moments) in DISTRIBUTIONS.items()
}


def mean_of_product(f, g, distribution):
    """E[f(x) g(x)^T], of two inputs in a row for a chain, [N, M1, M2]."""
    out = []
    for x, w in GRIDS[distribution]:
        out.append((w[:, None] * f(x[:, :D])).T @ g(x[:, -D:]))
    return np.stack(out)


def close(actual, expected, tolerance=1e-9):
    actual = np.asarray(actual)
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


each_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS)


@each_distribution
@pytest.mark.parametrize("name", OBJECTS)
def test_means_against_quadrature(name, distribution):
    obj, function = make(name, 1)
    close(gp.expectations.expectation(DISTRIBUTIONS[distribution][0](), obj), mean_of(function, distribution))


@each_distribution
@pytest.mark.parametrize("name", KERNELS)
def test_variances_against_quadrature(name, distribution):
    kernel, function = KERNELS[name]
    actual = gp.expectations.expectation(DISTRIBUTIONS[distribution][0](), kernel)
    # The variance of white noise is no covariance with another point, even an equal one.
    own = (lambda x: np.full((len(x), 1), 0.4)) if name == "white" else _diagonal(function)
    close(actual, mean_of(own, distribution)[:, 0])


def _diagonal(function):
    return lambda x: np.concatenate([function(row[None], row[None]) for row in x])


@each_distribution
@pytest.mark.parametrize("first", OBJECTS)
def test_products_against_quadrature(first, distribution):
    """Of each object with one of each kind; all of it in closed form."""
    p = DISTRIBUTIONS[distribution][0]()
    f, left = make(first, 1)
    for second in SECONDS:
        g, right = make(second, 2)
        actual = gp.expectations.expectation(p, f, g)
        # Sixteen points in each of four dimensions leave some digits to be wished for.
        close(actual, mean_of_product(left, right, distribution), 1e-9 if distribution != "markov" else 1e-5)


@each_distribution
def test_an_object_without_a_formula_goes_through_quadrature(distribution):
    """Two lines multiplied, and a quadratic mean: both grids are exact."""
    p = DISTRIBUTIONS[distribution][0]()
    quartic = gp.kernels.Linear([0.5, 1.2]) * gp.kernels.Linear(0.6, active_dims=[0])
    Z = CENTRES[1]
    obj = quartic, gp.inducing_variables.InducingPoints(Z)

    def function(x):
        return _linear(x, Z) * (0.6 * x[:, :1] @ Z[:, :1].T)

    square = gp.mean_functions.Polynomial(2, D, 1, w=[1.0, 0.0, 0.5, 0.3, 0.2, 0.1])

    def polynomial(x):
        a, b = x.T
        return (1.0 + 0.5 * b**2 + 0.3 * a + 0.2 * a * b + 0.1 * a**2)[:, None]

    close(gp.expectations.expectation(p, obj, nghp=6), mean_of(function, distribution))
    close(gp.expectations.expectation(p, quartic, nghp=6), mean_of(_own(function, quartic), distribution)[:, 0])
    close(gp.expectations.expectation(p, square, nghp=6), mean_of(polynomial, distribution))
    close(gp.expectations.expectation(p, obj, square, nghp=6), mean_of_product(function, polynomial, distribution))
    close(gp.expectations.expectation(p, square, obj, nghp=6), mean_of_product(polynomial, function, distribution))


def _own(_, kernel):
    return lambda x: np.asarray(kernel(x, full_cov=False))[:, None]


def test_a_closed_form_is_its_own_quadrature():
    """The library's quadrature of the squared exponential, asked for through inducing variables that are no points."""
    p, Z = gaussian(), CENTRES[1]
    narrow = gp.inducing_variables.Multiscale(Z, np.full(Z.shape, 1e-12))
    points = gp.inducing_variables.InducingPoints(Z)
    expected = gp.expectations.expectation(p, (SE, points), (SE, points))
    close(gp.expectations.expectation(p, (SE, narrow), (SE, narrow), nghp=40), np.asarray(expected), 1e-8)


def test_the_three_distributions_agree_where_they_are_one():
    points = gp.inducing_variables.InducingPoints(CENTRES[1])
    variances = np.einsum("ndd->nd", COV[:N])
    whole = gp.expectations.Gaussian(jnp.asarray(MU[:N]), jnp.asarray(np.stack([np.diag(v) for v in variances])))
    sums = KERNELS["product of sums"][0], points
    for pair in ((sums,), (sums, sums)):
        expected = np.asarray(gp.expectations.expectation(whole, *pair))
        close(gp.expectations.expectation(diagonal(), *pair), expected)
    # Inputs of a chain that don't depend on each other: the mean of the product is the product of the means.
    alone = gp.expectations.MarkovGaussian(jnp.asarray(MU), jnp.asarray(np.stack([COV, 0.0 * COV])))
    each = gp.expectations.expectation(gp.expectations.Gaussian(jnp.asarray(MU), jnp.asarray(COV)), sums)
    close(
        gp.expectations.expectation(alone, sums, sums),
        np.einsum("ni,nj->nij", each[:-1], each[1:]),
    )


def test_a_pair_of_arrays_is_a_distribution():
    obj = SE, gp.inducing_variables.InducingPoints(CENTRES[1])
    for p in (gaussian(), diagonal(), markov()):
        close(
            gp.expectations.expectation((p.mu, p.cov), obj, obj), np.asarray(gp.expectations.expectation(p, obj, obj))
        )


def test_inputs_that_are_certain():
    """Without spread an expectation is the function, and its derivative by the spread is half the curvature."""
    points = gp.inducing_variables.InducingPoints(CENTRES[1])
    sure = gp.expectations.DiagonalGaussian(jnp.asarray(MU[:N]), jnp.zeros((N, D)))
    still = gp.expectations.Gaussian(jnp.asarray(MU[:N]), jnp.zeros((N, D, D)))
    K = _se(MU[:N], CENTRES[1])
    for p in (sure, still):
        close(gp.expectations.expectation(p, (SE, points)), K)
        close(gp.expectations.expectation(p, (SE, points), (SE, points)), K[:, :, None] * K[:, None])
    slope = jax.grad(
        lambda v: jnp.sum(gp.expectations.expectation(gp.expectations.DiagonalGaussian(sure.mu, v), (SE, points)))
    )(sure.cov)
    a = (MU[:N, None] - CENTRES[1][None]) / np.array([0.8, 1.4]) ** 2
    curvature = np.sum(K[:, :, None] * (a**2 - 1.0 / np.array([0.8, 1.4]) ** 2), 1)
    close(slope, 0.5 * curvature)


def test_gradients_reach_every_parameter():
    pair = KERNELS["product of sums"][0], gp.inducing_variables.InducingPoints(CENTRES[1])
    scale = gp.Parameter(2.5, transform=gp.positive())
    pair = gp.kernels.Scaled(pair[0], scale), pair[1]
    params, static = gp.partition(pair)

    def total(params):
        own = gp.combine(params, static)
        both = gp.expectations.expectation(diagonal(), own, own), gp.expectations.expectation(diagonal(), own[0])
        return jnp.sum(both[0]) + jnp.sum(both[1])

    value, slopes = jax.jit(jax.value_and_grad(total))(params)
    assert np.isfinite(value) and len(slopes) == 8
    for path, slope in slopes.items():
        assert np.isfinite(slope).all() and np.all(np.abs(slope) > 0), path
        direction = np.asarray(jax.random.normal(KEY, slope.shape))
        up, down = (total({**params, path: params[path] + h * direction}) for h in (1e-5, -1e-5))
        assert_allclose(np.sum(slope * direction), (up - down) / 2e-5, rtol=1e-6)


def test_precision_is_kept():
    cast = lambda tree: jax.tree.map(lambda a: a.astype(jnp.float32), tree)  # noqa: E731
    for make_p in (gaussian, diagonal, markov):
        p = cast(make_p())
        for name in ("sum", "product with a line", "scaled"):
            kernel, points = make(name, 1)[0]
            out = gp.expectations.expectation(p, (cast(kernel), cast(points)), (cast(kernel), cast(points)))
            assert out.dtype == jnp.float32
            expected = np.asarray(gp.expectations.expectation(make_p(), (kernel, points), (kernel, points)))
            assert_allclose(out, expected, rtol=1e-3, atol=1e-4)


def test_what_has_no_expectation_is_refused():
    p, points = gaussian(), gp.inducing_variables.InducingPoints(CENTRES[1])
    with pytest.raises(TypeError, match="a kernel alone is its variance"):
        gp.expectations.expectation(p, SE, (SE, points))
    with pytest.raises(TypeError, match="expected a kernel, .* a mean function, got"):
        gp.expectations.expectation(p, (SE, points), SE)
    with pytest.raises(TypeError, match="expected a kernel"):
        gp.expectations.expectation(p, (SE, CENTRES[1]))
    with pytest.raises(TypeError, match="expected a Gaussian, DiagonalGaussian or MarkovGaussian, got"):
        gp.expectations.expectation("x", (SE, points))
