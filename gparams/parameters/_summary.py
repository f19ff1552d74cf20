"""The table of a model's Parameters, in GPflow's columns and number formats."""

import contextlib
import importlib
import re
import sys
from typing import Any

import numpy as np
import tabulate as _tabulate

from ._parameter import Buffer, Parameter
from ._paths import Named, text_of
from ._place import below, resolve
from ._reading import constrained
from ._ties import groups

COLUMNS = ("name", "class", "transform", "prior", "trainable", "shape", "dtype", "value")
_ALIASES = {None: "simple", "text": "simple", "notebook": "html", "markdown": "pipe"}
_NUMBER = re.compile(r"[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)")


def tabulate(where: Any, fmt: str | None = None) -> str:
    """Return the table of Parameters and Buffers as text.

    Parameters
    ----------
    where
        A tree, or a place in one.
    fmt
        ``"text"`` (the default), ``"html"``, ``"latex"``, ``"markdown"``, or any format of the `tabulate` package.

    Returns
    -------
    One row a Parameter; tied Parameters share a row. Values at least 1 in size are rounded to five decimals, and more
    than three elements are cut short, as in GPflow. A partly frozen Parameter says how many of its elements are.

    Raises
    ------
    ValueError
        If the format is not known.

    Examples
    --------
    >>> import gparams as gp
    >>> print(gp.tabulate(gp.kernels.SquaredExponential(lengthscales=0.2)))
    name                             class      transform    prior    trainable    shape    dtype      value
    -------------------------------  ---------  -----------  -------  -----------  -------  -------  -------
    SquaredExponential.variance      Parameter  Softplus              True         ()       float64      1
    SquaredExponential.lengthscales  Parameter  Softplus              True         ()       float64      0.2
    """
    style = _ALIASES.get(fmt, fmt)
    if style not in _tabulate.tabulate_formats:
        known = ", ".join(sorted(_tabulate.tabulate_formats))
        raise ValueError(f"fmt={fmt!r}: expected 'text', 'html', 'latex', 'markdown', or one of {known}")
    return _tabulate.tabulate(_rows(where), headers=COLUMNS, tablefmt=style)


def print_summary(where: Any, fmt: str | None = None, *, file: Any = None) -> None:
    """Print the table of Parameters and Buffers.

    Parameters
    ----------
    where
        A tree, or a place in one.
    fmt
        As for `tabulate`; ``"notebook"`` shows a table in a Jupyter notebook.
    file
        Open text file to print to; the standard output by default.

    Raises
    ------
    ValueError
        If the format is not known.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.print_summary(gp.Parameter(2.0))
    name       class      transform    prior    trainable    shape    dtype      value
    ---------  ---------  -----------  -------  -----------  -------  -------  -------
    Parameter  Parameter  Identity              True         ()       float64        2
    """
    table = tabulate(where, fmt)
    if fmt == "notebook":
        with contextlib.suppress(ImportError):  # without IPython the HTML itself is printed
            display = importlib.import_module("IPython.display")
            display.display(display.HTML(table))
            return
    print(table, file=sys.stdout if file is None else file)


def _rows(where: Any) -> list[tuple]:
    tree, targets = resolve(where)
    named = [Named(path, leaf) for path, leaf in below(tree, targets) if isinstance(leaf, Parameter | Buffer)]
    values = iter(constrained([leaf for _, leaf in named if isinstance(leaf, Parameter)]))
    read = [next(values) if isinstance(leaf, Parameter) else leaf.numpy() for _, leaf in named]
    partners = {members[0]: members for members in groups(named)}
    merged = {i for members in partners.values() for i in members[1:]}
    root = type(tree).__name__
    rows = []
    for i, (_, leaf) in enumerate(named):
        if i not in merged:
            names = "\n".join(_name(root, text_of(named[k].path)) for k in partners.get(i, [i]))
            rows.append((names, type(leaf).__name__, *_facts(leaf), _text(read[i])))
    return rows


def _name(root: str, text: str) -> str:
    return root + (text if text.startswith("[") or not text else f".{text}")


def _facts(leaf: Parameter | Buffer) -> tuple:
    if isinstance(leaf, Buffer):
        return "", "", False, leaf.shape, leaf.dtype.name
    spec = leaf._spec
    transform = "Identity" if spec.transform is None else spec.transform.name
    flag = spec.trainable if spec.mask is None else f"{spec.mask.num_frozen} of {spec.mask.frozen.size} frozen"
    return transform, "" if spec.prior is None else spec.prior.name, flag, leaf.shape, leaf.dtype.name


def _text(value: np.ndarray) -> str:
    """Format a value as GPflow does: sizes of at least 1 to five decimals, of the first row three elements at most."""
    if value.dtype.kind == "f":
        value = np.where(np.abs(value) < 1, value, np.around(value, 5))
    text = str(value)
    if value.size <= 3:
        return text
    opening = text[: len(text) - len(text.lstrip("["))]
    first_row = text[len(opening) :].split("]")[0]
    return f"{opening}{', '.join(_NUMBER.findall(first_row)[:3])}..."
