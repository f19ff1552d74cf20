"""Batches from anywhere: an iterator or a collection of them, fetched ahead on a thread of its own."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

PREFETCH = 2


class Stream:
    """Batches in order, each put on the device while the steps before it run.

    A collection that can be gone through again (a list in an object of one's own, a PyTorch DataLoader) starts afresh
    after its last batch; of a bare iterator, the last batch is the last.
    """

    def __init__(self, batches: Iterable[Any], mesh: Mesh | None = None, prefetch: int = PREFETCH):
        self.batches, self.mesh, self.prefetch = batches, mesh, prefetch
        self.dry = False
        self.count = 0
        self._like: Any = None
        self._queue: queue.Queue = queue.Queue(maxsize=prefetch)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def over(self, mesh: Mesh) -> "Stream":
        """The same batches, each with its rows split over devices."""
        return Stream(self.batches, mesh, self.prefetch)

    def take(self, count: int) -> Iterator[Any]:
        """The next batches: `count` of them, or as many as are left."""
        for _ in range(count):
            batch = self._next()
            if self.dry:
                return
            yield batch

    def close(self) -> None:
        """Let the thread end; a batch that it had fetched ahead is lost."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _next(self) -> Any:
        if self._thread is None:
            self._thread = threading.Thread(target=self._fetch, name="gparams batches", daemon=True)
            self._thread.start()
        kind, item = self._queue.get()
        if kind == "error":
            self.dry = True
            raise item
        if kind == "end":
            self.dry = True
            if self.count == 0:
                raise ValueError(
                    "fit: the iterator of batches gave none. One that has been gone through before is empty: make a new "
                    "one, or give a collection"
                )
            return None
        self.count += 1
        return item

    # ---- on the thread

    def _fetch(self) -> None:
        try:
            number = 0
            while not self._stop.is_set():
                before = number
                for batch in self.batches:
                    if not self._offer(("batch", self._read(batch, number))):
                        return
                    number += 1
                if number == before or iter(self.batches) is self.batches:
                    break
            self._offer(("end", None))
        except Exception as error:  # raised again where the batches are used
            self._offer(("error", error))

    def _offer(self, item: tuple[str, Any]) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def _read(self, batch: Any, number: int) -> Any:
        batch = jax.tree.map(_as_array, batch)
        leaves, treedef = jax.tree.flatten(batch)
        num_rows = common_rows(leaves)
        if not num_rows:
            shapes = [leaf.shape for leaf in leaves]
            raise ValueError(f"fit: batch {number}: expected arrays with one number of rows, got shapes {shapes}")
        like = treedef, [(leaf.shape[1:], leaf.dtype) for leaf in leaves]
        if self._like is None:
            self._like = like
        elif like != self._like:
            raise ValueError(
                f"fit: batch {number} is not like the first: expected {_words(self._like)}, got {_words(like)}. Only the "
                "number of rows may differ"
            )
        return jax.device_put(batch, self._sharding(num_rows))

    def _sharding(self, num_rows: int) -> Any:
        if self.mesh is None:
            return None
        # A ragged batch that can't be split evenly goes to every device whole: the result is the same.
        even = num_rows % self.mesh.devices.size == 0
        return NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names) if even else PartitionSpec())


def common_rows(arrays: list[Any]) -> int | None:
    """The number of rows that all arrays have; None if there is no such number."""
    rows = {array.shape[0] if array.ndim else -1 for array in arrays}
    return rows.pop() if len(rows) == 1 and -1 not in rows else None


def is_stream(data: Any) -> bool:
    """Whether data are batches to go through, and not a PyTree of arrays."""
    if isinstance(data, str | bytes | jax.Array | np.ndarray | np.generic) or not isinstance(data, Iterable):
        return False
    return bool(jax.tree_util.all_leaves([data]))  # no tuple, list, dictionary or other node of a PyTree


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array):
        return leaf
    array = np.asarray(leaf)
    if array.dtype.kind not in "fiub" and not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"fit: a batch holds {leaf!r}, expected arrays of numbers")
    return array


def _words(like: Any) -> str:
    treedef, leaves = like
    return f"{treedef} of {[(f'[N, {shape}]' if shape else '[N]') + f' {dtype}' for shape, dtype in leaves]}"
