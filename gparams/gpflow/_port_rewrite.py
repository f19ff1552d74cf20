"""Rewriting a GPflow script: Python's own parser finds what is to change, and only that text changes."""

import ast
import re
from typing import Any, NamedTuple

from ._namespace import NAMES, has, resolve
from ._port_table import BY_HAND, RULES, Rule, form


class Remark(NamedTuple):
    """Something that was not rewritten: line number and what to do."""

    line: int
    text: str


class Ported(NamedTuple):
    """A rewritten script and what is left to do by hand."""

    source: str
    remarks: list[Remark]


def rewrite(source: str) -> Ported:
    r"""Rewrite a script that uses GPflow and TensorFlow into one that uses gparams and JAX.

    Parameters
    ----------
    source
        The script's text.

    Returns
    -------
    The new text, with comments and formatting as they were, and a remark for each line that needs a hand.

    Raises
    ------
    SyntaxError
        If it is not Python.

    Examples
    --------
    >>> ported = rewrite("import gpflow\nimport tensorflow as tf\nx = tf.reduce_sum([1.0])  # all\n")
    >>> print(ported.source)
    import gparams.gpflow as gpflow
    import jax.numpy as jnp
    x = jnp.sum([1.0])  # all
    """
    work = _Rewriter(source)
    return Ported(work.run(), sorted(work.remarks))


