"""The layer costs nothing at run time: under jit the program is that of plain arrays."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameter_models import Model, rich_model

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


def numbers_of(text, word):
    return len(re.findall(rf"\b{word}\b", text))


def test_transforms_of_one_kind_run_once_over_all():
    kinds = (gp.positive(base="exp"), None, gp.bounded(0.0, 20.0))
    model = [gp.Parameter(1.0 + i, transform=kinds[i % 3]) for i in range(9)]
    flat = gp.Flat(model)

    def loss(x):
        return sum((p.value - 1.0) ** 2 for p in flat.model(x))

    assert numbers_of(str(jax.make_jaxpr(loss)(flat.vector())), "exp") == 1
    apart = str(jax.make_jaxpr(lambda d: sum((p.value - 1.0) ** 2 for p in flat.model(d)))(flat.params))
    assert numbers_of(apart, "exp") == 3


@pytest.mark.parametrize("make", [Model, rich_model, lambda: list(map(gp.Parameter, np.float32([1.0, 2.0])))])
def test_vector_and_dictionary_give_the_same_model(make):
    model = make()
    if isinstance(model, gp.Module):
        model = gp.set_trainable(model.at.parts[0].weights[1], False)
    flat = gp.Flat(model)
    x = flat.vector()
    assert x.shape == (sum(u.size for u in flat.params.values()),)
    for a, b in zip(jax.tree.leaves(flat.model(x)), jax.tree.leaves(model), strict=True):
        assert np.array_equal(a, b)
    by_vector = flat.unravel(jax.grad(lambda x: total(flat.model(x)))(x))
    by_path = gp.filter_grad(total)(model)
    assert list(by_vector) == list(by_path)
    for key, slope in by_path.items():
        assert np.isfinite(slope).all()
        np.testing.assert_allclose(by_vector[key], slope, rtol=1e-12)
    read, expected = gp.read_values(flat.model(x + 0.5)), gp.read_values(flat.model(flat.unravel(x + 0.5)))
    for key in read:
        np.testing.assert_allclose(read[key], expected[key], rtol=1e-14)


def total(model):
    return sum(jnp.sum(p.value**2) for p in gp.trainable_parameters(model)) + gp.log_prior(model).astype(
        gp.trainable_parameters(model)[0].dtype
    )


def test_a_value_known_ahead_is_no_part_of_the_tree():
    flat = gp.Flat([gp.Parameter(1.0, transform=gp.positive()), gp.Parameter(2.0, transform=gp.positive())])
    model = flat.model(flat.vector())
    assert len(jax.tree.leaves(model)) == 2
    moved = jax.tree.map(lambda u: u + 1.0, model)
    np.testing.assert_allclose(moved[0].value, np.log1p(np.exp(float(model[0].unconstrained) + 1.0)), rtol=1e-14)
