"""Calls of one compiled program side by side, in threads: XLA lets go of Python's lock while it runs."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

_MEMORY = 2**31  # bytes that all calls together may take, as far as `workers_for` can tell
_SQUARES = 40  # bytes to each pair of data points: what an exact process takes for its value and gradient


def workers_for(tree: Any) -> int:
    """How many calls on these arrays to run at a time: one a core, and fewer where each might take much memory."""
    rows = max((leaf.shape[0] for leaf in jax.tree.leaves(tree) if getattr(leaf, "ndim", 0)), default=1)
    return max(1, min(os.cpu_count() or 1, _MEMORY // (_SQUARES * rows**2)))


def side_by_side(call: Callable[[Any], Any], items: Sequence[Any], workers: int) -> list[Any]:
    """Give the call's results, in order. The first call, which may have to compile, is made before the others."""
    first, rest = call(items[0]), items[1:]
    if workers == 1 or not rest:
        return [first, *map(call, rest)]
    pool = ThreadPoolExecutor(min(workers, len(rest)))
    try:
        if pool.submit(_settings).result() != _settings():
            return [first, *map(call, rest)]
        return [first, *pool.map(lambda item: jax.block_until_ready(call(item)), rest)]
    finally:
        pool.shutdown(cancel_futures=True)


def _settings() -> dict[str, Any]:
    # What a context manager of JAX's has set holds in its own thread only, and another would compile something else.
    return {name: getattr(jax.config, name, None) for name in jax.config.values}
