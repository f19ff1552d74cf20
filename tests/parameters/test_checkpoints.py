"""Checkpoints: save then load is the identity, and nothing else gets in."""

import json
import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from cases import KERNELS, MODELS
from parameter_models import Model, Part, rich_model
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp
from gparams.parameters import _checkpoints


def same(a, b):
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.safetensors"


def scrambled(model):
    """The same model with other numbers."""
    return gp.randomize(gp.set_trainable(model, True), jax.random.key(9), spread=0.3)


@pytest.mark.parametrize("make", [Model, rich_model, lambda: scrambled(rich_model())], ids=["plain", "rich", "other"])
def test_save_then_load_is_the_identity(make, file):
    model = gp.set_trainable(make().at.parts[0].weights[1], False)
    model = gp.set_trainable(model.at.noise, False)
    gp.save(file, model)
    like = Model(parts=[Part(9.0), Part(8.0)]) if make is Model else scrambled(rich_model())
    assert not same(like, model)
    assert same(gp.load(file, like=like), model)


@pytest.mark.parametrize("name", [*KERNELS, *MODELS])
def test_every_kernel_and_model(name, file):
    model = (KERNELS | MODELS)[name]()
    gp.save(str(file), model)
    assert same(gp.load(str(file), like=scrambled(model)), model)


def test_ties_come_back(file):
    tied = rich_model()
    gp.save(file, tied)
    back = gp.load(file, like=gp.untie(tied.at.parts[1]))
    assert gp.partition(back)[0].keys() == gp.partition(tied)[0].keys()
    assert np.array_equal(gp.assign(back.at.parts[0].weights, [7.0, 8.0, 9.0]).parts[1].weights.value, [7.0, 8.0, 9.0])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float16, np.float32, np.float64], ids=str)
def test_dtypes_of_parameters(dtype, file):
    p = {"p": gp.Parameter([0.1, 3.0], transform=gp.positive(), dtype=dtype)}
    gp.save(file, p)
    back = gp.load(file, like=gp.assign(gp.at(p)["p"], [1.0, 1.0]))
    assert same(back, p) and back["p"].dtype == dtype


def test_all_kinds_of_arrays(file):
    tree = {
        "key": jax.random.key(3),
        "complex": jnp.asarray([1.0 + 2.0j, 3.0]),
        "flag": jnp.asarray([True, False]),
        "count": gp.Buffer(3),
        "numpy": np.arange(3),
        "empty": jnp.zeros((0, 2)),
        "function": jnp.tanh,
    }
    gp.save(file, tree)
    like = jax.tree.map(lambda x: jnp.zeros_like(x) if eqx.is_array(x) else x, tree | {"key": jax.random.key(0)})
    like["key"], like["numpy"] = jax.random.key(0), np.zeros(3, int)
    back = gp.load(file, like=like)
    assert jnp.all(jax.random.key_data(back["key"]) == jax.random.key_data(tree["key"]))
    assert back["function"] is jnp.tanh and type(back["numpy"]) is np.ndarray
    for name in ("complex", "flag", "numpy", "empty"):
        assert back[name].dtype == tree[name].dtype and np.array_equal(back[name], tree[name])
    assert int(back["count"]) == 3


def test_the_file_can_be_read_by_others(file):
    model = gp.set_prior(Model().at.noise, tfd.Gamma(2.0, 3.0))
    gp.save(file, model)
    tensors = safetensors.numpy.load_file(file)
    np.testing.assert_allclose(tensors["noise#value"], 0.1, rtol=1e-14)
    with safetensors.safe_open(file, framework="numpy") as opened:
        facts = json.loads(opened.metadata()["entries"])["noise"]
    assert facts["prior"] == "Gamma(concentration=2.0, rate=3.0, force_probs_to_zero_outside_support=False)"
    assert facts["transform"].startswith("Chain(bijectors=[Shift(shift=1e-06), Softplus()]")
    assert facts["trainable"] is True
    assert b"pickle" not in file.read_bytes()


def test_another_models_file(file):
    gp.save(file, gp.kernels.Matern52(lengthscales=[1.0, 2.0]))
    like = gp.kernels.Periodic(gp.kernels.SquaredExponential())
    with pytest.raises(
        ValueError, match=r"does not fit this Periodic(?s:.*)missing.*base_kernel.variance(?s:.*)left over"
    ):
        gp.load(file, like=like)
    with pytest.raises(ValueError, match=r"lengthscales: shape \(2,\) in the file, \(\) in the model"):
        gp.load(file, like=gp.kernels.Matern52())


