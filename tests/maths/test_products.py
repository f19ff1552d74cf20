"""Products and copies of matrices: that what a program leaves behind is read as what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from gparams.maths._products import by_rows, transpose_copy


@pytest.mark.parametrize("stored", [transpose_copy, by_rows])
def test_results_beside_what_is_stored_by_rows_are_read_as_they_are(stored):
    rng = np.random.default_rng(0)
    A, C = jnp.asarray(rng.normal(size=(4, 4))), jnp.asarray(rng.normal(size=(8, 4, 2)))

    @jax.jit
    def both(A):
        return jnp.swapaxes(jnp.einsum("ij,bjk->ibk", A, C), 0, 1) * 2.0, stored(A)

    expected = 2.0 * np.einsum("ij,bjk->bik", A, C)
    assert_allclose(both(A)[0] + 0.0, expected, rtol=1e-14)
    result, pull = jax.vjp(both, A)
    assert_allclose(result[0] + 0.0, expected, rtol=1e-14)
    ones = jax.tree.map(jnp.ones_like, result)
    assert_allclose(pull(ones)[0], jax.jit(lambda A: jax.vjp(both, A)[1](ones)[0])(A), rtol=1e-14)
