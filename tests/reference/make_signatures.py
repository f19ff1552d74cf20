"""Make ``signatures.json``: the constructors of GPflow 2.11.2's kernels and mean functions.

Run by hand, from the folder above this one, in an environment that has GPflow 2.11.2:

    python -m reference.make_signatures

A class has a list of its arguments: name, kind, and the text of the default, or null where there is none.
"""

import inspect
import json
import pathlib
from importlib.metadata import version

import gpflow


def arguments(cls):
    found = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [[p.name, p.kind.name, None if p.default is p.empty else repr(p.default)] for p in found]


signatures = {
    room: {
        name: arguments(cls)
        for name, cls in sorted(vars(getattr(gpflow, room)).items())
        if inspect.isclass(cls) and issubclass(cls, gpflow.Module)
    }
    for room in ("kernels", "mean_functions")
}
rooms = [
    f'"{room}": {{\n' + ",\n".join(f'"{name}": {json.dumps(args)}' for name, args in classes.items()) + "\n}"
    for room, classes in signatures.items()
]
text = f'{{"gpflow": "{version("gpflow")}",\n"signatures": {{\n' + ",\n".join(rooms) + "\n}}\n"
pathlib.Path(__file__).with_name("signatures.json").write_text(text)