def test_partial_load_reports(file):
    model = Model()
    gp.save(file, gp.assign(model.at.noise, 0.7))
    like = eqx.tree_at(lambda m: m.table, model, {"a": gp.Parameter([1.0, 2.0]), "z": gp.Parameter(1.0)})
    like = gp.set_transform(like.at.parts[0].scale, gp.positive(base="exp"))
    back, report = gp.load(file, like=like, strict=False)
    assert float(back.noise) == pytest.approx(0.7, rel=1e-14)
    assert not report.complete
    assert report.missing == ("table['z']",)
    assert report.left_over == ("table['b c']",)
    assert report.mismatched["table['a']"] == "shape () in the file, (2,) in the model"
    assert "transform Softplus() in the file, Exp" in report.mismatched["parts[0].scale"]
    assert set(report.loaded) == {"parts[0].weights", "parts[1].scale", "parts[1].weights", "noise", "counts"}
    assert "left over in the file: table['b c']" in str(report)
    _, whole = gp.load(file, like=model, strict=False)
    assert whole.complete


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: gp.Parameter(1.0, dtype=np.float32), "dtype float64 in the file, float32 in the model"),
        (lambda: gp.Buffer(1.0), "a Parameter in the file, a Buffer in the model"),
        (
            lambda: gp.Parameter(1.0, prior=tfd.Normal(0.0, 1.0)),
            r"prior None in the file, Normal\(loc=0.0, scale=1.0\)",
        ),
    ],
)
def test_what_differs_is_said(other, words, file):
    gp.save(file, {"p": gp.Parameter(2.0)})
    with pytest.raises(ValueError, match=words):
        gp.load(file, like={"p": other()})


def test_damaged_and_foreign_files(file, tmp_path):
    gp.save(file, Model())
    content = file.read_bytes()
    for k in (0, 4, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:k])
        with pytest.raises(ValueError, match="not a whole gparams checkpoint"):
            gp.load(file, like=Model())
    file.write_bytes(os.urandom(200))
    with pytest.raises(ValueError, match="not a whole gparams checkpoint"):
        gp.load(file, like=Model())
    safetensors.numpy.save_file({"noise": np.ones(())}, file)
    with pytest.raises(ValueError, match=r"gparams\.save did not write"):
        gp.load(file, like=Model())
    with pytest.raises(FileNotFoundError, match="no file"):
        gp.load(tmp_path / "nothing", like=Model())


def test_numbers_from_a_stranger_are_checked(file):
    gp.save(file, {"p": gp.Parameter(1.0)})
    with safetensors.safe_open(file, framework="numpy") as opened:
        header = opened.metadata()
    for array, words in (
        (np.asarray(np.nan), "the file are not all finite"),
        (np.ones(3), r"the file says float64\[\] of .*, and holds float64\[3\]"),
        (np.ones((), np.float32), r"the file says float64\[\] of .*, and holds float32\[\]"),
    ):
        safetensors.numpy.save_file({"['p']": array}, file, metadata=header)
        with pytest.raises(ValueError, match=words):
            gp.load(file, like={"p": gp.Parameter(1.0)})
    entries = json.loads(header["entries"])
    for fact, value in (("frozen", [99]), ("tie", {"places": 3}), ("kind", None), ("frozen", "x")):
        odd = {"['p']": entries["['p']"] | {fact: value, "mask_shape": [1]}}
        safetensors.numpy.save_file({"['p']": np.ones(())}, file, metadata=header | {"entries": json.dumps(odd)})
        with pytest.raises(ValueError, match="makes no sense|does not fit"):
            gp.load(file, like={"p": gp.Parameter(1.0)})


def test_a_crash_while_writing_leaves_the_old_file(file, monkeypatch):
    gp.save(file, {"p": gp.Parameter(1.0)})

    def crash(*args):
        raise OSError("the disk is full")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(_checkpoints.os, name, crash)
            with pytest.raises(OSError, match="disk is full"):
                gp.save(file, {"p": gp.Parameter(2.0)})
        assert float(gp.load(file, like={"p": gp.Parameter(5.0)})["p"]) == 1.0
        assert os.listdir(file.parent) == [file.name]


def test_what_cannot_be_saved(file):
    with pytest.raises(ValueError, match="static half"):
        gp.save(file, gp.partition(Model())[1])
    with pytest.raises(ValueError, match="outside jit"):
        eqx.filter_jit(lambda m: gp.save(file, m))(Part())
    assert not file.exists()
