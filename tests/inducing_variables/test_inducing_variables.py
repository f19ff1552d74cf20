"""Inducing variables against the kernels they stand for, averages against quadrature, and where they start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import data
from numpy.testing import assert_allclose

import gparams as gp

iv = gp.inducing_variables
X, _ = data(num_rows=30)
Z = X[:4]
SE = gp.kernels.SquaredExponential
KEY = jax.random.key(1)


def close(actual, expected, rtol=1e-9, atol=1e-11):
    assert np.shape(actual) == np.shape(expected)
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


def mixture():
    return gp.kernels.LinearCoregionalization([SE(), gp.kernels.Matern32(0.7)], W=[[1.0, 0.3], [-0.4, 0.8], [0.2, 0.1]])


def test_points_are_values_of_the_function():
    kernel = SE(1.3, [0.7, 0.9])
    for points in (iv.InducingPoints(Z), iv.DataPoints(jnp.asarray(Z))):
        close(points.Kuu(kernel), kernel(Z))
        close(points.Kuu(kernel, jitter=0.5), np.asarray(kernel(Z)) + 0.5 * np.eye(4))
        close(points.Kuf(kernel, X), kernel(Z, X))
        assert points.num_inducing == 4
    assert gp.parameter_dict(iv.InducingPoints(Z)).keys() == {"Z"}
    assert not gp.parameter_dict(iv.DataPoints(jnp.asarray(Z)))


def test_points_of_several_outputs_are_all_of_them():
    Kuu = iv.InducingPoints(Z).Kuu(mixture(), jitter=0.1)
    close(Kuu.reshape(12, 12), np.asarray(mixture()(Z, full_cov=True)).reshape(12, 12) + 0.1 * np.eye(12))
    assert iv.InducingPoints(Z).Kuf(mixture(), X).shape == (4, 3, 30, 3)


def test_averages_against_quadrature():
    """u, the mean of f under N(z, w^2), has lengthscale^2 + w^2 with f; the parametrisation has (l + s)^2 for it."""
    ell, s, z = 0.8, 0.5, 0.3
    kernel, average = SE(1.7, ell), iv.Multiscale([[z]], [[s]])
    width = np.sqrt((ell + s) ** 2 - ell**2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    at = (z + width * nodes)[:, None]
    x = np.linspace(-2.0, 2.0, 7)[:, None]
    close(average.Kuf(kernel, x)[0], weights @ np.asarray(kernel(at, x)), 1e-9)
    close(average.Kuu(kernel)[0, 0], weights @ np.asarray(kernel(at)) @ weights, 1e-9)


def test_averages_of_no_width_are_points():
    kernel = SE(1.3, [0.7, 0.9])
    narrow = iv.Multiscale(Z, np.full(Z.shape, 1e-9))
    close(narrow.Kuu(kernel), kernel(Z), 1e-6)
    close(narrow.Kuf(kernel, X), kernel(Z, X), 1e-6)


def test_averages_read_the_kernels_columns():
    kernel = SE(1.3, 0.7, active_dims=[1])
    narrow = iv.Multiscale(Z, np.full(Z.shape, 1e-9))
    close(narrow.Kuf(kernel, X), kernel(Z, X), 1e-6)
    with pytest.raises(TypeError, match="SquaredExponential, not Matern32"):
        narrow.Kuu(gp.kernels.Matern32())


def test_patches_are_of_the_patch_function():
    kernel = gp.kernels.Convolutional(SE(1.2, 1.5), [3, 3], [2, 2])
    patches = np.random.default_rng(0).normal(size=(5, 4))
    images = np.random.default_rng(1).normal(size=(6, 9))
    points = iv.InducingPatches(patches)
    close(points.Kuu(kernel), SE(1.2, 1.5)(patches))
    each = np.asarray(kernel.get_patches(images))  # [N, P, 4]
    mean = np.stack([np.asarray(SE(1.2, 1.5)(patches, image)).mean(1) for image in each], 1)
    close(points.Kuf(kernel, images), mean)
    with pytest.raises(TypeError, match="Convolutional"):
        points.Kuu(SE())


def test_shared_and_separate():
    kernels = mixture().kernels
    separate = gp.kernels.SeparateIndependent(kernels)
    one = iv.SharedIndependentInducingVariables(iv.InducingPoints(Z))
    each = iv.SeparateIndependentInducingVariables([iv.InducingPoints(Z), iv.InducingPoints(Z + 1.0)])
    for kernel in (separate, mixture()):
        close(one.Kuu(kernel), np.stack([k(Z) for k in kernels]))
        close(one.Kuf(kernel, X), np.stack([k(Z, X) for k in kernels]))
        close(each.Kuu(kernel), np.stack([kernels[0](Z), kernels[1](Z + 1.0)]))
    shared = gp.kernels.SharedIndependent(SE(), output_dim=2)
    close(one.Kuu(shared, jitter=0.1), np.asarray(SE()(Z)) + 0.1 * np.eye(4))
    close(each.Kuu(shared), np.stack([SE()(Z), SE()(Z + 1.0)]))
    assert one.num_inducing == each.num_inducing == 4
    assert len(one.inducing_variables) == 1 and len(each.inducing_variables) == 2


def test_what_does_not_fit_is_refused():
    points = iv.InducingPoints(Z)
    with pytest.raises(ValueError, match=r"pass Z\[:, None\]"):
        iv.InducingPoints(Z[:, 0])
    with pytest.raises(ValueError, match="scales of the shape"):
        iv.Multiscale(Z, [1.0])
    with pytest.raises(TypeError, match="inducing variables of one function"):
        iv.SharedIndependentInducingVariables(iv.SharedIndependentInducingVariables(points))
    with pytest.raises(ValueError, match="one number of each"):
        iv.SeparateIndependentInducingVariables([points, iv.InducingPoints(Z[:3])])
    with pytest.raises(TypeError, match="SharedIndependent"):
        iv.SharedIndependentInducingVariables(points).Kuu(SE())
    with pytest.raises(ValueError, match="3 sets .* has 2 latent functions"):
        iv.SeparateIndependentInducingVariables([points] * 3).Kuu(mixture())


def test_a_random_subset_is_distinct_rows():
    rows = np.asarray(iv.random_subset(X, 7, key=KEY))
    assert len(np.unique(rows, axis=0)) == 7
    assert all(np.any(np.all(X == row, 1)) for row in rows)
    assert not np.array_equal(rows, iv.random_subset(X, 7, key=jax.random.key(2)))


def test_centres_are_means_of_their_clusters():
    blobs = np.concatenate(
        [np.random.default_rng(i).normal([4.0 * i, -200.0 * i], [0.1, 5.0], (20, 2)) for i in range(3)]
    )
    centres = np.asarray(iv.kmeans(blobs, 3, key=KEY))
    close(centres[np.argsort(centres[:, 0])], np.stack([blobs[20 * i : 20 * i + 20].mean(0) for i in range(3)]))


def test_greedy_choice_is_the_pivots_of_a_cholesky_factorisation():
    kernel, left = SE(1.3, [0.7, 0.9]), None
    K = np.asarray(kernel(X))
    chosen = []
    for _ in range(8):
        C = K[:, chosen]
        explained = C @ np.linalg.solve(K[np.ix_(chosen, chosen)], C.T) if chosen else 0.0 * K
        left = np.diag(K - explained).copy()
        left[chosen] = -1.0
        chosen.append(int(np.argmax(left)))
    close(iv.greedy_variance(X, 8, kernel), X[chosen])


def test_greedy_choice_goes_on_where_nothing_is_left():
    doubled = np.concatenate([X[:3], X[:3], X[:3]])
    rows = np.asarray(iv.greedy_variance(doubled, 9, SE()))
    close(rows[np.lexsort(rows.T)], doubled[np.lexsort(doubled.T)])


def test_more_points_than_rows_are_refused():
    for choose in (lambda n: iv.random_subset(X, n, key=KEY), lambda n: iv.kmeans(X, n, key=KEY)):
        with pytest.raises(ValueError, match="31 asked for, and X has 30 rows"):
            choose(31)
    with pytest.raises(ValueError, match="0 asked for"):
        iv.greedy_variance(X, 0, SE())
    with pytest.raises(ValueError, match="2 distinct rows"):
        iv.kmeans(np.repeat(X[:2], 5, 0), 3, key=KEY)
