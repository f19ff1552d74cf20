"""The tool that ports scripts: what it rewrites, what it leaves, what it says."""

import ast
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gparams.gpflow as gpflow
from gparams.gpflow import port
from gparams.gpflow._port_rewrite import rewrite
from gparams.gpflow._port_table import COMMON, MORE, RULES, rows


def ported(source, head="import tensorflow as tf\nimport gpflow\n"):
    """The last lines of a rewritten script, without its imports, and the remarks."""
    out = rewrite(head + source)
    kept = [line for line in out.source.splitlines() if not line.startswith(("import ", "from "))]
    return "\n".join(kept), out.remarks


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import gpflow", "import gparams.gpflow as gpflow"),
        ("import gpflow as gpf", "import gparams.gpflow as gpf"),
        ("import gpflow.kernels as gk", "import gparams.gpflow.kernels as gk"),
        ("from gpflow.utilities import positive as p", "from gparams.gpflow.utilities import positive as p"),
        ("import gpflow, os", "import gparams.gpflow as gpflow\nimport os"),
        ("import tensorflow_probability as tfp", "from tensorflow_probability.substrates import jax as tfp"),
        (
            "from tensorflow_probability import distributions as tfd",
            "from tensorflow_probability.substrates.jax import distributions as tfd",
        ),
        ("import numpy as np", "import numpy as np"),
        (
            "from gpflow.base import (\n    Module,\n    Parameter,\n)",
            "from gparams.gpflow.base import (\n    Module,\n    Parameter,\n)",
        ),
    ],
)
def test_imports(before, after):
    assert rewrite(before + "\n").source == after + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = tf.exp(x)  # café", "y = jnp.exp(x)  # café"),
        (
            "y = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)",
            "y = jnp.sum(jnp.square(x), axis=-1, keepdims=True)",
        ),
        ("y = tf.matmul(a, tf.exp(b), transpose_b=True)", "y = jnp.matmul(a, jnp.matrix_transpose(jnp.exp(b)))"),
        ("y = tf.linalg.triangular_solve(L, b)", "y = jax.scipy.linalg.solve_triangular(L, b, lower=True)"),
        (
            "y = tf.linalg.triangular_solve(L, b, lower=False, adjoint=True)",
            "y = jax.scipy.linalg.solve_triangular(L, b, lower=False, trans=int(True))",
        ),
        ("y = tf.cast(n, dtype=tf.float64)", "y = jnp.asarray(n, jnp.float64)"),
        ("y = tf.cast(x=n, dtype=tf.int32)", "y = jnp.asarray(n, jnp.int32)"),
        ("y = tf.constant(1.0)", "y = jnp.asarray(1.0)"),
        ("y = tf.concat(axis=0, values=[a, b])", "y = jnp.concatenate([a, b], 0)"),
        ("y = tf.squeeze(x)", "y = jnp.squeeze(x)"),
        ("y = tf.transpose(x, perm=[1, 0])", "y = jnp.transpose(x, [1, 0])"),
        ("f = map(tf.exp, xs)", "f = map(jnp.exp, xs)"),
        ("opt = tf.optimizers.Adam(0.1)", "opt = gpflow.optimizers.Adam(0.1)"),
        ("opt = tf.keras.optimizers.Adam(learning_rate=0.1)", "opt = gpflow.optimizers.Adam(learning_rate=0.1)"),
        ("loss = tf.function(m.training_loss, autograph=False)", "loss = m.training_loss"),
        ("v = tf.reduce_mean(x).numpy()", "v = np.asarray(jnp.mean(x))"),
        ("m = tf.exp(x)\nv = m.numpy()\nw = k.numpy()", "m = jnp.exp(x)\nv = np.asarray(m)\nw = k.numpy()"),
        ("y = tf.exp(x, name='e')", "y = jnp.exp(x)"),
        ("tf.random.set_seed(3)", "gpflow.set_seed(3)"),
        ("@tf.function\ndef f():\n    return 1", "def f():\n    return 1"),
        (
            "class A:\n    @tf.function(jit_compile=True)\n    @other\n    def f(self):\n        return 1",
            "class A:\n    @other\n    def f(self):\n        return 1",
        ),
        ("x: tf.Tensor = f'{tf.sqrt(2.0)}'", "x: jnp.ndarray = f'{jnp.sqrt(2.0)}'"),
        (
            "try:\n    pass\nexcept tf.errors.InvalidArgumentError:\n    pass",
            "try:\n    pass\nexcept np.linalg.LinAlgError:\n    pass",
        ),
    ],
)
def test_calls(before, after):
    text, remarks = ported(before)
    assert text == after and remarks == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("with tf.GradientTape() as t:\n    pass", "value_and_grad(closure, variables)"),
        ("y = tf.linalg.expm(x)", "not known here"),
        ("y = tf.cast(*args)", "more arguments"),
        ("y = tf.concat([a, b])", "expected values, axis"),
        ("m = gpflow.monitor.Monitor()", "step_callback="),
        ("f = tf.linalg.diag_part", "without a call"),
    ],
)
def test_what_it_leaves_it_lists(source, words):
    text, remarks = ported(source)
    assert [line for line, _ in remarks] == [3] and words in remarks[0].text
    assert text == source
    ast.parse(text)


