"""Kernels of several outputs, over their table: blocks that fit together, and GPflow's shapes."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MULTIOUTPUT_KERNELS, NUM_COLUMNS
from compiling import quickly
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

import gparams as gp

X = np.random.default_rng(0).normal(size=(6, NUM_COLUMNS))
X[4] = X[1]
X2 = np.random.default_rng(1).normal(size=(4, NUM_COLUMNS))
SE, M32 = gp.kernels.SquaredExponential, gp.kernels.Matern32

each = pytest.mark.parametrize("name", MULTIOUTPUT_KERNELS)


def every_way(kernel, A, B):
    """Covariances, cross-covariances and variances: of all outputs, then of each alone."""
    both = ({"full_output_cov": True}, {"full_output_cov": False})
    return [
        [kernel(A, full_cov=True, **o) for o in both],
        [kernel(A, B, full_cov=True, **o) for o in both],
        [kernel(A, full_cov=False, **o) for o in both],
    ]


evaluate = eqx.filter_jit(every_way)
evaluate_quickly = quickly(every_way)


@functools.cache
def evaluated(name):
    return evaluate(MULTIOUTPUT_KERNELS[name](), X, X2)


def close(actual, expected, rtol=1e-10, atol=1e-12):
    assert actual.shape == np.shape(expected)
    assert np.isfinite(actual).all()
    assert_allclose(actual, expected, rtol=rtol, atol=atol)


@each
def test_is_the_mixture_of_its_latent_functions(name):
    kernel, P = MULTIOUTPUT_KERNELS[name](), evaluated(name)[2][1].shape[-1]
    W = np.eye(P) if kernel.mixing is None else np.asarray(kernel.mixing)
    assert kernel.num_outputs == P == W.shape[0]
    assert kernel.num_latent_gps == len(kernel.latent_kernels) == W.shape[1]
    K = np.zeros((6, P, 6, P))
    cross = np.zeros((6, P, 4, P))
    for w, k in zip(W.T, kernel.latent_kernels, strict=True):
        K += np.einsum("nm,p,q->npmq", k(X), w, w)
        cross += np.einsum("nm,p,q->npmq", k(X, X2), w, w)
    close(evaluated(name)[0][0], K)
    close(evaluated(name)[1][0], cross)


@each
def test_parts_are_those_of_the_whole(name):
    (K, K_each), (cross, cross_each), (diag, diag_each) = evaluated(name)
    close(K_each, np.einsum("npmp->pnm", K))
    close(cross_each, np.einsum("npmp->pnm", cross))
    close(diag, np.einsum("npnq->npq", K))
    close(diag_each, np.einsum("npnp->np", K))


@each
def test_symmetric_and_positive_semidefinite(name):
    K = np.asarray(evaluated(name)[0][0])
    K = K.reshape(K.shape[0] * K.shape[1], -1)
    assert_allclose(K, K.T, rtol=1e-14, atol=1e-15)
    assert np.linalg.eigvalsh(K).min() > -1e-12
    assert K.max() > 0.1


@each
def test_jit_is_eager(name):
    for compiled, eager in zip(evaluated(name), every_way(MULTIOUTPUT_KERNELS[name](), X, X2), strict=True):
        for one, other in zip(compiled, eager, strict=True):
            close(one, other)


@each
def test_batches_are_loops(name):
    kernel, batch, batch2 = MULTIOUTPUT_KERNELS[name](), np.stack([X, X + 0.3]), np.stack([X2, 2.0 * X2, X2 - 0.5])
    (K, K_each), (cross, cross_each), (diag, diag_each) = evaluate_quickly(kernel, batch, batch2)
    P = kernel.num_outputs
    assert cross.shape == (2, 6, P, 3, 4, P) and cross_each.shape == (P, 2, 6, 3, 4)
    for i in range(2):
        for j in range(3):
            (a, a_each), (b, b_each), (c, c_each) = evaluate(kernel, batch[i], batch2[j])
            close(cross[i, :, :, j], b)
            close(cross_each[:, i, :, j], b_each)
        close(K[i], a)
        close(K_each[:, i], a_each)
        close(diag[i], c)
        close(diag_each[i], c_each)


@each
def test_gradient_by_parameters_and_inputs(name):
    params, static = gp.partition(MULTIOUTPUT_KERNELS[name]())
    free, unravel = ravel_pytree(params)
    weights = [np.random.default_rng(2).normal(size=np.shape(a)) for part in evaluated(name) for a in part]

    def f(v):
        found = every_way(gp.combine(unravel(v[: free.size]), static), v[free.size :].reshape(X.shape), X2)
        return sum(jnp.sum(w * a) for w, a in zip(weights, [a for part in found for a in part], strict=True))

    start = np.concatenate([free, X.ravel()])
    steps = 1e-5 * np.eye(start.size)
    points = np.concatenate([start[None], start[None] + steps, start[None] - steps])
    values, gradients = jax.jit(lambda points: jax.lax.map(jax.value_and_grad(f), points))(points)
    slopes = (values[1 : 1 + start.size] - values[1 + start.size :]) / 2e-5
    assert np.any(np.asarray(gradients[0]) != 0)
    close(gradients[0], slopes, 1e-6, 1e-6)


@each
def test_float32_stays_float32(name):
    A, B = X.astype(np.float32), X2.astype(np.float32)
    for part, expected in zip(
        evaluate_quickly(MULTIOUTPUT_KERNELS[name](jnp.float32), A, B), evaluated(name), strict=True
    ):
        for one, other in zip(part, expected, strict=True):
            assert one.dtype == jnp.float32
            close(one, other, 1e-3, 1e-3)


@each
def test_is_a_pytree(name):
    kernel = MULTIOUTPUT_KERNELS[name]()
    leaves, structure = jax.tree.flatten(kernel)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    assert jax.tree.structure(MULTIOUTPUT_KERNELS[name]()) == structure
    assert np.array_equal(gp.combine(*gp.partition(kernel))(X), kernel(X))


@each
def test_a_call_with_x_alone_is_the_variances(name):
    kernel = MULTIOUTPUT_KERNELS[name]()
    assert kernel(X).shape == (6, kernel.num_outputs, kernel.num_outputs)
    close(kernel(X, X2), evaluated(name)[1][0])
    with pytest.raises(ValueError, match="full_cov=False"):
        kernel(X, X2, full_cov=False)
    with pytest.raises(ValueError, match="expected X of shape"):
        kernel(X[0])


def test_kernels_of_one_output_have_no_full_output_cov():
    with pytest.raises(TypeError, match="full_output_cov"):
        SE()(X, full_output_cov=False)


def test_one_kernel_is_evaluated_once():
    calls = []

    class Counted(gp.kernels.Kernel):
        def K(self, X, X2=None):
            calls.append(1)
            return jnp.ones((X.shape[0], X.shape[0] if X2 is None else X2.shape[0]))

        def K_diag(self, X):
            return jnp.ones(X.shape[0])

    gp.kernels.SharedIndependent(Counted(), 5)(X, full_cov=True)
    assert len(calls) == 1


def test_latent_covariances():
    kernel = MULTIOUTPUT_KERNELS["linear-coregionalization"]()
    close(kernel.Kgg(jnp.asarray(X), jnp.asarray(X2)), np.stack([k(X, X2) for k in kernel.kernels]))
    close(kernel.Kgg(jnp.asarray(X)), np.stack([k(X) for k in kernel.kernels]))


def test_a_users_own_mixture():
    class Difference(gp.kernels.MultioutputKernel):
        kernel: gp.kernels.Kernel

        @property
        def latent_kernels(self):
            return (self.kernel,)

        @property
        def mixing(self):
            return jnp.array([[1.0], [-1.0]])

    K = Difference(SE())(X, full_cov=True)
    close(K[:, 0, :, 1], -np.asarray(SE()(X)))


@pytest.mark.parametrize(
    "combine",
    [
        lambda k: k + SE(),
        lambda k: SE() * k,
        lambda k: 2.0 * k,
        lambda k: gp.kernels.SharedIndependent(k, 2),
        lambda k: gp.kernels.SeparateIndependent([SE(), k]),
        lambda k: gp.kernels.LinearCoregionalization([k], [[1.0]]),
        lambda k: gp.kernels.ChangePoints([SE(), k], [0.0]),
        lambda k: gp.kernels.Convolutional(k, [2, 2], [1, 1]),
        lambda k: gp.kernels.DeepKernel(k, jnp.tanh),
        lambda k: gp.kernels.Categorical(k, SE(), 2),
    ],
)
def test_several_outputs_are_no_part_of_another_kernel(combine):
    with pytest.raises(TypeError, match="SharedIndependent has several outputs"):
        combine(gp.kernels.SharedIndependent(SE(), 2))


def test_parts_are_checked():
    for make in (gp.kernels.SeparateIndependent, lambda k: gp.kernels.LinearCoregionalization(k, [[1.0]])):
        with pytest.raises(TypeError, match="expected kernels, got 2.0|checking the parameters"):
            make([SE(), 2.0])
        with pytest.raises(TypeError, match="expected a list of kernels, got one Matern32|checking the parameters"):
            make(M32())
        with pytest.raises(ValueError, match="at least one"):
            make([])
    with pytest.raises(TypeError, match="expected kernels, got None|checking the parameters"):
        gp.kernels.SharedIndependent(None, 2)


@pytest.mark.parametrize(("count", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), ("2", TypeError)])
def test_the_number_of_outputs_is_checked(count, error):
    with pytest.raises(error, match="output_dim"):
        gp.kernels.SharedIndependent(SE(), count)


@pytest.mark.parametrize("W", [[1.0, 2.0], [[1.0]], [[1.0, 2.0, 3.0]], np.ones((0, 2))])
def test_the_mixing_matrix_is_checked(W):
    with pytest.raises(ValueError, match=r"expected W of shape \[P, 2\]"):
        gp.kernels.LinearCoregionalization([SE(), M32()], W)


def test_one_kernel_for_two_outputs_is_shared():
    k = SE()
    assert len(gp.partition(gp.kernels.SeparateIndependent([k, k]))[0]) == 2
    assert len(gp.partition(gp.kernels.SeparateIndependent([SE(), SE()]))[0]) == 4
