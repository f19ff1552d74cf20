"""What bad input gets: the message names path, value and domain or shape, and the old model stays as it was."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameter_models import Model
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

nan, inf = float("nan"), float("inf")

CASES = {
    "outside": (lambda m: gp.assign(m.at.parts[0].scale, -0.5), ValueError, ["parts[0].scale", "-0.5", "(0, inf)"]),
    "on the bound": (lambda m: gp.assign(m.at.parts[0].scale, 0.0), ValueError, ["parts[0].scale", "0", "(0, inf)"]),
    "below a floor": (lambda m: gp.assign(m.at.noise, 1e-7), ValueError, ["noise", "1e-07", "(1e-06, inf)"]),
    "one element outside": (
        lambda m: gp.assign(m.at.table["b c"], [0.5, 1.5]),
        ValueError,
        ["table['b c']", "1.5 at index [1]", "(0, 1)", "Sigmoid"],
    ),
    "element outside": (lambda m: gp.assign(m.at.table["b c"][0], 2.0), ValueError, ["table['b c']", "2.0", "(0, 1)"]),
    "NaN": (lambda m: gp.assign(m.at.noise, nan), ValueError, ["noise", "finite", "nan"]),
    "infinity": (lambda m: gp.assign(m.at.table["a"], inf), ValueError, ["table['a']", "finite", "inf"]),
    "NaN in an array": (
        lambda m: gp.assign(m.at.parts[1].weights, [1.0, nan, 2.0]),
        ValueError,
        ["parts[1].weights", "nan at index [1]"],
    ),
    "wrong shape": (
        lambda m: gp.assign(m.at.parts[0].weights, [1.0, 2.0]),
        ValueError,
        ["parts[0].weights", "(3,)", "(2,)"],
    ),
    "scalar for a vector": (
        lambda m: gp.assign(m.at.parts[0].weights, 4.0),
        ValueError,
        ["parts[0].weights", "(3,)", "()", "jnp.full((3,), 4.0)"],
    ),
    "vector for a scalar": (lambda m: gp.assign(m.at.noise, [1.0]), ValueError, ["noise", "()", "(1,)"]),
    "wrong shape of elements": (
        lambda m: gp.assign(m.at.parts[0].weights[:2], np.ones(3)),
        ValueError,
        ["parts[0].weights[:2]", "(2,)", "(3,)"],
    ),
    "complex": (lambda m: gp.assign(m.at.noise, 1j), TypeError, ["noise", "real numbers", "complex128"]),
    "text": (lambda m: gp.assign(m.at.noise, "one"), TypeError, ["noise", "real numbers", "one"]),
    "Boolean": (lambda m: gp.assign(m.at.noise, True), TypeError, ["noise", "real numbers", "True"]),
    "ragged": (lambda m: gp.assign(m.at.noise, [[1.0], [1.0, 2.0]]), TypeError, ["noise", "rectangular"]),
    "None": (lambda m: gp.assign(m.at.noise, None), TypeError, ["noise", "real numbers", "None"]),
    "a module": (lambda m: gp.assign(m.at.parts[0], 1.0), TypeError, ["parts[0]", "Part", "gp.replace"]),
    "several, one bad": (
        lambda m: gp.multiple_assign(m, {"noise": 0.5, "parts[0].scale": -2.0}),
        ValueError,
        ["parts[0].scale", "-2", "(0, inf)"],
    ),
    "several, one missing": (
        lambda m: gp.multiple_assign(m, {"noise": 0.5, "parts[0].scal": 2.0}),
        gp.PlaceError,
        ["parts[0].scal", "Nearest", "parts[0].scale"],
    ),
    "update": (lambda m: gp.update(m.at.noise, lambda x: 0.0 * x - 2.0), ValueError, ["noise", "-2.0", "(1e-06, inf)"]),
    "flag as a text": (lambda m: gp.set_trainable(m.at.noise, "no"), TypeError, ["True or False", "'no'"]),
    "flag as a number": (lambda m: gp.set_trainable(m.at.noise, 0), TypeError, ["True or False", "0", "int"]),
    "freezing a Buffer": (lambda m: gp.set_trainable(m.at.counts, False), ValueError, ["counts", "Buffer"]),
    "freezing a text": (lambda m: gp.set_trainable(m.at.name, False), ValueError, ["name", "str", "no Parameter"]),
    "transform's domain": (
        lambda m: gp.set_transform(m.at.parts[1].scale, gp.bounded(0.0, 1.0)),
        ValueError,
        ["parts[1].scale", "2", "(0, 1)"],
    ),
    "transform of the wrong type": (
        lambda m: gp.set_transform(m.at.noise, tfd.Gamma(1.0, 1.0)),
        TypeError,
        ["expected a TFP bijector", "Gamma"],
    ),
    "prior of the wrong type": (
        lambda m: gp.set_prior(m.at.noise, tfb.Exp()),
        TypeError,
        ["expected a TFP distribution", "Exp"],
    ),
    "prior on a module": (
        lambda m: gp.set_prior(m.at.parts[0], tfd.Gamma(1.0, 1.0)),
        TypeError,
        ["parts[0]", "Part", "'parts[0].**'"],
    ),
    "space": (
        lambda m: gp.set_prior(m.at.noise, tfd.Gamma(1.0, 1.0), "elsewhere"),
        ValueError,
        ["'constrained' or 'unconstrained'", "'elsewhere'"],
    ),
    "replacing elements": (
        lambda m: gp.replace(m.at.parts[0].weights[0], 1.0),
        TypeError,
        ["parts[0].weights[0]", "assign"],
    ),
    "replacing a tree": (lambda m: gp.replace(m, m), TypeError, ["expected a place"]),
    "tying one": (lambda m: gp.tie(m.at.noise), ValueError, ["at least two"]),
    "tying two shapes": (
        lambda m: gp.tie(m.at.noise, m.at.parts[0].weights),
        ValueError,
        ["noise", "parts[0].weights", "[3]"],
    ),
    "untying what is not tied": (lambda m: gp.untie(m.at.noise), ValueError, ["no Parameter there is tied"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case, unchecked):
    act, kind, words = CASES[case]
    model = Model()
    with pytest.raises(kind) as caught:
        act(model)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert eqx.tree_equal(model, Model())


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: gp.Parameter(-1.0, transform=gp.positive()), ValueError, ["-1.0", "(0, inf)", "Softplus"]),
        (lambda: gp.Parameter(nan), ValueError, ["finite", "nan"]),
        (lambda: gp.Parameter([1.0, -inf]), ValueError, ["-inf at index [1]"]),
        (lambda: gp.Parameter("a"), TypeError, ["real numbers", "'a'"]),
        (lambda: gp.Parameter(1.0, trainable="yes"), TypeError, ["trainable", "True or False", "'yes'"]),
        (lambda: gp.Parameter(1.0, transform=abs), TypeError, ["expected a TFP bijector", "abs"]),
        (lambda: gp.Parameter(1.0, prior=3.0), TypeError, ["expected a TFP distribution", "3.0"]),
        (lambda: gp.Parameter(1.0, dtype=int), TypeError, ["floating dtype", "int64"]),
        (lambda: gp.Parameter(1.0, transform=gp.triangular()), ValueError, ["2 axes", "()"]),
        (lambda: gp.Parameter(np.ones((2, 3)), transform=gp.triangular()), ValueError, ["square", "(2, 3)"]),
        (
            lambda: gp.Parameter(np.ones((2, 2)), transform=gp.triangular()),
            ValueError,
            ["lower-triangular", "1.0 at index [0, 1]"],
        ),
        (lambda: gp.Parameter(0.5, transform=gp.bounded([0.0, 0.0], [1.0, 1.0])), ValueError, ["shape (2,)", "()"]),
    ],
)
def test_bad_constructor_argument(make, kind, words, unchecked):
    with pytest.raises(kind) as caught:
        make()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_freezing_a_module_of_arrays_only():
    with pytest.raises(ValueError, match="gp.parametrize"):
        gp.set_trainable({"w": jnp.ones(3)}, False)


def test_shape_is_checked_under_jit():
    with pytest.raises(ValueError, match=r"weights: expected shape \(3,\), got shape \(2,\)"):
        jax.jit(lambda x: gp.assign(Model().at.parts[0].weights, x).noise.value)(jnp.ones(2))


def test_float64_without_64_bit_mode():
    with jax.enable_x64(False), pytest.raises(ValueError, match=r'jax\.config\.update\("jax_enable_x64", True\)'):
        gp.Parameter(1.0, dtype=np.float64)


def test_one_array_in_two_places():
    w = jnp.ones(3)
    with pytest.raises(ValueError, match=r"\"?'?\['a'\].*\['b'\].*are one array"):
        gp.parametrize({"a": w, "b": w})


def test_float32_gives_one_warning_and_not_jax_s():
    script = """
    import warnings
    warnings.simplefilter("error", UserWarning)
    import gparams as gp
    p = gp.Parameter(0.5, transform=gp.positive(lower=1e-6)), gp.Parameter(0.5, transform=gp.bounded(0.0, 1.0))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = gp.models.GPR(([[0.0], [1.0]], [0.0, 1.0]), gp.kernels.Matern32())
        model.predict_f([[0.5]])
    print(p[0].value.dtype, [w.category.__name__ for w in seen])
    """
    environment = os.environ | {"JAX_ENABLE_X64": "0", "PYTHONPATH": str(Path(gp.__file__).parents[1])}
    out = subprocess.run([sys.executable, "-c", dedent(script)], env=environment, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() == "float32 ['Float32Warning']"


@pytest.mark.parametrize("error", ["AttributeError", "ImportError"])
def test_broken_tensorflow_probability(tmp_path, error):
    substrates = tmp_path / "tensorflow_probability" / "substrates"
    substrates.mkdir(parents=True)
    (substrates.parent / "__init__.py").touch()
    (substrates / "__init__.py").touch()
    (substrates / "jax.py").write_text(f"raise {error}('pytype_aval_mappings is gone')\n")
    root = Path(gp.__file__).parents[1]
    out = subprocess.run(
        [sys.executable, "-c", "import gparams"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 1
    assert f"{error}: pytype_aval_mappings is gone" in out.stderr
    message = out.stderr[out.stderr.rindex("ImportError: gparams needs") :]
    assert "pip install" in message and "tfp-nightly" in message and "pip uninstall" in message