def test_a_missing_name_in_an_import_is_listed():
    remarks = rewrite("import os\nfrom gpflow.monitor import Monitor\nfrom tensorflow import keras\n").remarks
    assert [line for line, _ in remarks] == [2, 3] and "parametrize" in remarks[1].text


def test_only_what_changes_changes():
    source = "# start\nimport gpflow  # the package\n\nx = {  'a' : 1 }   # spacing\n\ttail = 1\n".replace("\t", "")
    assert rewrite(source).source == source.replace("import gpflow ", "import gparams.gpflow as gpflow ")
    assert rewrite("x = 1\n").source == "x = 1\n"


def test_the_packages_own_name_is_kept():
    text, _ = ported("o = tf.optimizers.Adam()", head="import tensorflow as tf\nimport gpflow as gpf\n")
    assert text == "o = gpf.optimizers.Adam()"
    out = rewrite("import tensorflow as tf\nfrom gpflow.models import GPR\no = tf.optimizers.Adam()\n")
    assert "import gparams.gpflow as gpflow\n" in out.source


def test_imports_that_are_needed_are_added_once():
    out = rewrite("import numpy as np\nimport tensorflow as tf\ny = tf.nn.softplus(tf.exp(1.0))\n")
    assert out.source.splitlines()[:3] == ["import numpy as np", "import jax", "import jax.numpy as jnp"]


def test_the_table_has_the_forty_commonest_once():
    assert len({rule.name for rule in COMMON}) == len(COMMON) >= 40
    assert not {rule.name for rule in COMMON} & {rule.name for rule in MORE}
    assert len(RULES) == len({rule.name for rule in (*COMMON, *MORE)})


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_what_a_rule_names_exists(rule):
    """Each dotted name on the right-hand side is one of JAX, NumPy or this package."""
    text = rule.to.replace("{gpflow}", "gpflow")
    for word in __import__("re").findall(r"\b(?:jnp|jax|np|gpflow)\.[\w.]+", text):
        found = {"jnp": jnp, "jax": jax, "np": np, "gpflow": gpflow}[word.split(".")[0]]
        for step in word.split(".")[1:]:
            found = getattr(found, step)
        assert found is not None


