"""The comparison itself: the reference agrees with itself, and a value that is a little off doesn't pass."""

import copy
from pathlib import Path

import numpy as np
import pytest

from .compare import check_case, difference, text_difference
from .oracle_format import dump, load

FILES = [Path(__file__).with_name(name) for name in ("gpflow_cases.npz", "extra_cases.npz")]
CASES = {case["id"]: case for file in FILES for case in load(file)["cases"]}
MODEL = "model/GPR/SquaredExponential"
FIT = "fit/GPR/SE"


class Replay:
    """Answers with the stored values of a case."""

    def __init__(self, case):
        self.case = case

    def build(self, case):
        return None

    def params(self, obj):
        return self.case["params"]

    def summary(self, obj, fmt):
        return self.case["summary"][fmt]

    def evaluate(self, obj, calls):
        tables = {"u": "grad_u", "c": "grad_c", "a": "grad_args"}
        return [
            (call["out"], {key: call[tables[key[0]]][key[2:]] for key in call.get("grad_noise", {})})
            for call in self.case["calls"]
        ]

    def fit(self, obj, call):
        out = self.case["calls"][0]["out"]
        return float(out[0]), dict(zip(self.case["trainable_parameters"], out[4:], strict=True))


def problems(case, given):
    return [what for what, problem in check_case(case, Replay(given)) if problem is not None]


@pytest.mark.parametrize("name", CASES)
def test_reference_agrees_with_itself(name):
    assert check_case(CASES[name], Replay(CASES[name]))
    assert problems(CASES[name], CASES[name]) == []


def changed(name, edit):
    given = copy.deepcopy(CASES[name])
    edit(given)
    return problems(CASES[name], given)


def calls(case):
    return {call["name"]: call for call in case["calls"]}


def test_output_that_is_off_is_seen():
    def edit(case):
        mean = calls(case)["predict_y"]["out"][0]
        mean[2, 0] += 1e-8 * np.abs(mean).max()

    assert changed(MODEL, edit) == ["predict_y[0]"]


@pytest.mark.parametrize(("table", "kind"), [("grad_u", "u"), ("grad_c", "c")])
def test_gradient_that_is_off_is_seen(table, kind):
    def edit(case):
        gradient = calls(case)["training_loss"][table][".kernel.lengthscales"]
        gradient[1] *= 1.0 + 1e-6

    assert changed(MODEL, edit) == [f"gradient of training_loss by {kind}:.kernel.lengthscales"]


def test_missing_gradient_is_seen():
    def edit(case):
        del calls(case)["training_loss"]["grad_noise"]["u:.kernel.variance"]

    assert changed(MODEL, edit) == ["gradient of training_loss by u:.kernel.variance"]


def test_gradient_of_a_frozen_parameter_is_seen():
    def edit(case):
        call = calls(case)["training_loss"]
        call["grad_noise"]["u:.frozen"], call["grad_u"][".frozen"] = 0.0, 0.0

    assert changed(MODEL, edit) == ["gradients of training_loss"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_output_is_seen(bad):
    def edit(case):
        calls(case)["predict_f,fc=True,foc=False"]["out"][1][0, 0, 0] = bad

    assert changed(MODEL, edit) == ["predict_f,fc=True,foc=False[1]"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("transform", "Exp"), ("prior", "Gamma"), ("trainable", False), ("dtype", "float32"), ("shape", [1]),
     ("value", np.array(1.2000001)), ("unconstrained", np.array(0.8416177))],
)  # fmt: skip
def test_parameter_that_is_off_is_seen(field, wrong):
    def edit(case):
        case["params"][".kernel.variance"][field] = wrong

    assert changed(MODEL, edit) == [f".kernel.variance {field}"]


def test_order_of_the_paths_is_seen():
    def edit(case):
        case["params"] = dict(reversed(case["params"].items()))

    assert changed(MODEL, edit) == ["paths and their order"]


def test_fit_that_stops_early_is_seen_and_a_better_one_passes():
    def move(by):
        def edit(case):
            case["calls"][0]["out"][0] += by

        return edit

    assert changed(FIT, move(1e-4)) == ["loss of the fit"]
    assert changed(FIT, move(-1e-4)) == []


def test_fit_to_other_values_is_seen():
    def edit(case):
        case["calls"][0]["out"][5] *= 1.01

    assert changed(FIT, edit) == [".kernel.variance after the fit"]


def test_difference_scales_with_the_largest_value_and_the_noise():
    assert difference([1e6, 1e-4], [1e6, 0.0]) is None
    assert difference([1.0, 1e-4], [1.0, 0.0]) is not None
    assert difference([1.0, 1e-4], [1.0, 0.0], noise=1e-5) is None
    assert difference([[1.0]], [1.0]) is not None
    assert difference([np.inf, 1.0], [np.inf, 1.0]) is None
    assert difference([-np.inf, 1.0], [np.inf, 1.0]) is not None


def test_summaries_may_differ_in_the_last_digit_of_a_long_float_alone():
    narrow = "name  value\n----  -----\nv     0.1\n"
    wide = "name  value\n----  -------------------\nv     0.10000000000000002\n"
    assert text_difference(narrow, wide) is None
    assert text_difference(narrow, narrow.replace("0.1", "0.2")) is not None
    assert text_difference(narrow, narrow.replace("0.1", "0.10")) is not None
    assert text_difference(narrow, narrow.replace("name", "nom ")) is not None
    assert text_difference(narrow, narrow.replace("v     ", "v      ")) is not None
    assert text_difference(wide, wide.replace("00000002", "00100002")) is not None


def test_document_survives_a_round_trip(tmp_path):
    case = {
        "x": np.arange(6.0).reshape(2, 3) / 7.0,
        "n": np.arange(3),
        "flag": np.array([True, False]),
        "scalar": np.array(1e-300),
        "inf": [np.inf, -np.inf],
        "empty": np.zeros((0, 2)),
    }
    document = {"meta": {"a": 1, "b": [True, None, "text"]}, "cases": [case]}
    dump(document, tmp_path / "file.npz")
    back = load(tmp_path / "file.npz")
    assert back["meta"] == document["meta"]
    assert list(back["cases"][0]) == list(document["cases"][0])
    for key, value in document["cases"][0].items():
        np.testing.assert_array_equal(back["cases"][0][key], value)
        assert getattr(back["cases"][0][key], "dtype", None) == getattr(value, "dtype", None)
