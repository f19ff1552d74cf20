"""Parameter and Buffer: the leaves."""

import copy
import pickle

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import pytest
from parameter_models import Model, loss, rich_model
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp


def test_one_leaf_and_the_rest_static():
    p = gp.Parameter([0.5, 2.0], transform=gp.positive(), prior=tfd.Gamma(2.0, 1.0), trainable=False)
    leaves = jax.tree.leaves(p)
    assert len(leaves) == 1 and leaves[0] is p.unconstrained
    np.testing.assert_allclose(p.unconstrained, np.log(np.expm1([0.5, 2.0])), rtol=1e-12)


def test_defaults():
    p = gp.Parameter(2)
    assert p.trainable is True and p.transform is None and p.prior is None and p.prior_on == "constrained"
    assert p.frozen_elements is None and p.dtype == np.float64 and float(p) == 2.0


def test_immutable():
    p = gp.Parameter(1.0)
    with pytest.raises(AttributeError):
        p.unconstrained = jnp.ones(())
    with pytest.raises(AttributeError):
        p.trainable = False


def test_copy_of_a_parameter_takes_its_facts_and_what_is_given_replaces_them():
    p = gp.Parameter(0.5, transform=gp.bounded(0.0, 1.0), prior=tfd.Gamma(2.0, 1.0), trainable=False)
    q = gp.Parameter(p)
    assert q is not p and q.trainable is False and q.transform is p.transform and q.prior is p.prior
    np.testing.assert_array_equal(q.unconstrained, p.unconstrained)
    r = gp.Parameter(p, transform=gp.positive(), trainable=True)
    assert r.trainable is True and float(r) == pytest.approx(0.5) and r.prior is p.prior
    assert isinstance(r.transform, tfb.Softplus)


def test_copy_keeps_an_element_mask_unless_the_flag_is_given():
    p = gp.set_trainable(gp.at(gp.Parameter([1.0, 2.0]))[0], False)
    np.testing.assert_array_equal(gp.Parameter(p).frozen_elements, [True, False])
    assert gp.Parameter(p, trainable=True).frozen_elements is None


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float16, np.float32, np.float64], ids=str)
def test_dtype_of_a_floating_array_is_kept(dtype):
    x = jnp.asarray([0.5, 2.0], dtype)
    p = gp.Parameter(x, transform=gp.positive())
    assert p.dtype == dtype and p.value.dtype == dtype
    assert gp.Parameter(np.asarray([1, 2])).dtype == np.float64
    assert gp.Parameter([1.0, 2.0], dtype=dtype).dtype == dtype


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float16, np.float32], ids=str)
@pytest.mark.parametrize("transform", [gp.positive(1e-3), gp.positive(base="exp"), gp.bounded(0, 2)], ids=range(3))
def test_narrow_dtypes_go_through_transforms_and_priors(dtype, transform):
    p = gp.Parameter(0.5, transform=transform, prior=tfd.Gamma(2.0, 1.0), dtype=dtype)
    assert p.value.dtype == dtype
    np.testing.assert_allclose(float(p), 0.5, rtol=1e-2)
    density = float(gp.log_prior(p))
    np.testing.assert_allclose(density, np.log(0.5) - 0.5, rtol=2e-2)
    with pytest.raises(ValueError, match="domain"):
        gp.assign(gp.at(p), -1.0)


def test_softplus_with_a_floor_from_python_numbers_computes_in_float64():
    p = gp.Parameter(0.3, transform=tfb.Softplus(low=1e-6))
    assert p.value.dtype == np.float64
    assert float(p) == pytest.approx(0.3, rel=1e-15)
    low = gp.assign(gp.at(p), 1.5e-6)
    assert float(low) == pytest.approx(1.5e-6, rel=1e-9)
    np.testing.assert_allclose(p.unconstrained, np.log(np.expm1(0.3 - 1e-6)), rtol=1e-14)


@pytest.mark.parametrize(
    ("transform", "value"),
    [
        (None, -3.0),
        (gp.positive(), 1e-8),
        (gp.positive(), 500.0),
        (gp.positive(1e-6), 2e-6),
        (gp.positive(base="exp"), 1e-30),
        (gp.bounded(-2.0, 5.0), 4.999),
        (tfb.Chain([tfb.Shift(1.0), tfb.Scale(-2.0), tfb.Exp()]), -3.0),
    ],
)
def test_round_trip(transform, value):
    assert float(gp.Parameter(value, transform=transform)) == pytest.approx(value, rel=1e-12)


def test_bounds_by_element():
    p = gp.Parameter([0.5, 15.0], transform=gp.bounded([0.0, 10.0], [1.0, 20.0]))
    np.testing.assert_allclose(p.value, [0.5, 15.0], rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gp.positive(np.inf), "expected a finite number"),
        (lambda: gp.bounded(1.0, 1.0), "low < high"),
        (lambda: gp.bounded(0.0, np.nan), "low < high"),
        (lambda: gp.bounded([0.0, 3.0], [1.0, 2.0]), "low < high"),
    ],
)
def test_bad_transform_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_repr():
    p = gp.Parameter(0.5, transform=gp.positive(1e-6), prior=tfd.Gamma(2.0, 1.0), trainable=False)
    assert repr(p) == "Parameter(0.5, transform=Softplus + Shift, prior=Gamma, trainable=False)"
    masked = gp.set_trainable(gp.at(gp.Parameter([1.0, 2.0, 3.0]))[:2], False)
    assert repr(masked) == "Parameter([1. 2. 3.], frozen=2 of 3)"
    seen = []
    jax.jit(lambda q: seen.append(repr(q)) or q.value)(gp.Parameter([1.0, 2.0]))
    assert seen == ["Parameter(float64[2])"]


