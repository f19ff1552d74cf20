"""A Parameter stands wherever an array does: each operator and function against the same on the plain array."""

import copy
import operator
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gparams as gp

VALUE = np.array([0.5, 1.25, 3.0])
OTHER = np.array([2.0, 0.75, 1.5])

ARITHMETIC = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
}
COMPARISONS = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
OPERATORS = ARITHMETIC | COMPARISONS
OPERANDS = {
    "int": 2,
    "float": 1.25,
    "numpy array": OTHER,
    "numpy float": np.float64(1.25),
    "numpy 0-d": np.array(1.25),
    "jax array": jnp.asarray(OTHER),
    "jax scalar": jnp.asarray(1.25),
}
kinds = pytest.mark.parametrize("kind", OPERANDS)
names = pytest.mark.parametrize("name", OPERATORS)


def param():
    return gp.Parameter(VALUE, transform=gp.positive())


def same(got, expected):
    assert isinstance(got, jax.Array), type(got)
    assert got.dtype == np.asarray(expected).dtype
    assert got.shape == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def plain(x):
    """The operand as NumPy takes it."""
    return np.asarray(x) if isinstance(x, jax.Array) else x


@names
@kinds
def test_operator_with_the_parameter_on_the_left(name, kind):
    p = gp.Parameter(VALUE)
    same(OPERATORS[name](p, OPERANDS[kind]), OPERATORS[name](VALUE, plain(OPERANDS[kind])))


@names
@kinds
def test_operator_with_the_parameter_on_the_right(name, kind):
    p = gp.Parameter(VALUE)
    same(OPERATORS[name](OPERANDS[kind], p), OPERATORS[name](plain(OPERANDS[kind]), VALUE))


@names
def test_operator_between_parameters_and_buffers(name):
    for left in (gp.Parameter(VALUE), gp.Buffer(VALUE)):
        for right in (gp.Parameter(OTHER), gp.Buffer(OTHER)):
            same(OPERATORS[name](left, right), OPERATORS[name](VALUE, OTHER))


@names
def test_operator_under_jit_and_vmap(name):
    op = OPERATORS[name]
    expected, swapped = op(VALUE, OTHER), op(OTHER, VALUE)
    p = gp.Parameter(VALUE)
    left, right = jax.jit(lambda q, x: (op(q, x), op(x, q)))(p, jnp.asarray(OTHER))
    same(left, expected)
    same(right, swapped)
    left, right = jax.vmap(lambda q, x: (op(q, x), op(x, q)))(p, jnp.asarray(OTHER))
    same(left, expected)
    same(right, swapped)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["float", "numpy array", "jax array"])
def test_operator_under_grad(name, side, kind):
    op, other = ARITHMETIC[name], OPERANDS[kind]

    def f(x):
        return jnp.sum(op(x, other) if side == "left" else op(other, x))

    got = jax.grad(f)(gp.Parameter(VALUE)).unconstrained
    # Central differences: nothing of JAX stands in the expected value.
    step, ref = 1e-6, plain(other)

    def g(x):
        return op(x, ref) if side == "left" else op(ref, x)

    np.testing.assert_allclose(got, (g(VALUE + step) - g(VALUE - step)) / (2 * step), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("op", [operator.neg, operator.pos, operator.abs], ids=lambda f: f.__name__)
def test_unary_operator(op):
    x = np.array([-1.5, 0.0, 2.0])
    same(op(gp.Parameter(x)), op(x))
    same(jax.jit(op)(gp.Parameter(x)), op(x))


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift"])
def test_integer_operator_of_a_buffer(name):
    op, a, b = getattr(operator, name), np.array([6, 3, 9]), np.array([1, 2, 3])
    same(op(gp.Buffer(a), b), op(a, b))
    same(op(a, gp.Buffer(b)), op(a, b))
    same(op(gp.Buffer(a), 2), op(a, 2))
    same(op(2, gp.Buffer(b)), op(2, b))


def test_invert_of_a_buffer():
    np.testing.assert_array_equal(~gp.Buffer([True, False]), [False, True])


def test_divmod_on_both_sides():
    for got, expected in zip(divmod(gp.Parameter(VALUE), OTHER), divmod(VALUE, OTHER), strict=True):
        same(got, expected)
    for got, expected in zip(divmod(OTHER, gp.Parameter(VALUE)), divmod(OTHER, VALUE), strict=True):
        same(got, expected)
    for got, expected in zip(divmod(2.0, gp.Parameter(VALUE)), divmod(2.0, VALUE), strict=True):
        same(got, expected)


@pytest.mark.parametrize("make", [np.asarray, jnp.asarray, gp.Parameter], ids=["numpy", "jax", "parameter"])
def test_matmul_on_both_sides(make):
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4) - 5.0
    same(gp.Parameter(a) @ make(b), a @ b)
    same(make(a) @ gp.Parameter(b), a @ b)


