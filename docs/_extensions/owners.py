"""The public name of each thing: for links from signatures, and for what a class inherits.

Types in signatures say where a class was written, `gparams.kernels._base.Kernel`; readers know it as
`gparams.kernels.Kernel`.
"""

import functools
import importlib
import inspect
import pkgutil
import types
from pathlib import Path

import gparams

# The last two give out again, or in another spelling, what the others define.
LAST = ("gparams.parameters", "gparams.gpflow")


def rooms() -> list[str]:
    """The package and its public rooms, so that a new room can't be left out of the reference."""
    names = [f"gparams.{m.name}" for m in pkgutil.iter_modules(gparams.__path__) if not m.name.startswith("_")]
    return ["gparams", *sorted(set(names) - set(LAST)), *LAST]


def public_names(room: str) -> dict[str, object]:
    """What a room gives out: all that it re-exports, or, where the room is one file, all that is defined in it."""
    module = importlib.import_module(room)
    one_file = not hasattr(module, "__path__")
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and (origin := getattr(value, "__module__", "") or "").startswith("gparams")
        and (origin == room or not one_file)
        and callable(value)
    }


@functools.cache
def _homes() -> dict[int, str]:
    homes = {}
    for room in rooms():
        own_names_first = sorted(public_names(room).items(), key=lambda item: item[0] != item[1].__name__)
        for name, value in own_names_first:
            homes.setdefault(id(value), f"{room}.{name}")
    return homes


def home(value: object) -> str | None:
    """The first public name of a class or function, its own name before any alias; None if it has none."""
    return _homes().get(id(value))


def inherited(fullname: str) -> list[tuple[str, list[str]]]:
    """Base classes of a class, each with the documented methods and properties that come from it."""
    room, name = fullname.rsplit(".", 1)
    cls = getattr(importlib.import_module(room), name)
    seen = set(vars(cls))
    found = []
    for base in inspect.getmro(cls)[1:]:
        base_home = home(base)
        names = [n for n, v in vars(base).items() if _public(n) and n not in seen and _documented(v)]
        seen |= set(vars(base))
        if base_home and names:
            found.append((base_home, names))
    return found


def _public(name: str) -> bool:
    return name == "__call__" or not name.startswith("_")


def _documented(value) -> bool:
    value = getattr(value, "method", value)  # Equinox wraps methods
    return isinstance(value, (types.FunctionType, property, staticmethod, classmethod)) and bool(inspect.getdoc(value))


def _resolve(app, env, node, contnode):
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("gparams."):
        return None
    module, _, name = target.rpartition(".")
    try:
        found = home(getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError):
        return None
    if found is None or found == target:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found, node, contnode)


def _bases(app, name, obj, options, bases):
    bases[:] = [b for b in bases if home(b)] or bases


def _skip(app, what, name, obj, skip, options):
    return True if type(obj).__name__ == "_tuplegetter" else None


def _forget(app, config):
    """Remove pages, made by an earlier build, of names that are gone."""
    for page in (Path(app.srcdir) / "api" / "generated").glob("*.rst"):
        if page.stem not in _homes().values():
            page.unlink()


def setup(app):
    """Put them in Sphinx's hands."""
    app.config.autosummary_context = {"inherited": inherited}
    app.connect("config-inited", _forget)
    app.connect("missing-reference", _resolve)
    app.connect("autodoc-process-bases", _bases)
    app.connect("autodoc-skip-member", _skip)
    return {"version": "1", "parallel_read_safe": True}
