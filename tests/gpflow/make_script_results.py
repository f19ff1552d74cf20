"""Run the scripts under GPflow, and store what they find. Run by hand, in an environment that has GPflow.

    python tests/gpflow/make_script_results.py [NAME ...]

Writes tests/gpflow/script_results.npz: ``script/name`` to array.
"""

import os
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow as tf

HOME = Path(__file__).parent


def minimize(self, loss, var_list):
    """What Keras 2 had and Keras 3 has not; GPflow's scripts were written for it."""
    with tf.GradientTape() as tape:
        value = loss()
    self.apply_gradients(zip(tape.gradient(value, var_list), var_list, strict=True))


def main():
    os.environ.pop("CI", None)  # GPflow shortens loops where it is set
    shown = types.SimpleNamespace(display=print, display_html=print, HTML=str)
    sys.modules.setdefault("IPython.core.display", shown)
    sys.modules.setdefault("IPython.display", shown)
    if not hasattr(tf.optimizers.Optimizer, "minimize"):
        tf.optimizers.Optimizer.minimize = minimize
    target = HOME / "script_results.npz"
    stored = dict(np.load(target)) if sys.argv[1:] and target.exists() else {}
    for script in sorted((HOME / "scripts").glob("*.py")):
        if sys.argv[1:] and script.stem not in sys.argv[1:]:
            continue
        results = runpy.run_path(str(script))["results"]
        stored = {key: value for key, value in stored.items() if key.split("/")[0] != script.stem}
        for name, value in results.items():
            stored[f"{script.stem}/{name}"] = np.asarray(value)
        print(script.stem, len(results), file=sys.stderr)
    np.savez_compressed(target, **stored)


if __name__ == "__main__":
    main()