def test_the_operator_sees_the_constrained_value():
    p = param()
    assert not np.allclose(p.unconstrained, VALUE)
    same(2.0 * p, 2.0 * VALUE)
    same(OTHER * p, OTHER * VALUE)


def test_numpy_on_the_left_gives_one_array_and_no_array_of_objects():
    out = np.ones((2, 3)) * gp.Parameter(np.full((2, 3), 2.0))
    assert isinstance(out, jax.Array) and out.dtype == np.float64 and out.shape == (2, 3)


@pytest.mark.parametrize("op", [operator.iadd, operator.imul], ids=lambda f: f.__name__)
def test_in_place_operator_rebinds_and_leaves_the_parameter(op):
    p = gp.Parameter(VALUE)
    out = op(p, 2.0)
    assert out is not p and isinstance(out, jax.Array)
    np.testing.assert_array_equal(p.value, VALUE)


@pytest.mark.parametrize("other", ["text", None, [1.0, 2.0, 3.0], {}], ids=str)
def test_foreign_operand_is_a_type_error(other):
    with pytest.raises(TypeError):
        gp.Parameter(VALUE) + other
    with pytest.raises(TypeError):
        other - gp.Parameter(VALUE)


def test_comparison_with_none_is_plain():
    p = gp.Parameter(1.0)
    assert not (p == None)  # noqa: E711
    assert p != None  # noqa: E711


@pytest.mark.parametrize(
    "name", ["sqrt", "exp", "log", "sin", "square", "sum", "mean", "max", "cumsum", "sort", "isfinite", "abs", "diag"]
)
def test_functions_of_jax_and_of_numpy(name):
    expected = getattr(np, name)(VALUE)
    same(getattr(jnp, name)(param()), expected)
    same(jax.jit(getattr(jnp, name))(param()), expected)
    np.testing.assert_allclose(getattr(np, name)(param()), expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "dot", "outer", "where", "stack", "concatenate"])
def test_functions_of_two_arrays(name):
    p, f = gp.Parameter(VALUE), getattr(jnp, name)
    if name == "where":
        got, expected = f(jnp.asarray([True, False, True]), p, OTHER), np.where([True, False, True], VALUE, OTHER)
    elif name in ("stack", "concatenate"):
        got, expected = f([p, jnp.asarray(OTHER)]), getattr(np, name)([VALUE, OTHER])
    else:
        got, expected = f(p, OTHER), getattr(np, name)(VALUE, OTHER)
    same(got, expected)


def test_gradient_through_a_function_and_a_transform():
    p = gp.Parameter(0.7, transform=gp.positive())
    got = jax.grad(lambda q: jnp.log(q) ** 2)(p).unconstrained
    u = np.log(np.expm1(0.7))
    np.testing.assert_allclose(got, 2 * np.log(0.7) / 0.7 / (1 + np.exp(-u)), rtol=1e-12)


def test_conversion_to_numpy():
    p = param()
    for array in (np.asarray(p), p.numpy(), np.array(p), np.array(p, copy=True)):
        assert type(array) is np.ndarray and array.dtype == np.float64
        np.testing.assert_allclose(array, VALUE, rtol=1e-14)
    assert np.asarray(p, dtype=np.float32).dtype == np.float32
    changed = np.array(p, copy=True)
    changed[0] = 9.0
    np.testing.assert_allclose(p.value, VALUE, rtol=1e-14)


@pytest.mark.parametrize(
    "index",
    [0, -1, slice(1, None), slice(None, None, -1), Ellipsis, None, [0, 2], np.array([True, False, True]), (0,), -3],
    ids=str,
)
def test_indexing(index):
    if isinstance(index, list):
        index = np.asarray(index)
    same(gp.Parameter(VALUE)[index], np.asarray(VALUE[index]))


@pytest.mark.parametrize("index", [3, -4, 100])
def test_index_out_of_bounds(index):
    with pytest.raises(IndexError, match=f"index {index} is out of bounds for axis 0 with size 3"):
        gp.Parameter(VALUE)[index]


@pytest.mark.parametrize(
    "index", [np.int64(3), (3,), (0, 5), (Ellipsis, -6), np.array([0, 7]), (slice(None), 5)], ids=str
)
def test_index_out_of_bounds_in_any_form(index):
    with pytest.raises(IndexError, match="out of bounds for axis"):
        gp.Parameter(np.ones((2, 5)) if np.ndim(index) or isinstance(index, tuple) and len(index) > 1 else VALUE)[index]


def test_slices_may_run_past_the_end():
    same(gp.Parameter(VALUE)[1:10], VALUE[1:10])
    same(gp.Parameter(VALUE)[5:], VALUE[5:])


def test_a_scalar_integer_buffer_counts():
    assert "abc"[gp.Buffer(1)] == "b"
    assert np.zeros(gp.Buffer(3)).shape == (3,)
    with pytest.raises(TypeError):
        range(gp.Buffer(1.0))


