"""Write gparams/gpflow/names.json, the table of GPflow's public names. Run by hand, in an environment that has GPflow.

    python tests/gpflow/make_gpflow_names.py

For each module of GPflow: public name -> "module:name" of where it is defined, without the leading ``gpflow.``.
"""

import ast
import importlib
import inspect
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


def aliases(modules):
    """Where GPflow assigns what has no home of its own, such as a type alias: (name, identity) to "module:name"."""
    found = {}
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for name in (t.id for t in targets if isinstance(t, ast.Name) and t.id[0].isupper()):
                value = getattr(module, name)
                if getattr(value, "__module__", None) != "builtins":
                    found[name, id(value)] = f"{module.__name__}:{name}"
    return found


def table(module, known):
    names = [name for name in dir(module) if not name.startswith("_")]
    found = {name: origin(module, name) or known.get((name, id(getattr(module, name)))) for name in names}
    return {name: where.removeprefix("gpflow.") for name, where in found.items() if where is not None}


def main():
    modules = [gpflow]
    for found in pkgutil.walk_packages(gpflow.__path__, "gpflow."):
        if not any(part in found.name for part in SKIPPED):
            modules.append(importlib.import_module(found.name))
    known = aliases(modules)
    names = {m.__name__.removeprefix("gpflow").removeprefix("."): table(m, known) for m in modules}
    target = Path(__file__).parents[2] / "gparams" / "gpflow" / "names.json"
    text = json.dumps({"gpflow": gpflow.__version__, "names": names}, indent=0, sort_keys=True)
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
