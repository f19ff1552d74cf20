"""Batches of arrays with the few methods of TensorFlow's datasets that GPflow scripts use."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._arrays import map_containers


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Rows of arrays, to be repeated, shuffled and cut into batches; made by `from_tensor_slices`.

    Each method returns a new dataset, and ``iter`` runs it. Whatever the order of the calls, rows are shuffled first, epoch
    by epoch, and then cut into batches; a last incomplete batch comes too, unless it is dropped or rows go on into
    the next epoch, as TensorFlow's do after ``repeat().batch(n)``.

    Parameters
    ----------
    tensors
        An array, or a tuple or dictionary of arrays with one number of rows.
    epochs
        How often to go through the rows; -1 without end.
    batch_size
        Rows to a batch; None gives them one by one.
    drop
        Whether a last incomplete batch is left out.
    shuffled
        Whether each epoch has its own random order.
    seed
        Seed of that order; None takes NumPy's global state.

    Raises
    ------
    ValueError
        From ``iter``: if the arrays differ in their number of rows.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> batches = iter(gpflow.Dataset.from_tensor_slices(np.arange(3.0)).repeat().batch(2))
    >>> [next(batches).tolist() for _ in range(3)]
    [[0.0, 1.0], [2.0, 0.0], [1.0, 2.0]]
    """

    tensors: Any
    epochs: int = 1
    batch_size: int | None = None
    drop: bool = False
    shuffled: bool = False
    seed: int | None = None

    @classmethod
    def from_tensor_slices(cls, tensors: Any) -> "Dataset":
        """Take the rows of arrays."""
        return cls(map_containers(np.asarray, tensors))

    def repeat(self, count: int | None = None) -> "Dataset":
        """Go through the rows again: `count` times in all, without end by default."""
        return dataclasses.replace(self, epochs=-1 if count is None else count)

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True) -> "Dataset":
        """Shuffle the rows of each epoch. All of them, whatever the buffer; by NumPy's global state without a seed."""
        return dataclasses.replace(self, shuffled=True, seed=seed)

    def batch(self, batch_size: int, drop_remainder: bool = False) -> "Dataset":
        """Cut the rows into batches."""
        return dataclasses.replace(self, batch_size=int(batch_size), drop=drop_remainder)

    def prefetch(self, buffer_size: Any = None) -> "Dataset":
        """Return itself: the arrays are in memory."""
        return self

    def cache(self) -> "Dataset":
        """Return itself: the arrays are in memory."""
        return self

    def __iter__(self) -> Iterator[Any]:
        if self.batch_size is None:
            yield from (self._take(i) for i in self._order())
            return
        rows: list[int] = []
        for i in self._order():
            rows.append(i)
            if len(rows) == self.batch_size:
                yield self._take(np.asarray(rows))
                rows = []
        if rows and not self.drop:
            yield self._take(np.asarray(rows))

    def _order(self) -> Iterator[int]:
        rng: Any = np.random if self.seed is None else np.random.default_rng(self.seed)
        count, epoch = self._num_rows(), 0
        while epoch != self.epochs:
            yield from (rng.permutation(count) if self.shuffled else range(count))
            epoch += 1

    def _num_rows(self) -> int:
        sizes: list[int] = []
        map_containers(lambda a: sizes.append(a.shape[0]), self.tensors)
        if len(set(sizes)) != 1:
            raise ValueError(f"Dataset: expected arrays with one number of rows, got {sizes}")
        return sizes[0]

    def _take(self, rows: Any) -> Any:
        return map_containers(lambda a: jnp.asarray(a[rows]), self.tensors)
