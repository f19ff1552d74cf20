"""Paths: how a node of a model is named, and how a name finds its node.

A path is a tuple of JAX key entries; its text is what the summary prints, such as ``kernel.kernels[0].lengthscales``.
"""

import difflib
import functools
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import jax
import jax.tree_util as jtu

from ._parameter import Buffer, Parameter

Path = tuple[Any, ...]

_TOKEN = re.compile(r"""\[(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\]'"]*)\]|[^.\[\]]+""")
_TEXT = re.compile(rf"\.?(?:(?:{_TOKEN.pattern})(?:\.(?=[^.\[])|(?=\[)|$))*", re.VERBOSE)


class PlaceError(LookupError, AttributeError):
    """A place that is not in the model; the message lists the nearest paths.

    Examples
    --------
    >>> import gparams as gp
    >>> try:
    ...     gp.at(gp.kernels.SquaredExponential(), "variances")
    ... except gp.PlaceError as error:
    ...     print(error)
    SquaredExponential has no 'variances'. Nearest: variance, lengthscales.
    """


class Named(NamedTuple):
    """A leaf of the parameter view of a tree: a Parameter, a Buffer, an array, or any other leaf."""

    path: Path
    leaf: Any


def is_leaf(x: Any) -> bool:
    """Whether `x` is a Parameter or a Buffer: the walk stops there."""
    return isinstance(x, Parameter | Buffer)


def walk(tree: Any) -> tuple[list[Named], Any]:
    """Flatten a tree down to Parameters, Buffers and other leaves, each with its path."""
    leaves, treedef = jtu.tree_flatten_with_path(tree, is_leaf=is_leaf)
    return [Named(path, leaf) for path, leaf in leaves], treedef


def refuse_opaque(tree: Any) -> None:
    """Refuse an object that JAX can't look into where a model is to be had of it: nothing in it would be found."""
    if is_leaf(tree) or not jtu.all_leaves([tree]):
        return
    if callable(getattr(tree, "functional", None)):
        mend = " of gparams.gpflow, which changes in place: take gparams.gpflow's own functions, or its .functional()"
    elif hasattr(tree, "model"):
        mend = "; its model is .model"
    else:
        return
    raise TypeError(f"expected a place, a model or another PyTree with Parameters, got a {type(tree).__name__}{mend}")


def named_parameters(tree: Any) -> list[Named]:
    """Every Parameter of a tree with its path, in order of declaration."""
    return [n for n in walk(tree)[0] if isinstance(n.leaf, Parameter)]


# ---- text


def step_text(key: Any) -> str:
    """Text of one step: a name, or an index in brackets."""
    if isinstance(key, jtu.GetAttrKey):
        return key.name
    if isinstance(key, jtu.SequenceKey):
        return f"[{key.idx}]"
    return f"[{key.key!r}]"  # DictKey, FlattenedIndexKey


def steps_of(path: Path) -> tuple[str, ...]:
    """The texts of a path's steps."""
    return tuple(step_text(key) for key in path)


def join(steps: Iterable[str]) -> str:
    """Steps as one text: ``("kernels", "[0]", "variance")`` is ``kernels[0].variance``."""
    text = "".join(s if s.startswith("[") else f".{s}" for s in steps)
    return text.removeprefix(".")


@functools.lru_cache(maxsize=65536)  # a model's paths are read again at every partition, summary and read
def text_of(path: Path) -> str:
    """Text of a path, as the summary prints it."""
    return join(steps_of(path))


def parse(text: str) -> tuple[str, ...]:
    """Split the text of a path or a glob into steps; one leading dot (GPflow's) is passed over."""
    if not _TEXT.fullmatch(text):
        raise PlaceError(f"{text!r} is not a path; expected steps such as 'kernel.kernels[0].lengthscales'")
    return tuple(_TOKEN.findall(text.removeprefix(".")))


def is_glob(text: str) -> bool:
    """Whether a text has a star or a question mark outside quotes."""
    return any(not s.startswith(("['", '["')) and ("*" in s or "?" in s) for s in parse(text))


