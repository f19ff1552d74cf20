"""The layout of the reference files ``gpflow_cases.npz`` and ``extra_cases.npz``, with NumPy alone.

Both files hold values that GPflow 2.11.2 computed in float64. ``gpflow_cases.npz`` is a selection, values
untouched, from a larger set of such cases; ``extra_cases.npz`` was made by ``make_extra_cases.py``.

Two arrays are stored:

``data``
    float64, every number array of the document, flattened in C order and joined (equal arrays once)
``index``
    uint8, the document as UTF-8 JSON, in which an array stands as ``{"$a": [offset, shape]}``, marked with
    ``"i": 1`` where it holds integers and ``"b": 1`` where it holds Booleans, and a non-finite number as
    ``{"$f": "inf"}``

The document is ``{"meta": {...}, "cases": [...]}``. A case has

``id``, ``group``, ``tags``
    a unique name, a family (kernel, mean, likelihood, model, bijector, prior, fit, summary), words to pick by
``config``
    settings that differ from GPflow's defaults
``build``, ``setup``
    the spec of the object under test (see below), then ``{"set": {path: value}, "trainable": {path: bool},
    "priors": {path: spec}, "prior_on": {path: "unconstrained"}}``, of which any part may be missing
``params``
    ``{path: {value, unconstrained, shape, dtype, transform, prior, trainable, class}}`` in GPflow's order;
    paths start with a dot, and that of a bare Parameter is the dot alone
``trainable_parameters``
    paths in the order of GPflow's property of that name
``calls``
    each with ``name``, ``method``, ``args``, ``kwargs``, the outputs ``out`` and their ``noise``: how far an
    output moves when the inputs move by about 4 ulp, that is the rounding floor of the reference itself.
    Where there are ``weights``, the scalar ``sum_i sum(weights_i * out_i)`` was differentiated: ``grad_u``
    and ``grad_c`` by path (unconstrained and constrained variables), ``grad_args`` by position, their
    ``grad_noise`` by ``"u:path"``, ``"c:path"`` and ``"a:position"``. The call ``fit`` has the outputs
    ``[loss, iterations, evaluations, success, *values in the order of trainable_parameters]``.
``summary``
    ``{table format: the text of print_summary}``

A spec is plain data: ``{"type": "kernels.Matern52", "args": [...], "kwargs": {...}}`` is an object of the
library, ``{"$dist": "Gamma", "args": [2.0, 3.0]}`` a prior, ``{"$bij": "Sigmoid", "kwargs": {...}}`` a
bijector, ``{"$slice": [start, stop, step]}`` a slice, ``{"$tuple": [...]}`` a tuple, ``{"$fn": "exp"}`` an elementwise
function, ``{"$intdict": [[key, value], ...]}`` a dictionary. A call of a free function has ``fn``, its dotted
name, in place of ``method``.
"""

import json
import math

import numpy as np


def load(path):
    """Read a reference file back into its document."""
    with np.load(path) as stored:
        data, text = stored["data"], stored["index"].tobytes().decode()

    def revive(node):
        if "$a" in node:
            offset, shape = node["$a"]
            array = data[offset : offset + math.prod(shape)].reshape(shape)
            if "i" in node:
                return array.astype(np.int64)
            return array.astype(bool) if "b" in node else array.copy()
        return float(node["$f"]) if "$f" in node else node

    return json.loads(text, object_hook=revive)


def dump(document, path):
    """Write a document of plain data and NumPy arrays as a reference file."""
    chunks, offsets = [np.zeros(0)], {}

    def store(array):
        flat = np.ascontiguousarray(array, dtype=np.float64).ravel()
        mark = {"i": {"i": 1}, "u": {"i": 1}, "b": {"b": 1}}.get(array.dtype.kind, {})
        known = (flat.tobytes(), array.shape, *mark)
        if known not in offsets:
            offsets[known] = sum(chunk.size for chunk in chunks)
            chunks.append(flat)
        return {"$a": [offsets[known], list(array.shape)], **mark}

    def plain(node):
        if isinstance(node, np.ndarray):
            return store(node)
        if isinstance(node, np.generic):
            node = node.item()
        if isinstance(node, dict):
            return {str(key): plain(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [plain(value) for value in node]
        if isinstance(node, float) and not math.isfinite(node):
            return {"$f": repr(node)}
        return node

    text = json.dumps(plain(document), separators=(",", ":"), ensure_ascii=False)
    index = np.frombuffer(text.encode(), np.uint8)
    np.savez_compressed(path, data=np.concatenate(chunks), index=index)


def obj(name, *args, **kwargs):
    """The spec of a library object."""
    return {"type": name, "args": list(args), "kwargs": kwargs}


def dist(name, *args):
    """The spec of a prior, with TensorFlow Probability's arguments."""
    return {"$dist": name, "args": list(args)}


class Builder:
    """Turns specs into objects.

    Parameters
    ----------
    resolve
        from a dotted name, such as ``"kernels.Matern52"``, to the library's class or function
    distribution, bijector
        from a name and its arguments to a prior, or a bijector
    array
        from a NumPy array to what the library is to be given
    functions
        elementwise functions by name
    """

    def __init__(self, resolve, distribution, bijector, array, functions=None):
        self.resolve, self.distribution, self.bijector, self.array = resolve, distribution, bijector, array
        self.functions = functions or {}

    def __call__(self, spec):
        if isinstance(spec, np.ndarray):
            return self.array(spec)
        if isinstance(spec, list):
            return [self(item) for item in spec]
        if not isinstance(spec, dict):
            return spec
        args, kwargs = self.arguments(spec)
        if "type" in spec:
            return self.resolve(spec["type"])(*args, **kwargs)
        if "$dist" in spec:
            return self.distribution(spec["$dist"], args)
        if "$bij" in spec:
            return self.bijector(spec["$bij"], kwargs)
        if "$slice" in spec:
            return slice(*spec["$slice"])
        if "$tuple" in spec:
            return tuple(self(item) for item in spec["$tuple"])
        if "$fn" in spec:
            return self.functions[spec["$fn"]]
        if "$intdict" in spec:
            return {int(key): self(item) for key, item in spec["$intdict"]}
        raise ValueError(f"Not a spec: {sorted(spec)}")

    def arguments(self, spec):
        """The positional and named arguments of an object's spec, or of a call."""
        args = [self(item) for item in spec.get("args", [])]
        return args, {key: self(item) for key, item in spec.get("kwargs", {}).items()}


def jiggle(spec, rng, ulps=4.0):
    """Move every float in a spec by a few ulp, leaving whole numbers (labels, defaults) as they are."""
    step = ulps * np.finfo(np.float64).eps
    if isinstance(spec, dict):
        still = "$dist" in spec or "$slice" in spec or "$fn" in spec
        return spec if still else {key: jiggle(item, rng, ulps) for key, item in spec.items()}
    if isinstance(spec, list):
        return [jiggle(item, rng, ulps) for item in spec]
    if isinstance(spec, np.ndarray) and spec.dtype.kind == "f":
        moved = spec * (1.0 + step * rng.standard_normal(spec.shape))
        return np.where(spec == np.round(spec), spec, moved)
    if isinstance(spec, float) and spec != round(spec):
        return spec * (1.0 + step * rng.standard_normal())
    return spec