def test_iteration_ends():
    count, seen = 0, []
    for x in param():
        seen.append(float(x))
        count += 1
        assert count <= 3, "iteration goes past the end"
    np.testing.assert_allclose(seen, VALUE, rtol=1e-14)
    first, *rest = param()
    assert float(first) == 0.5 and len(rest) == 2
    assert [row.shape for row in gp.Parameter(np.ones((2, 3)))] == [(3,), (3,)]


def test_scalar_has_no_length_and_no_elements():
    p = gp.Parameter(1.0)
    with pytest.raises(TypeError, match=r"len\(\) of a Parameter of shape \(\)"):
        len(p)
    with pytest.raises(TypeError, match="iteration over a Parameter"):
        iter(p)


def test_length_and_membership():
    p = gp.Parameter(VALUE)
    assert len(p) == 3 and len(gp.Parameter(np.ones((2, 5)))) == 2
    assert 1.25 in p and 1.3 not in p


def test_bool():
    assert bool(gp.Parameter(2.0)) and not gp.Parameter(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(gp.Parameter(VALUE))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(gp.Parameter(VALUE) > 1.0)
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(lambda p: 1.0 if p else 0.0)(gp.Parameter(1.0))


def test_conversion_to_python_numbers():
    p = gp.Parameter(2.75)
    assert (float(p), int(p), complex(p)) == (2.75, 2, 2.75 + 0j)
    assert float(round(p)) == 3.0 and float(round(gp.Parameter(2.718), 1)) == pytest.approx(2.7)
    assert p.item() == 2.75 and type(p.item()) is float
    for convert in (float, int, complex):
        with pytest.raises(TypeError):
            convert(gp.Parameter(VALUE))


def test_formatting():
    p = gp.Parameter(2.71828)
    assert f"{p:.2f}" == "2.72" and f"{p:>8.1f}" == "     2.7"
    assert f"{p}" == str(p) == "2.71828"
    assert str(gp.Parameter([1.0, 2.0])) == "[1. 2.]"
    with pytest.raises(TypeError):
        f"{gp.Parameter(VALUE):.2f}"


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=range(3))
def test_copies_keep_value_and_facts(clone):
    p = gp.Parameter(VALUE, transform=gp.positive(1e-6), trainable=False)
    q = clone(p)
    assert type(q) is gp.Parameter and q is not p
    np.testing.assert_array_equal(q.unconstrained, p.unconstrained)
    assert q.trainable is False
    assert jax.tree.structure(p) == jax.tree.structure(q)


def test_dictionary_key_by_identity():
    p, q = gp.Parameter(1.0), gp.Parameter(1.0)
    table = {p: "p", q: "q"}
    assert table[p] == "p" and table[q] == "q" and len({p, q, p}) == 2


def test_facts_of_the_array():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    for p in (gp.Parameter(x), gp.Parameter(x, transform=gp.positive()), gp.Buffer(x)):
        assert (p.shape, p.dtype, p.ndim, p.size) == ((2, 3), np.float64, 2, 6)
        np.testing.assert_allclose(p.T, x.T, rtol=1e-14)
        np.testing.assert_allclose(p.mT, x.T, rtol=1e-14)
        np.testing.assert_allclose(p.real, x, rtol=1e-14)
        assert not np.any(p.imag)


def test_shape_of_a_triangular_parameter_is_that_of_the_value():
    p = gp.Parameter(np.tri(3), transform=gp.triangular())
    assert p.shape == (3, 3) and p.unconstrained.shape == (6,) and p.size == 9
    np.testing.assert_array_equal(p.value, np.tri(3))


METHODS = {
    "sum": (), "mean": (), "max": (), "min": (), "prod": (), "std": (), "var": (), "argmax": (), "argmin": (),
    "cumsum": (), "cumprod": (), "ravel": (), "flatten": (), "reshape": (3, 2), "transpose": (), "squeeze": (),
    "sort": (), "round": (1,), "clip": (1.0, 2.0), "swapaxes": (0, 1), "diagonal": (), "trace": (), "repeat": (2,),
    "take": (1,), "any": (), "all": (), "tolist": (), "astype": (np.float32,),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_method(name):
    x = np.array([[0.5, 3.26, 1.0], [2.0, 0.25, 1.5]])
    args = METHODS[name]
    got = getattr(gp.Parameter(x), name)(*args)
    expected = np.sort(x) if name == "sort" else getattr(x, name)(*args)  # NumPy's own method sorts in place
    np.testing.assert_allclose(got, expected, rtol=1e-6 if name == "astype" else 1e-14)
    assert np.shape(got) == np.shape(expected)


def test_method_takes_keywords():
    x = np.arange(6.0).reshape(2, 3)
    same(gp.Parameter(x).sum(axis=1), x.sum(axis=1))
    same(gp.Parameter(x).mean(axis=0, keepdims=True), x.mean(axis=0, keepdims=True))
    same(gp.Parameter(x).dot(np.ones(3)), x.dot(np.ones(3)))