@pytest.mark.parametrize("make", [lambda: gp.Parameter("x"), lambda: gp.Buffer("x"), lambda: gp.Buffer(object())])
def test_not_a_number(make):
    with pytest.raises(TypeError, match="expected"):
        make()


@pytest.mark.parametrize(
    ("value", "dtype"), [([1, 2], "int64"), ([True, False], "bool"), ([1.0, 2.0], "float64"), (1.0, "float64")]
)
def test_buffer_keeps_its_dtype(value, dtype):
    b = gp.Buffer(value)
    assert b.dtype == dtype and len(jax.tree.leaves(b)) == 1
    np.testing.assert_array_equal(b.value, value)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(b)).value, value)


def test_buffer_is_neither_trained_nor_moved():
    model = Model()
    assert not any("counts" in key for key in gp.partition(model)[0])
    fitted = gp.fit(model, loss, solver=gp.fitting.LBFGS(max_steps=5)).model
    np.testing.assert_array_equal(fitted.counts.value, [1.0, 2.0])


def test_static_half_says_what_to_do():
    _, static = gp.partition(Model())
    with pytest.raises(ValueError, match="gp.combine"):
        _ = static.noise.value


def walk_nodes(tree):
    """Every node of a PyTree, inner ones included."""
    yield tree
    pairs = jtu.tree_flatten_with_path(tree, is_leaf=lambda x: x is not tree)[0]
    for path, child in pairs:
        if path:
            yield from walk_nodes(child)


def test_no_tfp_object_is_a_node():
    nodes = list(walk_nodes(rich_model()))
    assert sum(isinstance(n, gp.Parameter) for n in nodes) == 7
    assert not [n for n in nodes if isinstance(n, tfb.Bijector | tfd.Distribution)]
    assert all(isinstance(leaf, jax.Array | str) for leaf in jax.tree.leaves(rich_model()))


def test_three_equal_models_compile_once():
    traces = []

    @jax.jit
    def f(params, static):
        traces.append(1)
        return loss(gp.combine(params, static)) + gp.log_prior(gp.combine(params, static))

    values = []
    for _ in range(3):
        model = rich_model()
        params, static = gp.partition(gp.replace(gp.at(model, "name"), None))
        values.append(float(f(params, static)))
    assert len(traces) == 1
    assert values[0] == values[1] == values[2]


def test_another_prior_compiles_again():
    traces = []

    @jax.jit
    def f(p):
        traces.append(1)
        return gp.log_prior(p)

    for rate in (1.0, 1.0, 2.0):
        f(gp.Parameter(1.0, prior=tfd.Gamma(2.0, rate)))
    assert len(traces) == 2


def test_equal_models_have_equal_treedefs():
    a, b = jax.tree.structure(rich_model()), jax.tree.structure(rich_model())
    assert a == b and hash(a) == hash(b)
    changed = gp.set_prior(rich_model().at.noise, tfd.Gamma(2.0, 4.0))
    assert a != jax.tree.structure(changed)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_clones_of_a_rich_model(clone):
    model = rich_model()
    twin = clone(model)
    assert jax.tree.structure(twin) == jax.tree.structure(model)
    for a, b in zip(jax.tree.leaves(model), jax.tree.leaves(twin), strict=True):
        np.testing.assert_array_equal(a, b) if isinstance(a, jax.Array) else None
    assert gp.tabulate(twin) == gp.tabulate(model)
    assert float(gp.log_prior(twin)) == float(gp.log_prior(model)) != 0.0


def test_tree_at_on_a_rich_model():
    import equinox as eqx

    model = eqx.tree_at(lambda m: m.noise.unconstrained, rich_model(), jnp.asarray(-1.0))
    np.testing.assert_allclose(model.noise.value, np.log1p(np.exp(-1.0)) + 1e-6, rtol=1e-12)
    assert isinstance(model.noise.prior, tfd.Gamma)


def test_vmap_over_a_batch_of_rich_models():
    import equinox as eqx

    params, static = gp.partition(rich_model())
    batch = {key: jnp.stack([u, u + 0.5, u - 0.25]) for key, u in params.items()}
    got = eqx.filter_vmap(lambda p: gp.log_prior(gp.combine(p, static)))(batch)
    one_by_one = [gp.log_prior(gp.combine({k: u[i] for k, u in batch.items()}, static)) for i in range(3)]
    np.testing.assert_allclose(got, one_by_one, rtol=1e-12)
    assert len({float(x) for x in got}) == 3


def test_a_copy_in_another_dtype_takes_transform_and_prior_along():
    p = gp.Parameter(2.0, transform=gp.positive(lower=1e-6), prior=tfd.Gamma(np.float64(2.0), np.float64(1.0)))
    q = gp.Parameter(p, dtype=np.float32)
    assert q.dtype == q.value.dtype == np.float32 and float(q) == 2.0
    assert gp.log_prior(q).dtype == np.float32
