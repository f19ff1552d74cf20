"""Holding a library against a reference case: what is compared, and how close is close.

`check_case` talks to the library through an adapter, an object with the methods

- ``build(case)``: the object under test, set up
- ``params(obj)``: ``{path: {value, unconstrained, trainable, transform, prior, shape, dtype}}``
- ``summary(obj, fmt)``: the text of the summary
- ``evaluate(obj, calls)``: ``(outputs, gradients)`` of each call, the gradients keyed as in ``grad_noise``
- ``fit(obj, call)``: ``(loss, {path: value})``
"""

import re

import numpy as np

VALUE_RTOL, GRADIENT_RTOL, ATOL, NOISE_FACTOR = 1e-9, 1e-7, 1e-10, 50.0
PARAMETER_RTOL, PARAMETER_ATOL = 1e-12, 1e-14
FIT_LOSS_RTOL, FIT_LOSS_ATOL, FIT_VALUE_RTOL, FIT_VALUE_ATOL = 1e-6, 1e-6, 2e-3, 1e-4
TEXT_RTOL = 1e-12

FACTS = ("shape", "dtype", "transform", "prior", "trainable")
GRADIENT_TABLES = {"u": "grad_u", "c": "grad_c", "a": "grad_args"}
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def difference(got, want, noise=0.0, rtol=VALUE_RTOL, atol=ATOL):
    """Say how `got` is further from `want` than ``atol + rtol max|want| + 50 noise``; None if it isn't."""
    got, want = np.asarray(got, dtype=np.float64), np.asarray(want, dtype=np.float64)
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    finite = np.isfinite(want)
    if not np.isfinite(got[finite]).all():
        return f"{int((~np.isfinite(got[finite])).sum())} non-finite values where the reference is finite"
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return f"{got[~finite]}, expected {want[~finite]}"
    if not finite.any():
        return None
    off = float(np.max(np.abs(got[finite] - want[finite])))
    scale = float(np.max(np.abs(want[finite])))
    allowed = atol + rtol * scale + NOISE_FACTOR * noise
    return None if off <= allowed else f"off by {off:.3e}, allowed {allowed:.3e} (largest value {scale:.3e})"


def same_number(got, want):
    """Equal texts, or two spellings of one float, one of them long: 1.2 and 1.2000000000000002."""
    if got == want:
        return True
    digits = max(sum(map(str.isdigit, re.split("[eE]", text)[0])) for text in (got, want))
    return digits > 12 and abs(float(got) - float(want)) <= TEXT_RTOL * abs(float(want))


def text_difference(got, want):
    """Say where two summaries differ, last digits of long floats aside; None if they don't."""
    if got == want:
        return None
    numbers, expected = NUMBER.findall(got), NUMBER.findall(want)
    if len(numbers) != len(expected):
        return f"{len(numbers)} numbers, expected {len(expected)}\n{got}\n--- expected\n{want}"
    for one, other in zip(numbers, expected, strict=True):
        if not same_number(one, other):
            return f"{one!r}, expected {other!r}\n{got}\n--- expected\n{want}"
    layouts = NUMBER.sub("#", got), NUMBER.sub("#", want)
    if any(len(one) != len(other) for one, other in zip(numbers, expected, strict=True)):
        # a float one digit longer widens its column: runs of blanks and rules then count as one
        layouts = tuple(re.sub(r"([-=─═ ])\1*", r"\1", layout) for layout in layouts)
    return None if layouts[0] == layouts[1] else f"layout differs\n{got}\n--- expected\n{want}"


def _check_params(got, want):
    # GPflow has the number of VGP's data among its Parameters; here it is the length of X.
    got, want = ({path: facts for path, facts in side.items() if path != ".num_data"} for side in (got, want))
    yield "paths and their order", None if list(got) == list(want) else f"{list(got)}, expected {list(want)}"
    for path in [path for path in want if path in got]:
        for field in ("value", "unconstrained"):
            problem = difference(got[path][field], want[path][field], rtol=PARAMETER_RTOL, atol=PARAMETER_ATOL)
            yield f"{path} {field}", problem
        for field in FACTS:
            one, other = got[path][field], want[path][field]
            yield f"{path} {field}", None if one == other else f"{one!r}, expected {other!r}"


def _check_call(call, outputs, gradients):
    name = call["name"]
    count = f"{len(outputs)} outputs, expected {len(call['out'])}"
    yield f"{name}: number of outputs", None if len(outputs) == len(call["out"]) else count
    for i, (got, want, noise) in enumerate(zip(outputs, call["out"], call["noise"], strict=False)):
        yield f"{name}[{i}]", difference(got, want, noise)
    for key, noise in call.get("grad_noise", {}).items():
        kind, _, place = key.partition(":")
        want = call[GRADIENT_TABLES[kind]][place]
        got = gradients.get(key)
        problem = "missing" if got is None else difference(got, want, noise, rtol=GRADIENT_RTOL)
        yield f"gradient of {name} by {key}", problem
    if extra := sorted(set(gradients) - set(call.get("grad_noise", {}))):
        yield f"gradients of {name}", f"by {extra}, which the reference doesn't have"


def _check_fit(adapter, obj, case, call):
    """The optimum is compared, not the path: the loss, and where it is the same optimum the values too."""
    loss, values = adapter.fit(obj, call)
    want, wanted_values = float(call["out"][0]), call["out"][4:]
    problem = difference(loss, want, rtol=FIT_LOSS_RTOL, atol=FIT_LOSS_ATOL)
    better = np.isfinite(loss) and loss < want
    yield "loss of the fit", None if better else problem
    if problem is None:
        for path, value in zip(case["trainable_parameters"], wanted_values, strict=True):
            off = difference(values[path], value, rtol=FIT_VALUE_RTOL, atol=FIT_VALUE_ATOL)
            yield f"{path} after the fit", off


def without_num_data(summary):
    """A summary without the row of the number of VGP's data; see `_check_params`."""
    return "\n".join(line for line in summary.split("\n") if ".num_data" not in line)


def check_case(case, adapter):
    """Run one case; return what was compared as a list of ``(what, problem or None)``."""
    obj = adapter.build(case)
    results = []
    if case["group"] not in ("bijector", "function"):
        results += _check_params(adapter.params(obj), case["params"])
    for fmt, text in case.get("summary", {}).items():
        got, text = map(without_num_data, (adapter.summary(obj, fmt), text))
        results.append((f"summary {fmt}", text_difference(got, text)))
    if case["group"] == "fit":
        return results + list(_check_fit(adapter, obj, case, case["calls"][0]))
    for call, (outputs, gradients) in zip(case["calls"], adapter.evaluate(obj, case["calls"]), strict=True):
        results += _check_call(call, outputs, gradients)
    return results
