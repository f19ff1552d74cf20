"""Shared set-up: float64, strict promotion, shape checks, and a compilation cache that outlives the run."""

import os
import sys
import tempfile
from pathlib import Path

import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Compiling takes most of a run's time. The cache lies outside the checkout, and JAX keys it by version and device.
_cache = os.environ.get("GPARAMS_TEST_CACHE", str(Path(tempfile.gettempdir()) / "gparams-test-cache"))
jax.config.update("jax_compilation_cache_dir", _cache)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# From here on, jaxtyping's shapes in the signatures are checked at each call, save where calls are timed.
if "--benchmark-enable" not in sys.argv:
    install_import_hook("gparams", "beartype.beartype").__enter__()


@pytest.fixture
def key():
    return jax.random.key(20261121)


# Scripts that are run by hand, in environments of their own.
collect_ignore_glob = ["reference/gpflow_side.py", "*/make_*.py", "benchmarks/bench_*.py", "benchmarks/peers/*.py"]
