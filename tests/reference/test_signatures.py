"""Constructors of kernels and mean functions take what GPflow's take: names, order and defaults."""

import inspect
import json
from pathlib import Path

import pytest

import gparams as gp

REFERENCE = json.loads(Path(__file__).with_name("signatures.json").read_text())["signatures"]
# Abstract ones have no constructor here, and RBF is SquaredExponential's name in GPflow's spelling.
BASES = {
    "AnisotropicStationary", "Combination", "HierarchicalEmbeddingKernel", "IndependentLatent", "IsotropicStationary",
    "Kernel", "MeanFunction", "MultioutputKernel", "Static", "Stationary",
}  # fmt: skip
ALIASES = {"RBF": "SquaredExponential", "Bias": "Constant"}
CASES = [(room, name) for room, classes in REFERENCE.items() for name in classes if name not in BASES]


@pytest.mark.parametrize(("room", "name"), CASES)
def test_a_constructor_takes_what_gpflows_takes(room, name):
    """Besides the name, which nothing has here; and `active_dims` stands where GPflow has ``**kwargs``."""
    theirs = REFERENCE[room][name]
    extra = [["active_dims", "POSITIONAL_OR_KEYWORD", "None"]] if any(a[0] == "kwargs" for a in theirs) else []
    expected = [a for a in theirs if a[0] not in ("name", "kwargs")] + extra
    found = list(inspect.signature(getattr(getattr(gp, room), ALIASES.get(name, name))).parameters.values())
    ours = [[p.name, p.kind.name, None if p.default is p.empty else repr(p.default)] for p in found]
    assert ours[: len(expected)] == expected
    assert all(kind == "KEYWORD_ONLY" for _, kind, _ in ours[len(expected) :])
