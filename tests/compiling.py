"""Compiling in little time, which is where most of a run's time goes."""

import functools

import equinox as eqx
import jax


def quickly(f):
    """Compile a function of a module and arrays without XLA's costly optimisations, which tests of values don't need."""

    @functools.partial(jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0})
    def run(static, arrays, *args):
        return f(eqx.combine(arrays, static), *args)

    def call(module, *args):
        arrays, static = eqx.partition(module, eqx.is_array)
        return run(static, arrays, *args)

    return call
