"""GPflow's import paths: which name stands where, and what stands for it here.

`names.json` is the table of GPflow's own public names, made by a script: for each of its modules, name to where it is
defined. Each of those modules exists here, as `gparams.gpflow.<path>`. A name is looked up by where GPflow defines it:
among the things written for the shell (`OURS`), and then among the classes of the functional core, whose stateful form
is made on the way. What is in neither is an error that names the nearest thing which does the job.
"""

import difflib
import inspect
import json
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import equinox as eqx

from .. import expectations, inducing_variables, kernels, likelihoods, mean_functions, models, posteriors
from ._advice import advice
from ._functions import shelled
from ._module import shell_of
from ._ours import OURS, RENAMED

_HOME = Path(__file__).parent
_TABLE = json.loads((_HOME / "names.json").read_text(encoding="utf-8"))
GPFLOW_VERSION: str = _TABLE["gpflow"]
NAMES: dict[str, dict[str, str]] = _TABLE["names"]

ROOMS: dict[str, Any] = {
    "kernels": kernels,
    "likelihoods": likelihoods,
    "functions": mean_functions,
    "models": models,
    "inducing_variables": inducing_variables,
    "posteriors": posteriors,
    "probability_distributions": expectations,
}
# Rooms whose classes are offered under their own names too, where GPflow has none of that name.
_SECTIONS = {"kernels": "kernels", "likelihoods": "likelihoods", "mean_functions": "functions", "models": "models"}


class Namespace(types.ModuleType):
    """A module of GPflow's: its names are found when they are asked for."""

    def __init__(self, path: str):
        name = f"gparams.gpflow.{path}"
        types.ModuleType.__init__(self, name, f"The names of ``gpflow.{path}``.")
        self.__path__ = []
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self._where = path

    def __getattr__(self, name: str) -> Any:
        found = attribute(self._where, name, sys._getframe(1))
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted(listed(self._where))


def listed(path: str) -> set[str]:
    """Names that are found at a path."""
    return {name for name in NAMES[path] if has(path, name)} | set(_more(path))


def resolve(path: str, name: str) -> Any:
    """Find what stands for ``gpflow.<path>.<name>`` here; an error that says what does the job, if nothing does."""
    where = NAMES[path].get(name)
    found = _of(where) if where is not None else _more(path).get(name)
    if found is None:
        raise AttributeError(_explain(path, name, where))
    return found


def has(path: str, name: str) -> bool:
    """Whether ``gpflow.<path>.<name>`` has a counterpart here."""
    where = NAMES[path].get(name)
    return name in _more(path) if where is None else _of(where) is not None


def _of(where: str) -> Any:
    where = RENAMED.get(where, where)
    if where.endswith(":"):  # a module; the table lacks a few that hold none of GPflow's own names
        return sys.modules.get(f"gparams.gpflow.{where[:-1]}")
    if where in OURS:
        return OURS[where]
    home, name = where.split(":")
    core = getattr(ROOMS.get(home.split(".")[0]), name, None)
    if isinstance(core, type) and issubclass(core, eqx.Module):
        return shell_of(core)
    return shelled(core) if inspect.isfunction(core) else core


def _more(path: str) -> dict[str, Any]:
    """What is offered at a path besides GPflow's own names."""
    found = {k.split(":")[1]: v for k, v in OURS.items() if k.split(":")[0] == f"+{path}"}
    room = ROOMS.get(_SECTIONS.get(path, ""))
    for name, core in vars(room).items() if room is not None else ():
        if isinstance(core, type) and issubclass(core, eqx.Module) and name not in NAMES[path]:
            found[name] = shell_of(core)
    return found


def _explain(path: str, name: str, where: str | None) -> str:
    full = f"gpflow.{path}.{name}" if path else f"gpflow.{name}"
    if where is not None:
        return f"{full} is not in gparams.gpflow. {advice(where)}"
    known = [n for n in (*NAMES[path], *_more(path)) if has(path, n)]
    near = difflib.get_close_matches(name, known, 3, 0.5)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    return f"GPflow {GPFLOW_VERSION} has no {full}, nor has gparams.gpflow.{hint}"


def attribute(path: str, name: str, caller: Any) -> Any:
    """`__getattr__` of a module: the name, or an error that an ``import`` statement passes on with its text."""
    if name.startswith("__") or (not path and (_HOME / f"{name}.py").exists()):
        raise AttributeError(name)  # Python's own question, or a file of this package: `import` finds that by itself
    try:
        return resolve(path, name)
    except AttributeError as error:
        # `from module import name` asks whether the name is there, and words its own error where it hears no.
        if _asked_by(caller) == "_handle_fromlist":
            raise ImportError(str(error), name=f"gparams.gpflow.{path}") from None
        raise


def _asked_by(frame: Any) -> str:
    """Name of the function that asks, past those that check types in tests."""
    while frame.f_back is not None and any(part in frame.f_code.co_filename for part in ("jaxtyping", "beartype")):
        frame = frame.f_back
    return frame.f_code.co_name


def build() -> dict[str, Namespace]:
    """Make all modules, and let ``import`` find them; what a file of the package offers itself is left to it."""
    made: dict[str, Namespace] = {}
    for path in sorted(NAMES):
        if not path:
            continue
        module = made[path] = Namespace(path)
        sys.modules[module.__name__] = module
        parent, _, last = path.rpartition(".")
        if parent:
            setattr(made[parent], last, module)
    return made


MODULES = build()
