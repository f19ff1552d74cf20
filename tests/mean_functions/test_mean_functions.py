"""Mean functions: values, shapes, dtypes, and that they are PyTrees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MEAN_FUNCTIONS

import gparams as gp

X = np.random.default_rng(0).normal(size=(5, 3))
X[:, 2] = [0, 1, 1, 0, 1]  # the last column is a label, too
x, y, z = X.T
POWERS = [x**0, z, z**2, y, y * z, y**2, x, x * z, x * y, x**2]
LINE = np.stack([x + 0.5 * y + 0.1, -x + 2.0 * y + 0.3 * z + 0.2], -1)
EXPECTED = {
    "zero": np.zeros((5, 1)),
    "zero-2": np.zeros((5, 2)),
    "constant": np.full((5, 1), 1.5),
    "constant-2": np.tile([1.5, -0.5], (5, 1)),
    "linear": LINE,
    "identity": X,
    "polynomial": np.stack([sum(w * p for w, p in zip(np.linspace(-1, 1, 10), POWERS, strict=True))] * 2, -1),
    "additive": X + 0.5,
    "product": 0.5 * X,
    "switched": np.where(z == 0, 0.5, x + 2.0 * y)[:, None],
}

each_mean = pytest.mark.parametrize("name", MEAN_FUNCTIONS)


@each_mean
def test_value_shape_and_batches(name):
    mean = MEAN_FUNCTIONS[name]()
    expected = EXPECTED[name]
    both = np.stack([expected, expected])
    for out, want in (
        (mean(X), expected),
        (jax.jit(lambda m, x: m(x))(mean, X), expected),
        (mean(np.stack([X, X])), both),
        (jax.vmap(mean)(np.stack([X, X])), both),
    ):
        assert out.shape == want.shape and np.isfinite(out).all()
        np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-13)


@each_mean
def test_is_a_pytree(name):
    mean = MEAN_FUNCTIONS[name]()
    leaves, structure = jax.tree.flatten(mean)
    assert np.array_equal(jax.tree.unflatten(structure, leaves)(X), mean(X))
    assert jax.tree.structure(MEAN_FUNCTIONS[name]()) == structure


def test_float32_stays_float32():
    x = X.astype(np.float32)
    assert gp.mean_functions.Zero()(x).dtype == jnp.float32
    assert gp.mean_functions.Constant(gp.Parameter(1.0, dtype=jnp.float32))(x).dtype == jnp.float32


def test_constant_learns_and_zero_does_not():
    constant = gp.mean_functions.Constant([1.0, 2.0])
    assert list(gp.partition(constant)[0]) == ["c"]
    gradient = gp.filter_grad(lambda m: jnp.sum(m(X)))(constant)
    assert np.array_equal(jax.tree.leaves(gradient)[0], [5.0, 5.0])
    assert not gp.partition(gp.mean_functions.Zero())[0]
    assert np.array_equal(gp.mean_functions.Constant()(X), np.zeros((5, 1)))


def test_a_vector_is_one_row_for_all_inputs():
    close = np.testing.assert_allclose
    close(gp.mean_functions.Linear([1.0, 2.0])(X), np.sum(X, 1)[:, None] * np.array([[1.0, 2.0]]))


def test_a_parameter_is_adopted_whole():
    c = gp.Parameter(2.0, trainable=False)
    assert not gp.mean_functions.Constant(c).c.trainable


M = gp.mean_functions
MISFITS = {
    "line, rows": (lambda: M.Linear(np.ones((2, 1)))(X), ValueError, "A has 2 rows, and X has 3 columns; give A one row"),
    "line, rank": (lambda: M.Linear(gp.Parameter([1.0, 2.0])), ValueError, r"shape \[D, P\], got \(2,\)"),
    "line, outputs": (lambda: M.Linear(np.ones((3, 2)), np.zeros(3)), ValueError, "has 2 outputs, and b has 3 numbers"),
    "weights": (lambda: M.Polynomial(2, w=[1.0, 2.0]), ValueError, r"broadcast to \(1, 3\), got \(2,\)"),
    "weights, Parameter": (
        lambda: M.Polynomial(2, w=gp.Parameter(np.ones(3))), ValueError, r"Parameter of shape \(1, 3\), got \(3,\)"
    ),
    "degree below zero": (lambda: M.Polynomial(-1), ValueError, "expected degree to be 0 or more, got -1"),
    "degree with a fraction": (lambda: M.Polynomial(1.5), TypeError, "a whole number, got 1.5|checking the parameters"),
    "degree in words": (lambda: M.Polynomial("two"), TypeError, "a whole number, got 'two'|checking the parameters"),
    "no input": (lambda: M.Polynomial(1, 0), ValueError, "input_dim to be 1 or more"),
    "no output": (lambda: M.Polynomial(1, 1, 0), ValueError, "output_dim to be 1 or more"),
    "too few columns": (lambda: M.Polynomial(1, 4)(X), ValueError, "of 4 inputs, and X has 3 columns; give input_dim=3"),
    "too many columns": (lambda: M.Polynomial(1, 2)(X), ValueError, "of 2 inputs, and X has 3 columns"),
    "one function": (lambda: M.SwitchedMeanFunction(M.Zero()), TypeError, "a list of mean functions, got one Zero"),
    "no function": (lambda: M.SwitchedMeanFunction([]), ValueError, "at least one"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit(case):
    make, error, message = MISFITS[case]
    with pytest.raises(error, match=message):
        make()


PARTS = {
    "text": ("zero", "got 'zero' of type str"),
    "nothing": (None, "got None"),
    "number": (2.0, r"got 2.0 of type float; a constant is gparams.mean_functions.Constant of it"),
    "array": (np.ones(2), "got .* of type ndarray$"),
    "class": (M.Zero, r"got the class Zero; call it: Zero\(\.\.\.\)"),
    "kernel": (gp.kernels.White(), "got a White, whose class is not a subclass of gparams.mean_functions.MeanFunction"),
}


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_mean_functions(part):
    given, message = PARTS[part]
    for make in (
        lambda: M.Additive(given, M.Zero()),
        lambda: M.Product(M.Zero(), given),
        lambda: M.SwitchedMeanFunction([M.Zero(), given]),
    ):
        with pytest.raises(
            TypeError, match=f"(Additive|Product|SwitchedMeanFunction): expected mean functions, {message}"
        ):
            make()


def test_a_plain_function_is_a_part_too():
    assert np.array_equal(M.Additive(lambda X: 2.0 * X, M.Identity())(X), 3.0 * X)


@pytest.mark.parametrize("wrong", [2.0, -1.0, 0.5, np.nan, np.inf])
def test_labels_that_are_none(wrong):
    switched = M.SwitchedMeanFunction(meanfunction_list=[M.Zero(), M.Constant(2.0)])
    bad = X.copy()
    bad[3, 2] = wrong
    with pytest.raises(ValueError, match=rf"X\[3, 2\] is {wrong:g}, expected a label, a whole number from 0 to 1"):
        switched(bad)
    unknown = jax.jit(switched)(bad)  # where they can't be looked at
    assert np.isnan(unknown[3]).all() and np.array_equal(unknown[[0, 1, 2, 4], 0], [0.0, 2.0, 2.0, 2.0])


def test_gradient_of_a_switched_mean_reaches_each_function():
    mean = gp.mean_functions.SwitchedMeanFunction([gp.mean_functions.Constant(0.5), gp.mean_functions.Constant(2.0)])
    gradient = gp.filter_grad(lambda m: jnp.sum(m(X)))(mean)
    assert {key: float(g[0] if g.ndim else g) for key, g in gradient.items()} == {
        "functions[0].c": 2.0,
        "functions[1].c": 3.0,
    }
