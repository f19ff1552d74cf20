"""Write gparams/gpflow/names.json, the table of GPflow's public names. Run by hand, in an environment that has GPflow.

    python tests/gpflow/make_gpflow_names.py

For each module of GPflow: public name -> "module:name" of where it is defined, without the leading ``gpflow.``.
"""

import importlib
import json
import pkgutil
import types
from pathlib import Path

import gpflow

SKIPPED = ("keras", "__config__", "mypy_flags", "type_flags", "versions")


def origin(module, name):
    """Where a public name of a module is defined; None for what is not GPflow's."""
    value = getattr(module, name)
    if isinstance(value, types.ModuleType):
        return f"{value.__name__}:" if value.__name__.startswith("gpflow.") else None
    home = getattr(value, "__module__", None)
    if not isinstance(home, str) or not home.startswith("gpflow"):
        home = module.__name__ if type(value).__module__.startswith("gpflow") else None
    return None if home is None else f"{home}:{getattr(value, '__name__', name)}"


def table(module):
    found = {name: origin(module, name) for name in dir(module) if not name.startswith("_")}
    return {name: where.removeprefix("gpflow.") for name, where in found.items() if where is not None}


def main():
    modules = [gpflow]
    for found in pkgutil.walk_packages(gpflow.__path__, "gpflow."):
        if not any(part in found.name for part in SKIPPED):
            modules.append(importlib.import_module(found.name))
    names = {m.__name__.removeprefix("gpflow").removeprefix("."): table(m) for m in modules}
    target = Path(__file__).parents[2] / "gparams" / "gpflow" / "names.json"
    text = json.dumps({"gpflow": gpflow.__version__, "names": names}, indent=0, sort_keys=True)
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
