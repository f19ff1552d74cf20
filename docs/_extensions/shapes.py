"""Shapes with a star in docstrings, such as [*B, N, N], are not the start of emphasis."""

import re

_SHAPE = re.compile(r"(?<!`)\[(?=[^\]\n`]*\*[A-Z])[^\]\n`]*\]")


def _escape(app, what, name, obj, options, lines):
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else _SHAPE.sub(lambda m: m[0].replace("*", r"\*"), line)
        for line in lines
    ]


def setup(app):
    """Before numpydoc reads the lines."""
    app.connect("autodoc-process-docstring", _escape, priority=100)
    return {"version": "1", "parallel_read_safe": True}