class _Rewriter:
    def __init__(self, source: str):
        self.source = source
        self.tree = ast.parse(source)
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line.encode()))
        self.bytes = source.encode()
        self.names: dict[str, str] = {}  # name in the script -> what it stands for: tensorflow, gpflow.kernels, ...
        self.remarks: list[Remark] = []
        self.wanted: dict[str, None] = {}  # modules that the new text uses
        self.left: set[int] = set()  # nodes that a remark leaves to a hand
        self.tensors: set[str] = set()  # names that hold what TensorFlow returned
        self._find_imports()
        self.gpflow = next((n for n, m in self.names.items() if m == "gpflow"), "gpflow")

    def run(self) -> str:
        body = self._render(self.tree)
        head = self._imports()
        return _insert(body, head, _MARK)

    # ---- imports

    def _find_imports(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.names[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _import(self, node: ast.Import) -> str | None:
        lines, touched = [], False
        for alias in node.names:
            root = alias.name.split(".")[0]
            new = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
            if root == "gpflow":
                touched = True
                if alias.asname:
                    new = f"import gparams.{alias.name} as {alias.asname}"
                else:
                    new = "import gparams.gpflow as gpflow"
            elif root == "tensorflow":
                touched, new = True, _MARK
                if alias.name != "tensorflow":
                    self._remark(node, f"import {alias.name}: {_advice(alias.name.removeprefix('tensorflow.'))}")
            elif alias.name == "tensorflow_probability":
                touched, name = True, alias.asname or "tensorflow_probability"
                new = f"from tensorflow_probability.substrates import jax as {name}"
            lines.append(new)
        return ("\n" + " " * node.col_offset).join(dict.fromkeys(lines)) if touched else None

    def _import_from(self, node: ast.ImportFrom) -> str | None:
        module = node.module or ""
        root, _, rest = module.partition(".")
        segment = self._text(node)
        if root == "gpflow" and not node.level:
            for alias in node.names:
                self._check_name(node, rest, alias.name)
            return re.sub(r"^from\s+gpflow", "from gparams.gpflow", segment)
        if root == "tensorflow_probability" and not module.startswith("tensorflow_probability.substrates"):
            new = "tensorflow_probability.substrates.jax" + module.removeprefix("tensorflow_probability").replace(
                ".python", ""
            )
            return re.sub(r"^from\s+[\w.]+", f"from {new}", segment)
        if root == "tensorflow":
            for alias in node.names:
                self._remark(node, f"{segment}: {_advice(f'{rest}.{alias.name}'.removeprefix('.'))}")
            return _MARK
        return None

    def _imports(self) -> str:
        order = {"jax": "import jax", "jnp": "import jax.numpy as jnp", "np": "import numpy as np"}
        have = {n for n, m in self.names.items() if m in ("jax", "jax.numpy", "numpy")}
        lines = [line for name, line in order.items() if name in self.wanted and name not in have]
        if "gpflow" in self.wanted and self.gpflow not in self.names:
            lines.append("import gparams.gpflow as gpflow")
        return "\n".join(lines)

    # ---- text

    def _offset(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def _span(self, node: Any) -> tuple[int, int]:
        start = self._offset(node.lineno, node.col_offset)
        if getattr(node, "decorator_list", ()):  # Python counts from the line of `def`
            first = node.decorator_list[0]
            start = self.bytes.rindex(b"@", 0, self._offset(first.lineno, first.col_offset))
        return start, self._offset(node.end_lineno, node.end_col_offset)

    def _text(self, node: Any) -> str:
        start, end = self._span(node)
        return self.bytes[start:end].decode()

    def _render(self, node: Any) -> str:
        """Text of a node with everything below it rewritten."""
        if isinstance(node, ast.Module):
            start, end = 0, len(self.bytes)
        else:
            new = self._rewritten(node)
            if new is not None:
                return new
            start, end = self._span(node)
        return self._with_children(node, start, end)

    def _with_children(self, node: Any, start: int, end: int) -> str:
        edits = []
        for child in _located_children(node):
            first, last = self._span(child)
            if first < start:
                continue
            new = self._render(child)
            if new != self.bytes[first:last].decode():
                edits.append((first, last, new))
        out, at = [], start
        for first, last, new in sorted(edits):
            if first >= at:
                out += [self.bytes[at:first].decode(), new]
                at = last
        return "".join([*out, self.bytes[at:end].decode()])

    # ---- what is rewritten

    def _rewritten(self, node: Any) -> str | None:
        if id(node) in self.left:
            return self._text(node)
        if isinstance(node, ast.Import):
            return self._import(node)
        if isinstance(node, ast.ImportFrom):
            return self._import_from(node)
        if isinstance(node, ast.Assign):
            self._note_tensors(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
            return self._decorated(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        name = self._dotted(node)
        return None if name is None else self._name(node, name)

    def _note_tensors(self, node: ast.Assign) -> None:
        from_tf = isinstance(node.value, ast.Call) and (self._dotted(node.value.func) or "").startswith("tensorflow.")
        for target in node.targets:
            if isinstance(target, ast.Name):
                (self.tensors.add if from_tf else self.tensors.discard)(target.id)

    def _dotted(self, node: Any) -> str | None:
        """What a chain of attributes stands for, if it starts at an imported name of TensorFlow's or GPflow's."""
        steps = []
        while isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.names:
            return None
        full = ".".join([self.names[node.id], *reversed(steps)])
        return full if full.split(".")[0] in ("tensorflow", "gpflow", "tensorflow_probability") and steps else None

    def _name(self, node: Any, name: str) -> str | None:
        root, _, rest = name.partition(".")
        if root == "gpflow":
            path, _, last = rest.rpartition(".")
            if path in NAMES:
                self._check_name(node, path, last)
            return None
        if root != "tensorflow":
            return None
        rule = RULES.get(rest)
        if rule is None:
            found = next((r for r in sorted(RULES, key=len, reverse=True) if rest.startswith(f"{r}.")), None)
            if found is not None and RULES[found].arguments is None:
                return self._fill(RULES[found].to) + rest.removeprefix(found)
            self._remark(node, f"{self._text(node)}: {_advice(rest, self.gpflow)}")
            return self._text(node)
        if rule.arguments is not None:
            plain = _plain_name(rule)
            if plain is None:
                self._remark(node, f"{self._text(node)} without a call: write {form(rule, self.gpflow)} as a function")
                return self._text(node)
            return self._fill(plain)
        return self._fill(rule.to)

    def _call(self, node: ast.Call) -> str | None:
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr == "numpy" and not node.args and self._is_tensor(func.value):
            self.wanted["np"] = None
            return f"np.asarray({self._render(func.value)})"
        name = self._dotted(func) or ""
        if name == "tensorflow_probability.mcmc.sample_chain" and not any(k.arg == "seed" for k in node.keywords):
            self.wanted["jax"] = None
            text = self._with_children(node, *self._span(node))
            inner = text[: text.rindex(")")].rstrip().removesuffix(",")
            return f"{inner}, seed=jax.random.key(0))"
        rule = RULES.get(name.removeprefix("tensorflow.")) if name.startswith("tensorflow.") else None
        if rule is None or rule.arguments is None:
            return self._without_name(node, name)
        if rule.arguments == "transpose":
            return self._matmul(node)
        new = self._filled(node, rule)
        if new is None:
            self.left.add(id(func))
        return new

    def _without_name(self, node: ast.Call, name: str) -> str | None:
        """Take out TensorFlow's ``name=``, which labels a graph."""
        if not name.startswith("tensorflow.") or not any(k.arg == "name" for k in node.keywords):
            return None
        parts = [self._render(a) for a in node.args]
        parts += [f"{k.arg}={self._render(k.value)}" if k.arg else f"**{self._render(k.value)}" for k in node.keywords]
        return f"{self._render(node.func)}({', '.join(p for p in parts if not p.startswith('name='))})"

    def _filled(self, node: ast.Call, rule: Rule) -> str | None:
        declared = [a.partition("=") for a in (rule.arguments or "").split()]
        names = [n for n, _, _ in declared]
        given = {n: default for n, eq, default in declared if eq and default}
        if len(node.args) > len(names) or any(isinstance(a, ast.Starred) for a in node.args):
            self._remark(node, f"tf.{rule.name}: more arguments than are known here; write {form(rule, self.gpflow)}")
            return None
        given.update({n: self._render(a) for n, a in zip(names, node.args, strict=False)})
        for keyword in node.keywords:
            target = keyword.arg if keyword.arg in names else _KEYWORDS.get(keyword.arg or "", "")
            if target in names:
                given[target] = self._render(keyword.value)
            elif keyword.arg not in _SETTINGS and not (keyword.arg or "").startswith("experimental_"):
                self._remark(
                    node,
                    f"tf.{rule.name}: what to do with {keyword.arg}= is not known here; write {form(rule, self.gpflow)}",
                )
                return None
        required = [n for n, eq, _ in declared if not eq]
        if rule.name in _FILL_BY_POSITION:  # keywords of another spelling, in the order of the call
            spare = [self._render(k.value) for k in node.keywords if k.arg not in names and k.arg != "name"]
            for n in required:
                if n not in given and spare:
                    given[n] = spare.pop(0)
        if any(n not in given for n in required):
            self._remark(node, f"tf.{rule.name}: expected {', '.join(required)}; write {form(rule, self.gpflow)}")
            return None
        return self._fill(rule.to, given)

    def _matmul(self, node: ast.Call) -> str:
        flags = {k.arg: self._text(k.value) for k in node.keywords}
        parts = []
        for operand, letter in zip(node.args, "ab", strict=False):
            text = self._render(operand)
            turned = "True" in (flags.get(f"transpose_{letter}"), flags.get(f"adjoint_{letter}"))
            parts.append(f"jnp.matrix_transpose({text})" if turned else text)
        rest = [k for k in node.keywords if k.arg in ("a", "b")]
        parts += [self._render(k.value) for k in rest]
        self.wanted["jnp"] = None
        return f"jnp.matmul({', '.join(parts)})"

    def _decorated(self, node: Any) -> str | None:
        """Take a ``@tf.function`` off: closures are compiled by the optimisers."""
        start, end = self._span(node)
        kept, at, taken = [], start, []
        for decorator in node.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self._dotted(target) == "tensorflow.function":
                begin, stop = self._span(decorator)
                kept.append(self.bytes[at : self.bytes.rindex(b"@", 0, begin)].decode())
                at = stop + len(self.bytes[stop:]) - len(self.bytes[stop:].lstrip())
                taken.append(decorator)
        if not taken:
            return None
        node.decorator_list = [d for d in node.decorator_list if d not in taken]
        return "".join(kept) + self._with_children(node, at, end)

    def _is_tensor(self, node: Any) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.tensors
        if isinstance(node, ast.Subscript):
            return self._is_tensor(node.value)
        return isinstance(node, ast.Call) and (self._dotted(node.func) or "").startswith("tensorflow.")

    def _fill(self, template: str, given: dict[str, str] | None = None) -> str:
        given = {"gpflow": self.gpflow, **(given or {})}
        out = re.sub(r"\[, [^\]]*\]", lambda m: _optional(m.group()[1:-1], given), template) if given else template
        for name, text in given.items():
            out = out.replace(f"{{{name}}}", text)
        for module in ("jax", "jnp", "np"):
            if re.search(rf"\b{module}\.", out):
                self.wanted[module] = None
        if "{gpflow}" in template:
            self.wanted["gpflow"] = None
        return out

    def _check_name(self, node: Any, path: str, name: str) -> None:
        if name == "*" or has(path, name) if path in NAMES else True:
            return
        try:
            resolve(path, name)
        except AttributeError as error:
            self._remark(node, str(error))

    def _remark(self, node: Any, text: str) -> None:
        remark = Remark(node.lineno, text)
        if remark not in self.remarks:
            self.remarks.append(remark)


_MARK = "# (imports of the ported script)"
_SETTINGS = ("name", "autograph", "jit_compile", "reduce_retracing", "input_signature")  # of TensorFlow's graph
_KEYWORDS = {"x": "input", "tensor": "input", "value": "x", "inputs": "input", "func": "f", "clip_value_min": "low"}
_KEYWORDS |= {"clip_value_max": "high"}
_FILL_BY_POSITION = {"concat", "cast", "tile", "fill"}


def _optional(text: str, given: dict[str, str]) -> str:
    wanted = re.findall(r"\{(\w+)\}", text)
    return text if all(n in given for n in wanted) else ""


def _plain_name(rule: Rule) -> str | None:
    """The function alone, where the rule is a call of one with the arguments in their order."""
    if rule.arguments == "transpose":
        return "jnp.matmul"
    match = re.fullmatch(r"([\w.]+)\((.*)\)", rule.to)
    if match is None:
        return None
    names = [a.partition("=")[0] for a in (rule.arguments or "").split()]
    return match.group(1) if re.findall(r"\{(\w+)\}", match.group(2)) == names and "axis1" not in rule.to else None


def _advice(name: str, gpflow: str = "gpflow") -> str:
    known = next((n for n in sorted(BY_HAND, key=len, reverse=True) if name == n or name.startswith(f"{n}.")), None)
    if known is None:
        return "not known here; write it with jax.numpy or jax"
    return f"write {BY_HAND[known].replace('{gpflow}', gpflow)}"


def _located_children(node: Any) -> list[Any]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr_context | ast.operator | ast.boolop | ast.unaryop | ast.cmpop):
            continue
        if isinstance(node, ast.JoinedStr | ast.FormattedValue) and isinstance(child, ast.Constant):
            continue
        if getattr(child, "lineno", None) is None:  # arguments, comprehension, withitem: what is in them has a place
            found += _located_children(child)
        else:
            found.append(child)
    return found


def _insert(body: str, imports: str, mark: str) -> str:
    """Put the new imports where TensorFlow's stood, or before the first import."""
    lines = body.splitlines(keepends=True)
    marked = [i for i, line in enumerate(lines) if mark in line]
    if marked:
        indent = lines[marked[0]][: len(lines[marked[0]]) - len(lines[marked[0]].lstrip())]
        block = "".join(f"{indent}{line}\n" for line in imports.splitlines())
        out = [block if i == marked[0] else line for i, line in enumerate(lines) if i == marked[0] or i not in marked]
        return "".join(out)
    if not imports:
        return body
    first = next((i for i, line in enumerate(lines) if re.match(r"(import|from)\s", line)), 0)
    return "".join([*lines[:first], imports + "\n", *lines[first:]])
