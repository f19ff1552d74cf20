"""Chunks of rows: how many, and that no more are seen at once."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from gparams.maths import in_chunks, read_count, rows_in_chunk


@pytest.mark.parametrize(
    ("row_size", "batch_size", "rows"), [(1024, None, 2**14), (2**30, None, 1), (0, None, 2**24), (1024, 7, 7)]
)
def test_so_many_rows_make_a_chunk(row_size, batch_size, rows):
    assert rows_in_chunk(row_size, batch_size) == rows


@pytest.mark.parametrize(
    ("batch_size", "error", "said"), [(0, ValueError, "at least 1, got 0"), (2.5, TypeError, "whole")]
)
def test_a_number_of_rows_is_whole_and_not_zero(batch_size, error, said):
    with pytest.raises(error, match=f"batch_size: expected .*{said}"):
        read_count(batch_size, "batch_size")


def test_a_function_sees_a_chunk_at_a_time():
    seen = []
    out = in_chunks(lambda X: (seen.append(X.shape), X[:, 0] * 2.0)[1], jnp.arange(14.0).reshape(7, 2), 3)
    assert_allclose(out, 2.0 * np.arange(0.0, 14.0, 2.0))
    assert set(seen) == {(3, 2)}
