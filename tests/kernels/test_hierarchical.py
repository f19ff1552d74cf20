"""Kernels of conditional inputs: what is not active makes no difference, and what is active does."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

ARC, WEDGE = gp.kernels.ArcHierarchical, gp.kernels.WedgeHierarchical
NODE, CONDITION = gp.kernels.HierarchyNode, gp.kernels.ActivityCondition
SE, M52 = gp.kernels.SquaredExponential, gp.kernels.Matern52

# Column 0 is always a feature; 1 is one where column 2 is 1 and column 3 is 0.
NODES = [NODE("root", [0], [[-1.0, 3.0]]), NODE("leaf", [1], [[0.0, 5.0]], CONDITION({2: 1, 3: 0}))]
DIMS = [0, 1, 2, 3]
rng = np.random.default_rng(0)
each_kind = pytest.mark.parametrize("kind", [ARC, WEDGE])


def points(n, second=1, third=0):
    return np.stack([rng.uniform(-1, 3, n), rng.uniform(0.5, 5, n), np.full(n, second), np.full(n, third)], -1)


@each_kind
def test_inactive_values_make_no_difference(kind):
    kernel = kind(NODES, SE(), active_dims=DIMS)
    for second, third in ((0, 0), (1, 1), (2, 0), (0, 1)):
        X = points(5, second, third)
        moved = X + np.array([[0.0, 17.0, 0.0, 0.0]])
        assert np.array_equal(kernel(X), kernel(moved))
        assert_allclose(kernel(X, moved), kernel(X))


@each_kind
def test_active_values_and_activity_make_one(kind):
    kernel = kind(NODES, SE(), active_dims=DIMS)
    X = points(1)
    moved, void = X.copy(), X.copy()
    moved[0, 1] = 0.2
    void[0, 2] = 0.0
    assert kernel(X, moved)[0, 0] < 0.99
    assert kernel(X, void)[0, 0] < 0.99


def test_active_values_of_an_arc_count_by_their_difference():
    kernel = ARC(NODES, SE(), active_dims=DIMS)
    X = np.repeat(points(1), 4, 0)
    X[:, 1] = [0.5, 1.5, 3.0, 4.0]
    K = kernel(X)
    assert_allclose(K[0, 1], K[2, 3])
    assert K[0, 2] < K[0, 1]


def test_arc_is_swerskys_formula():
    kernel = gp.multiple_assign(
        ARC(NODES, SE(1.3), active_dims=DIMS), {"angle": [0.7], "radius": [1.4], "uncond_lengthscales": [0.6]}
    )
    X = np.concatenate([points(3), points(3, 0)])
    v, active = X[:, 1] / 5.0, np.array([1, 1, 1, 0, 0, 0])
    u = (X[:, 0] + 1.0) / 4.0 / 0.6
    E = np.stack([u, 1.4 * np.sin(np.pi * 0.7 * v) * active, 1.4 * np.cos(np.pi * 0.7 * v) * active], -1)
    assert_allclose(kernel.embed(jnp.asarray(X)), E, rtol=1e-12, atol=1e-15)
    assert_allclose(kernel(X), SE(1.3)(E))


def test_wedge_is_horns_formula():
    kernel = gp.multiple_assign(
        WEDGE(NODES, M52(1.3), active_dims=DIMS), {"theta1": [0.7], "theta2": [1.4], "rho": [0.9]}
    )
    X = np.concatenate([points(3), points(3, 0)])
    v, active = X[:, 1] / 5.0, np.array([1, 1, 1, 0, 0, 0])
    E = np.stack(
        [(X[:, 0] + 1.0) / 4.0, (0.7 * v + 1.4 * v * np.cos(0.9)) * active, 1.4 * v * np.sin(0.9) * active], -1
    )
    assert_allclose(kernel(X), M52(1.3)(E))


@each_kind
def test_the_base_kernel_hands_its_lengthscales_over(kind):
    base = SE(0.7, [0.4, 2.0, 3.0])
    kernel = kind(NODES, base, active_dims=DIMS)
    assert_allclose(kernel.uncond_lengthscales, [0.4])
    assert_allclose(kernel.base_kernel.lengthscales, np.ones(3))
    assert not kernel.base_kernel.lengthscales.trainable and kernel.base_kernel.variance.trainable
    assert_allclose(base.lengthscales, [0.4, 2.0, 3.0])
    assert_allclose(kind(NODES, SE(0.7, 5.0), active_dims=DIMS).uncond_lengthscales, [1.0])
    assert isinstance(kind(NODES, active_dims=DIMS).base_kernel, M52)
    with pytest.raises(ValueError, match="one lengthscale or 3"):
        kind(NODES, SE(lengthscales=[1.0, 2.0]), active_dims=DIMS)
    with pytest.raises(TypeError, match="stationary base kernel|checking the parameters"):
        kind(NODES, gp.kernels.Linear(), active_dims=DIMS)


@each_kind
def test_without_conditions_or_without_other_features(kind):
    flat = kind([NODE("all", [0, 1], [[0.0, 1.0], [0.0, 1.0]])], SE(), active_dims=[0, 1])
    X = rng.uniform(size=(4, 2))
    assert_allclose(flat(X), SE()(X))
    assert (flat.n_cond_dims, flat.n_uncond_dims, flat.indicator_dims) == (0, 2, ())
    assert list(gp.parameter_dict(flat)) == [
        "uncond_lengthscales",
        "base_kernel.variance",
        "base_kernel.lengthscales",
    ]
    conditional = kind([NODE("leaf", [0], [[0.0, 1.0]], CONDITION({1: 0}))], SE(), active_dims=[0, 1])
    assert conditional.uncond_lengthscales is None
    assert (conditional.n_cond_dims, conditional.n_uncond_dims, conditional.indicator_dims) == (1, 0, (1,))


def test_hierarchies_compare_hash_copy_and_pickle():
    kernel, again = (ARC(NODES, SE(), active_dims=DIMS) for _ in range(2))
    assert jax.tree.structure(kernel) == jax.tree.structure(again)
    assert kernel.hierarchy == tuple(NODES) and hash(kernel.hierarchy) == hash(again.hierarchy)
    X = points(3)
    for copied in (copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
        assert np.array_equal(copied(X), kernel(X))
    count = []

    @jax.jit
    def f(k):
        count.append(1)
        return k(X)

    f(kernel), f(again)
    assert len(count) == 1


def test_a_slice_of_active_dims_needs_a_stop():
    X = points(3)
    wider = np.concatenate([np.zeros((3, 2)), X], 1)
    assert_allclose(ARC(NODES, SE(), active_dims=slice(2, 6))(wider), ARC(NODES, SE(), active_dims=DIMS)(X))
    for open_ended in (slice(2, None), slice(0, -1)):
        with pytest.raises(ValueError, match="a slice with a stop"):
            ARC(NODES, SE(), active_dims=open_ended)


def test_equal_bounds_scale_nothing():
    kernel = ARC([NODE("fixed", [0], [[2.0, 2.0]])], SE(), active_dims=[0])
    assert_allclose(kernel.embed(jnp.array([[2.0], [3.5]])), [[0.0], [1.5]])


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "one HierarchyNode or more"),
        ([NODES[0], NODES[0]], "one name"),
        ([NODES[0], NODE("again", [0], [[0.0, 1.0]])], "each once"),
        ([NODES[0], NODE("both", [1], [[0.0, 1.0]], CONDITION({0: 1}))], "features and read by conditions"),
        ([NODES[0]], "active_dims picks 4 columns"),
    ],
)
def test_hierarchies_are_checked(nodes, message):
    with pytest.raises(ValueError, match=message):
        ARC(nodes, active_dims=DIMS)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: NODE(3, [0], [[0.0, 1.0]]), TypeError, "a name"),
        (lambda: NODE("n", [], np.zeros((0, 2))), ValueError, "one feature at least"),
        (lambda: NODE("n", [0, 0], [[0.0, 1.0]] * 2), ValueError, "each once"),
        (lambda: NODE("n", [-1], [[0.0, 1.0]]), ValueError, "zero or more"),
        (lambda: NODE("n", [0], [0.0, 1.0]), ValueError, r"feature_bounds of shape \[1, 2\]"),
        (lambda: NODE("n", [0], [[1.0, 0.0]]), ValueError, "lower bounds below upper"),
        (lambda: NODE("n", [0], [[0.0, np.nan]]), ValueError, "lower bounds below upper"),
        (lambda: NODE("n", [0], [[0.0, 1.0]], {1: 1}), TypeError, "ActivityCondition"),
        (lambda: CONDITION({-1: 0}), ValueError, "columns"),
        (lambda: CONDITION({1: 0.5}), ValueError, "values"),
        (lambda: CONDITION({1: True}), ValueError, "values"),
    ],
)
def test_nodes_are_checked(make, error, message):
    with pytest.raises((error, TypeError), match=f"{message}|checking the parameters"):
        make()


@each_kind
def test_the_axioms_hold(kind):
    kernel = kind(NODES, SE(1.3), active_dims=DIMS)
    report = gp.kernels.validate_hierarchical_axioms(kernel, NODES)
    assert report.passed and [c.axiom for c in report.checks] == [1, 2, 3]
    assert "PASS axiom 3" in str(report) and report.for_axiom(2) == (report.checks[1],)
    offset = kind(NODES, SE(1.3), active_dims=[5, 2, 3, 1])
    assert gp.kernels.validate_hierarchical_axioms(offset, NODES, active_dims=[5, 2, 3, 1]).passed
    composed = 0.5 * kernel + kernel * kernel
    assert gp.kernels.validate_hierarchical_axioms(composed, NODES).passed


@pytest.mark.parametrize(
    ("kernel", "failing"),
    [
        (SE(), {1}),  # it looks at values that are not active
        (SE(active_dims=[0]), {3}),  # it never looks at the feature, nor at its condition
        (gp.kernels.Linear(), {1, 2, 3}),
        (SE(active_dims=[0, 2, 3]) * gp.kernels.Constant(), set()),  # active or not is all that counts
    ],
)
def test_the_axioms_fail(kernel, failing):
    report = gp.kernels.validate_hierarchical_axioms(kernel, NODES)
    assert {c.axiom for c in report.checks if not c.passed} == failing
    assert report.passed == (not failing)
    assert all(c.max_violation > 0 for c in report.checks if not c.passed)


def test_axioms_without_conditions():
    report = gp.kernels.validate_hierarchical_axioms(SE(), NODES[:1])
    assert report.passed and report.checks == () and "no conditional" in str(report)


def test_axioms_need_their_columns():
    with pytest.raises(ValueError, match="open-ended"):
        gp.kernels.validate_hierarchical_axioms(SE(), NODES, active_dims=slice(1, None))
    with pytest.raises(ValueError, match="picks 2 columns"):
        gp.kernels.validate_hierarchical_axioms(SE(), NODES, active_dims=[0, 1])
    with pytest.raises(ValueError, match="n_samples"):
        gp.kernels.validate_hierarchical_axioms(SE(), NODES, n_samples=0)
