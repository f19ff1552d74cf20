"""The layer costs nothing at run time: under jit the program is that of plain arrays."""

import re

import jax
import jax.numpy as jnp
import numpy as np

import gparams as gp

X = np.linspace(0.0, 1.0, 8)


def program(fun, *args):
    """The compiled instructions, without names and source lines."""
    text = jax.jit(fun).lower(*args).compile().as_text()
    text = re.sub(r", metadata=\{[^}]*\}|HloModule [^\n]*", "", text)
    start = text.find("\n\nFileNames")  # tables of source lines, where XLA prints them
    end = text.find("\n\n", text.find("StackFrames")) if start >= 0 else -1
    text = text if start < 0 else text[:start] + (text[end:] if end >= 0 else "")
    text = re.sub(r"[\w.]+: (?=\w+\[)", "", text)  # names of arguments
    names: dict[str, str] = {}
    return re.sub(r"%[\w.\-]+", lambda m: names.setdefault(m.group(0), f"%{len(names)}"), text)


class Line(gp.Module):
    slope: gp.Parameter
    offset: gp.Parameter
    held: gp.Parameter

    def __init__(self):
        self.offset = gp.Parameter(0.5)
        self.slope = gp.Parameter(2.0, transform=gp.positive(base="exp"))
        self.held = gp.Parameter(1.0, trainable=False)

    def __call__(self, x):
        return jnp.sum((self.slope * x + self.offset - self.held) ** 2)


def test_value_and_gradient_compile_to_the_program_of_plain_arrays():
    params, static = gp.partition(Line())

    def layered(params, static):
        return jax.value_and_grad(lambda p: gp.combine(p, static)(X))(params)

    def plain(params, held):
        def loss(p):
            return jnp.sum((jnp.exp(p["slope"]) * X + p["offset"] - held) ** 2)

        return jax.value_and_grad(loss)(params)

    ours, theirs = program(layered, params, static), program(plain, params, static.held.unconstrained)
    assert "exponential" in ours
    assert ours == theirs
    value, gradient = jax.jit(layered)(params, static)
    expected, slope = jax.jit(plain)(params, static.held.unconstrained)
    assert np.isfinite(value) and value == expected
    assert all(gradient[key] == slope[key] for key in params)


def test_a_different_program_is_told_apart():
    params, static = gp.partition(Line())
    ours = program(lambda p, s: gp.combine(p, s)(X), params, static)
    other = program(lambda p, s: gp.combine(p, s)(X + 1.0) * 2.0, params, static)
    assert ours != other


def test_flags_and_priors_cost_nothing_either():
    line = Line()
    loss = program(lambda m: m(X), line)
    assert program(lambda m: m(X), gp.set_trainable(line, False)) == loss
