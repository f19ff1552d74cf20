"""Numbers of kernels: where one is meant no array is taken, and where one a column is meant, no matrix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

k = gp.kernels

X = np.random.default_rng(0).normal(size=(6, 3))
ALL = [
    k.SquaredExponential, k.Exponential, k.Matern12, k.Matern32, k.Matern52, k.RationalQuadratic, k.Cosine, k.Linear,
    k.Polynomial, k.Constant, k.White, k.ArcCosine,
]  # fmt: skip
NUMBERS = [(kind, "variance") for kind in ALL if kind not in (k.Linear, k.Polynomial)]
NUMBERS += [(k.RationalQuadratic, "alpha"), (k.Polynomial, "offset"), (k.ArcCosine, "bias_variance")]
VECTORS = [(k.Matern52, "lengthscales"), (k.Cosine, "lengthscales"), (k.ArcCosine, "weight_variances")]
VECTORS += [(k.Linear, "variance"), (k.Polynomial, "variance")]


@pytest.mark.parametrize(("kind", "field"), NUMBERS, ids=lambda x: getattr(x, "__name__", x))
@pytest.mark.parametrize("given", [[2.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]], ids=str)
def test_what_is_one_number_is_no_array(kind, field, given):
    """GPflow's rule for variances; an array would be broadcast against covariances that happen to fit."""
    mend = "take the number out of it" if np.size(given) == 1 else "make a kernel of each, and gparams.stack them"
    for value in (given, gp.Parameter(given, transform=gp.positive())):
        with pytest.raises(ValueError) as caught:
            kind(**{field: value})
        shape = np.shape(given)
        assert str(caught.value) == f"{kind.__name__}.{field}: expected one number, got shape {shape}; {mend}"


@pytest.mark.parametrize(("kind", "field"), VECTORS, ids=lambda x: getattr(x, "__name__", x))
def test_what_is_one_a_column_is_no_matrix(kind, field):
    assert getattr(kind(**{field: [1.0, 2.0, 3.0]}), field).shape == (3,)
    with pytest.raises(ValueError, match=rf"{kind.__name__}.{field}: expected one number, or .*got shape \(3, 3\)"):
        kind(**{field: np.ones((3, 3))})


def test_numbers_of_the_kernels_that_hold_others():
    with pytest.raises(ValueError, match=r"Periodic.period: expected one number, or a vector"):
        k.Periodic(k.Matern52(), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"GibbsKernel.variance: expected one number, got shape \(2,\)"):
        k.GibbsKernel(jnp.exp, [1.0, 2.0])


def test_batches_of_kernels_have_numbers_of_their_own():
    """Made under vmap, stacked, or cut out of a stack: each sees one number, and none is refused."""
    scales = jnp.array([0.5, 2.0])
    one_by_one = [k.RationalQuadratic(s, s, s) for s in scales]
    expected = np.stack([kernel(X) for kernel in one_by_one])
    stack = gp.stack(one_by_one)
    assert stack.variance.shape == (2,)
    for batch in (
        jax.vmap(lambda s: k.RationalQuadratic(s, s, s)(X))(scales),
        eqx.filter_vmap(lambda kernel: kernel(X))(stack),
        eqx.filter_vmap(lambda kernel: kernel(X))(eqx.filter_vmap(lambda s: k.RationalQuadratic(s, s, s))(scales)),
        np.stack([kernel(X) for kernel in gp.unstack(stack)]),
    ):
        assert_allclose(batch, expected)
    replaced = gp.replace(one_by_one[0].at.variance, stack.variance)  # which makes no kernel again
    assert replaced.variance.shape == (2,)