def test_rewritten_calls_compute():
    source = """
L = tf.linalg.cholesky(tf.constant([[4.0, 2.0], [2.0, 3.0]]))
b = tf.ones((2, 1))
x = tf.linalg.cholesky_solve(L, b)
y = tf.linalg.triangular_solve(L, tf.linalg.triangular_solve(L, b), adjoint=True)
d = tf.linalg.diag_part(L)
s = tf.gather(tf.tile(d, [2]), [0, 3])
c = tf.boolean_mask(d, d > 1.9)
o = tf.one_hot([0, 1], 2, dtype=tf.float64)
f = tf.fill([2], 3.0)
"""
    scope = {}
    exec(rewrite("import tensorflow as tf\n" + source).source, scope)
    assert np.allclose(scope["x"], np.linalg.solve([[4.0, 2.0], [2.0, 3.0]], np.ones((2, 1))))
    assert np.allclose(scope["x"], scope["y"]) and np.allclose(scope["s"], scope["d"])
    assert scope["c"].shape == (1,) and np.allclose(scope["o"], np.eye(2)) and np.allclose(scope["f"], 3.0)


def test_settings_of_a_graph_are_taken_out():
    source = "f = tf.function(g, input_signature=[s], experimental_relax_shapes=True)\n"
    assert rewrite("import tensorflow as tf\n" + source).source.endswith("f = g\n")


def test_what_to_write_by_hand_is_no_template():
    calls = ["tf.cast(x, foo=1)", "tf.cast(x)", "tf.cast(*x)", "tf.boolean_mask(x, m, other=1)", "f = tf.linalg.trace"]
    ported = rewrite("\n".join(["import tensorflow as tf", *calls]))
    assert len(ported.remarks) == len(calls)
    assert not any(sign in text for _, text in ported.remarks for sign in "{}")
    assert "write jnp.asarray(x, dtype)" in ported.remarks[0][1]


@pytest.mark.parametrize("name", ["Checkpoint", "CheckpointManager", "latest_checkpoint"])
def test_checkpoints_are_told_of(name):
    (remark,) = rewrite(f"import tensorflow as tf\nc = tf.train.{name}(m)\n").remarks
    assert "gparams.save" in remark[1]


def test_command(tmp_path, capsys):
    script, out = tmp_path / "a.py", tmp_path / "b.py"
    script.write_text("import gpflow\nimport tensorflow as tf\ny = tf.exp(1.0)\n")
    assert port.main([str(script), "-o", str(out)]) == 0
    assert out.read_text() == "import gparams.gpflow as gpflow\nimport jax.numpy as jnp\ny = jnp.exp(1.0)\n"
    script.write_text("import tensorflow as tf\ntf.linalg.expm(1.0)\n")
    assert port.main([str(script), "--in-place"]) == 1
    assert f"{script}:2: tf.linalg.expm" in capsys.readouterr().err


@pytest.mark.slow
def test_module_runs(tmp_path):
    script = tmp_path / "a.py"
    script.write_text("import gpflow\n")
    done = subprocess.run(
        [sys.executable, "-m", "gparams.gpflow.port", str(script)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout == "import gparams.gpflow as gpflow\n" and done.stderr == ""


def test_batches_of_a_dataset():
    data = gpflow.Dataset.from_tensor_slices((np.arange(5), np.arange(5.0)))
    assert [b[0].tolist() for b in data.batch(2)] == [[0, 1], [2, 3], [4]]
    assert [b[0].tolist() for b in data.batch(2, drop_remainder=True)] == [[0, 1], [2, 3]]
    assert sorted(int(r[0]) for r in data.shuffle(5, seed=0)) == [0, 1, 2, 3, 4]
    endless = iter(data.repeat().shuffle(5, seed=0).batch(3).prefetch(1))
    rows = [next(endless)[0].tolist() for _ in range(5)]
    assert sorted(sum(rows, [])) == sorted(list(range(5)) * 3)
    with pytest.raises(ValueError, match="number of rows"):
        list(gpflow.Dataset.from_tensor_slices((np.arange(5), np.arange(4))))


def test_the_guides_table_is_the_tools():
    guide = (Path(__file__).parents[2] / "docs" / "porting.md").read_text(encoding="utf-8")
    shown = [line for line in guide.splitlines() if line.startswith("| `tf.")]
    assert shown == [f"| `{left}` | `{right}` |" for left, right in rows()]
