"""Compiling in little time, which is where most of a run's time goes."""

import functools

import equinox as eqx
import jax

_WANTED = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}


@functools.cache
def options():
    """Those of XLA's options that this version knows: no costly optimisation, and one simple way to make loops.

    They take three quarters of the time off. The programs are slower, and compute the same to rounding.
    """
    known = {}
    for name, value in _WANTED.items():
        try:
            jax.jit(lambda x: x).lower(0.0).compile(compiler_options={name: value})
        except jax.errors.JaxRuntimeError:
            continue
        known[name] = value
    return known


def quickly(f):
    """Compile a function of a module and arrays in little time, for tests that look at its values alone."""

    @functools.partial(jax.jit, static_argnums=0, compiler_options=options())
    def run(static, arrays, *args):
        return f(eqx.combine(arrays, static), *args)

    def call(module, *args):
        arrays, static = eqx.partition(module, eqx.is_array)
        return run(static, arrays, *args)

    return call
