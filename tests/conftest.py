"""Shared set-up: float64, strict promotion, shape checks, and a compilation cache that outlives the run."""

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

# Compiling takes most of a run's time. Without XLA's costly optimisations it takes a fifth of it, and the programs compute
# the same to rounding. It has to be said before JAX starts; where calls are timed, the programs are the usual ones.
if "--benchmark-enable" not in sys.argv:
    _fast = ["--xla_backend_optimization_level=0", "--xla_cpu_parallel_codegen_split_count=1"]
    if tuple(int(part) for part in version("jaxlib").split(".")[:2]) < (0, 11):
        _fast.append("--xla_cpu_use_fusion_emitters=false")  # later versions have no other way to make loops
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *_fast]).strip()

import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# What was compiled once is kept. The cache lies outside the checkout, and JAX keys it by version and device.
_cache = os.environ.get("GPARAMS_TEST_CACHE", str(Path(tempfile.gettempdir()) / "gparams-test-cache"))
jax.config.update("jax_compilation_cache_dir", _cache)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# From here on, jaxtyping's shapes in the signatures are checked at each call, save where calls are timed.
if "--benchmark-enable" not in sys.argv:
    jaxtyping.install_import_hook("gparams", "beartype.beartype").__enter__()


@pytest.fixture
def key():
    return jax.random.key(20261121)


@pytest.fixture
def unchecked():
    """The library as a user has it: no type checker stands before the library's own messages."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True, scope="module")
def programs_of_other_modules_are_forgotten():
    """Compiled programs take memory, several gigabytes over a whole run; those of one file are of no use to the next."""
    yield
    jax.clear_caches()


# Scripts that are run by hand, in environments of their own.
collect_ignore_glob = [
    "reference/gpflow_side.py",
    "gpflow/scripts/*.py",
    "*/make_*.py",
    "benchmarks/bench_*.py",
    "benchmarks/peers/*.py",
]
