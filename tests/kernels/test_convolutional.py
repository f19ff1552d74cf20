"""Convolutional: patches of images, and what it is to be a mean of functions of them."""

import jax.numpy as jnp
import numpy as np
import pytest
from compiling import quickly
from numpy.testing import assert_allclose

import gparams as gp

SE, CONV = gp.kernels.SquaredExponential, gp.kernels.Convolutional
rng = np.random.default_rng(0)


@quickly
def evaluate(kernel, X, X2):
    return kernel(X, X2), kernel(X), kernel(X, full_cov=False)


@quickly
def cross_covariances(kernel, Z, X):
    return kernel.K_patches(Z, X)


def patches(images, height, width, h, w):
    """By loops: images [N, height, width, C] to patches [N, P, h w]."""
    found = [
        images[:, i : i + h, j : j + w, c].reshape(len(images), -1)
        for c in range(images.shape[-1])
        for i in range(height - h + 1)
        for j in range(width - w + 1)
    ]
    return np.stack(found, 1)


@pytest.mark.parametrize(("height", "width", "h", "w", "colours"), [(3, 4, 2, 3, 1), (4, 3, 2, 1, 2), (2, 2, 2, 2, 3)])
def test_patches_and_covariances_are_those_of_loops(height, width, h, w, colours):
    images, others = (rng.normal(size=(n, height, width, colours)) for n in (3, 2))
    P = (height - h + 1) * (width - w + 1) * colours
    weights = rng.normal(size=P)
    kernel = CONV(SE(1.3, 1.7), [height, width], [h, w], weights, colours)
    assert (kernel.num_patches, kernel.patch_len) == (P, h * w)
    A, B = (patches(x, height, width, h, w) for x in (images, others))
    X, X2 = images.reshape(3, -1), others.reshape(2, -1)
    assert np.array_equal(kernel.get_patches(X), A)
    between = 1.3 * np.exp(-0.5 * ((A[:, :, None, None] - B[None, None]) ** 2).sum(-1) / 1.7**2)
    expected = np.einsum("npmq,p,q->nm", between, weights, weights) / P**2
    cross, whole, diagonal = evaluate(kernel, X, X2)
    assert_allclose(cross, expected, rtol=1e-12, atol=1e-15)
    assert_allclose(diagonal, np.diag(whole), rtol=1e-12)


def test_patches_and_images_together_are_one_process():
    """g at patches, f at images: their joint covariance is one, and f of an image is the mean of g at its patches."""
    kernel = CONV(SE(0.8, 1.2), [3, 3], [2, 2], rng.normal(size=4))
    X, Z = rng.normal(size=(3, 9)), jnp.asarray(rng.normal(size=(5, 4)))
    cross, K = np.asarray(cross_covariances(kernel, Z, X)), np.asarray(evaluate(kernel, X, X)[1])
    assert cross.shape == (5, 3)
    joint = np.block([[np.asarray(kernel.base_kernel(Z)), cross], [cross.T, K]])
    assert np.linalg.eigvalsh(joint).min() > -1e-12
    own = kernel.get_patches(X)[0]  # the patches of the first image
    mean_of_g = np.asarray(kernel.weights) @ np.asarray(cross_covariances(kernel, own, X)) / kernel.num_patches
    assert_allclose(mean_of_g, K[0], rtol=1e-12)


def test_patches_of_batches():
    kernel = CONV(SE(), [2, 3], [2, 2])
    X, Z = rng.normal(size=(2, 3, 6)), jnp.asarray(rng.normal(size=(5, 4)))
    assert kernel.get_patches(X).shape == (2, 3, 2, 4)
    assert_allclose(cross_covariances(kernel, Z, X)[:, 1], cross_covariances(kernel, Z, X[1]))


def test_a_patch_as_large_as_the_image():
    X = rng.normal(size=(4, 6))
    assert_allclose(CONV(SE(0.7), [2, 3], [2, 3])(X), SE(0.7)(X))


def test_parameters():
    assert list(gp.parameter_dict(CONV(SE(), [3, 3], [2, 2]))) == [
        "base_kernel.variance",
        "base_kernel.lengthscales",
        "weights",
    ]
    frozen = gp.Parameter(np.ones(4), trainable=False)
    assert not CONV(SE(), [3, 3], [2, 2], frozen).weights.trainable


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"image_shape": [3]}, ValueError, "image_shape to be two whole numbers"),
        ({"image_shape": [3, 3.5]}, TypeError, "Convolutional.image_shape: expected a whole number"),
        ({"patch_shape": [0, 2]}, ValueError, "Convolutional.patch_shape: expected at least 1"),
        ({"patch_shape": [4, 1]}, ValueError, "don't fit"),
        ({"weights": np.ones(3)}, ValueError, "expected 4 weights"),
        ({"weights": np.ones((4, 1))}, ValueError, "expected 4 weights"),
        ({"colour_channels": 0}, ValueError, "colour_channels"),
    ],
)
def test_arguments_are_checked(change, error, message):
    with pytest.raises(error, match=f"{message}|checking the parameters"):
        CONV(**{"base_kernel": SE(), "image_shape": [3, 3], "patch_shape": [2, 2], **change})


def test_inputs_are_images():
    kernel = CONV(SE(), [3, 3], [2, 2], colour_channels=2)
    with pytest.raises(ValueError, match="3 x 3 pixels and 2 colours, 18 columns, got X of shape"):
        kernel(np.zeros((2, 9)))
    with pytest.raises(ValueError, match="patches of 4 pixels"):
        kernel.K_patches(jnp.zeros((2, 9)), np.zeros((2, 18)))
