"""Scripts as GPflow's users write them, ported by the tool and run here, find what they find under GPflow.

Each script in `scripts` is plain GPflow and TensorFlow. `make_script_results.py` runs them under GPflow and stores their
results; here each is rewritten by `gparams.gpflow.port` first, so that the tool is tested on whole scripts, too.
"""

from pathlib import Path

import jax
import numpy as np
import pytest

import gparams.gpflow as gpflow
from gparams.gpflow._port_rewrite import rewrite

HOME = Path(__file__).parent
SCRIPTS = sorted((HOME / "scripts").glob("*.py"))
STORED = np.load(HOME / "script_results.npz")

# Both sides are fitted to a gradient of about 1e-6 and to rounding of the loss; flat directions show in what is predicted.
TOLERANCES = {"float32": 1e-3}


@pytest.fixture(autouse=True)
def users_settings(monkeypatch):
    """Scripts run under JAX's own promotion rules and GPflow's own settings, at full length in CI too."""
    monkeypatch.delenv("CI", raising=False)  # both libraries shorten loops where it is set; what is stored was not
    before = np.random.get_state()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"), gpflow.config.as_context():
        yield
    np.random.set_state(before)


def test_there_are_scripts():
    assert len(SCRIPTS) >= 25
    assert {key.split("/")[0] for key in STORED.files} == {script.stem for script in SCRIPTS}


def run(script):
    ported = rewrite(script.read_text(encoding="utf-8"))
    assert ported.remarks == [], "the tool has rewritten all of it"
    assert "tensorflow as tf" not in ported.source and "import gpflow" not in ported.source.replace(
        "gparams.gpflow", ""
    )
    scope = {"__name__": script.stem}
    exec(compile(ported.source, str(script), "exec"), scope)
    return scope["results"]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_finds_what_gpflow_finds(script, capsys):
    results = run(script)
    wanted = {key.split("/", 1)[1] for key in STORED.files if key.split("/")[0] == script.stem}
    assert set(results) == wanted
    tolerance = TOLERANCES.get(script.stem, 1e-5)
    for name, value in results.items():
        want, got = STORED[f"{script.stem}/{name}"], np.asarray(value)
        assert got.shape == want.shape, name
        if want.dtype.kind == "f":
            assert np.isfinite(got).all(), name
            assert np.allclose(got, want, rtol=tolerance, atol=tolerance), (name, got, want)
        else:
            assert got.tolist() == want.tolist(), name
