"""Shapes with a star in docstrings, such as [*B, N, N], are not the start of emphasis.

The star becomes the operator of the same look, which is as wide in the source: columns of tables stay in line.
"""

import re

_SHAPE = re.compile(r"(?<!`)\[(?=[^\]\n`]*\*[A-Z])[^\]\n`]*\]|(?<=\s)\*[A-Z](?=\s)")


def _restate(app, what, name, obj, options, lines):
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else _SHAPE.sub(lambda m: m[0].replace("*", "\u2217"), line)
        for line in lines
    ]


def setup(app):
    """Before numpydoc reads the lines."""
    app.connect("autodoc-process-docstring", _restate, priority=100)
    return {"version": "1", "parallel_read_safe": True}