def matches(pattern: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    """Match a glob against a whole path: ``*`` is one step, ``**`` any number of them, none included."""
    if not pattern:
        return not steps
    if pattern[0] == "**":
        return any(matches(pattern[1:], steps[i:]) for i in range(len(steps) + 1))
    return bool(steps) and _step_matches(pattern[0], steps[0]) and matches(pattern[1:], steps[1:])


def _step_matches(pattern: str, step: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("[") or step.startswith("["):
        return pattern == step or (pattern == "[*]" and step.startswith("["))
    return fnmatchcase(step, pattern)


# ---- nodes


def children(node: Any) -> list[tuple[Any, Any]]:
    """The (key, child) pairs one step below a node; none below a Parameter, a Buffer or an array."""
    if is_leaf(node):
        return []
    pairs = jtu.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)[0]
    return [(path[0], child) for path, child in pairs if path]


def get(node: Any, path: Path) -> Any:
    """Follow a path down from a node."""
    for key in path:
        if isinstance(key, jtu.GetAttrKey):
            node = getattr(node, key.name)
        elif isinstance(key, jtu.SequenceKey):
            node = node[key.idx]
        elif isinstance(key, jtu.DictKey):
            node = node[key.key]
        else:
            node = dict(children(node))[key]
    return node


def find(tree: Any, steps: tuple[str, ...], prefix: Path = ()) -> tuple[Path, Any]:
    """Find the node that the steps name; an error lists the nearest paths."""
    node, path = get(tree, prefix), prefix
    for i, step in enumerate(steps):
        below = {step_text(key): (key, child) for key, child in children(node)}
        if step not in below:
            raise missing(tree, join((*steps_of(prefix), *steps)), found=steps_of(path), wanted=steps[i])
        key, node = below[step]
        path = (*path, key)
    return path, node


def all_texts(tree: Any) -> list[str]:
    """Texts of all paths of a tree, modules included."""
    texts: dict[str, None] = {}
    for path, _ in walk(tree)[0]:
        steps = steps_of(path)
        for i in range(1, len(steps) + 1):
            texts.setdefault(join(steps[:i]))
    return list(texts)


def missing(tree: Any, text: str, found: tuple[str, ...] | None = None, wanted: str = "") -> PlaceError:
    """Build the error for a place that is not there, with the nearest paths."""
    name = type(tree).__name__
    head = f"{name} has no {text!r}"
    if found:
        head += f": there is no {wanted!r} in {join(found)!r}"
    near = nearest(tree, text)
    if not near:
        return PlaceError(f"{head}. It has nothing below it that can be named.")
    return PlaceError(f"{head}. Nearest: {', '.join(near)}.")


def nearest(tree: Any, text: str, count: int = 5) -> list[str]:
    """Return the paths of a tree that are most like a text."""
    texts = all_texts(tree)
    wanted = text.replace("*", "")
    tail = wanted.rsplit(".", 1)[-1]

    def likeness(candidate: str) -> float:
        whole = difflib.SequenceMatcher(None, wanted, candidate).ratio()
        last = difflib.SequenceMatcher(None, tail, candidate.rsplit(".", 1)[-1]).ratio()
        return whole + last

    return sorted(texts, key=likeness, reverse=True)[:count]


def copy_nodes(tree: Any) -> Any:
    """Return the tree with every node and leaf a new object, so that each is told by identity."""
    return jtu.tree_map(lambda x: _Wrapped(x), tree)


class _Wrapped:
    """A leaf under another identity; a where function may move through it, and not read it."""

    def __init__(self, leaf: Any):
        self.leaf = leaf

    def __getattr__(self, name: str) -> Any:
        return getattr(self.leaf, name)


def find_node(tree: Any, wanted: Any, path: Path = ()) -> Path | None:
    """Path of a node by identity; None if it is not there."""
    if tree is wanted:
        return path
    if isinstance(tree, jax.Array):
        return None
    for key, child in children(tree):
        found = find_node(child, wanted, (*path, key))
        if found is not None:
            return found
    return None
