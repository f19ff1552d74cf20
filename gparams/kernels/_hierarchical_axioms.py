"""Whether a kernel treats conditional inputs as such: three axioms, looked at through its values alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..maths import read_count
from ._base import Kernel
from ._hierarchy import HierarchyNode

_CLAIMS = {
    1: "k(x, x) = k(x, x') where both are not active, and differ in the feature alone",
    2: "k is stationary in the feature where both points are active",
    3: "k(active, not active) < k(active, active) where nothing else differs",
}


@dataclass(frozen=True)
class AxiomCheck:
    """How one feature fared with one axiom.

    Parameters
    ----------
    node_name
        The node of the feature.
    feature_dim
        Its column, as the hierarchy counts.
    axiom
        1, 2 or 3.
    passed
        Whether it held at all samples.
    max_violation
        The largest violation: a difference of two covariances, zero or more.
    detail
        What the axiom says.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.kernels.AxiomCheck("leaf", 1, 3, True, 0.0, "").passed
    True
    """

    node_name: str
    feature_dim: int
    axiom: int
    passed: bool
    max_violation: float
    detail: str


@dataclass(frozen=True)
class AxiomReport:
    """All checks of a kernel; as text, a line for each.

    Parameters
    ----------
    checks
        Three for each conditional feature.

    Examples
    --------
    >>> import gparams as gp
    >>> print(gp.kernels.AxiomReport(()))
    PASS: no conditional features
    """

    checks: tuple[AxiomCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether all passed."""
        return all(check.passed for check in self.checks)

    def for_axiom(self, n: int) -> tuple[AxiomCheck, ...]:
        """The checks of one axiom."""
        return tuple(check for check in self.checks if check.axiom == n)

    def __str__(self) -> str:
        if not self.checks:
            return "PASS: no conditional features"
        lines = [_verdict(self.passed)]
        for c in self.checks:
            lines.append(
                f"{_verdict(c.passed)} axiom {c.axiom}, node {c.node_name!r}, column {c.feature_dim}, "
                f"off by {c.max_violation:.3e}: {c.detail}"
            )
        return "\n".join(lines)


def _verdict(passed: bool) -> str:
    return "PASS" if passed else "FAIL"


def validate_hierarchical_axioms(
    kernel: Kernel,
    hierarchy: Sequence[HierarchyNode],
    *,
    n_samples: int = 8,
    input_dim: int | None = None,
    active_dims: Any = None,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    seed: int = 0,
) -> AxiomReport:
    """Check by samples that a kernel, of whatever make, treats the features of a hierarchy as conditional.

    1. Where a feature is active at neither of two points, its values make no difference.
    2. Where it is active at both, only the difference of its values does.
    3. A point where it is active is less like one where it isn't than like itself.

    Parameters
    ----------
    kernel
        Any kernel of one output: sums and products of hierarchical kernels, too.
    hierarchy
        The nodes.
    n_samples
        Points drawn for each check.
    input_dim
        The number of columns of an input; by default the fewest that will do.
    active_dims
        The columns of an input that the hierarchy counts, a list or a slice; all by default.
    atol, rtol
        Covariances are equal within these.
    seed
        Of NumPy's generator, which draws the points.

    Returns
    -------
    The report; nothing is raised where an axiom fails.

    Raises
    ------
    ValueError
        If the columns of the hierarchy are not among those given.

    References
    ----------
    GPflow 2.11, ``kernels.validate_hierarchical_axioms``. Swersky et al. (2014), section 2.

    Examples
    --------
    >>> import gparams as gp
    >>> nodes = [gp.kernels.HierarchyNode("leaf", [0], [[0.0, 1.0]], gp.kernels.ActivityCondition({1: 1}))]
    >>> kernel = gp.kernels.ArcHierarchical(nodes, active_dims=[0, 1])
    >>> gp.kernels.validate_hierarchical_axioms(kernel, nodes).passed
    True
    >>> gp.kernels.validate_hierarchical_axioms(gp.kernels.Matern52(), nodes).passed
    False
    """
    S, rng = read_count(n_samples, "validate_hierarchical_axioms: n_samples"), np.random.default_rng(seed)
    columns, width = _columns(hierarchy, active_dims, input_dim)
    bounds = {d: b for node in hierarchy for d, b in zip(node.feature_dims, node.feature_bounds, strict=True)}

    def background() -> np.ndarray:
        X = np.zeros((S, width))
        for d, (low, high) in bounds.items():
            X[:, columns[d]] = rng.uniform(low, high, S)
        return X

    def pairs(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        return np.diagonal(np.asarray(kernel(A, B)))

    checks = []
    for node in hierarchy:
        wanted = {columns[c]: value for c, value in node.activity_condition.requirements.items()}
        for d in node.feature_dims if wanted else ():
            found = _violations(pairs, background, wanted, columns[d], bounds[d], rng)
            for axiom, (off, scale) in found.items():
                # Of the third axiom, `off` is by how much it holds, below zero, or fails.
                tolerance = atol + rtol * np.abs(scale)
                fails = off > tolerance if axiom < 3 else off >= -tolerance
                worst = off if axiom < 3 else off + tolerance
                violation = max(0.0, float(np.max(worst)))
                checks.append(AxiomCheck(node.name, d, axiom, not bool(fails.any()), violation, _CLAIMS[axiom]))
    return AxiomReport(tuple(checks))


def _violations(pairs: Any, background: Any, wanted: dict, column: int, bounds: tuple[float, float], rng: Any) -> dict:
    """By how much each axiom is off at each sample, and the size of what was compared."""
    (low, high), num = bounds, len(background())

    def points(active: bool, values: np.ndarray, X: np.ndarray) -> np.ndarray:
        X = X.copy()
        X[:, list(wanted)] = list(wanted.values())
        if not active:
            X[:, next(iter(wanted))] += 1  # one requirement fails
        X[:, column] = values
        return X

    def draw(share: float = 1.0) -> np.ndarray:
        return rng.uniform(low, low + share * (high - low), num)

    X = background()
    a, b = points(False, draw(), X), points(False, draw(), X)
    same, across = pairs(a, a), pairs(a, b)
    X, v, w, shift = background(), draw(0.5), draw(0.5), 0.5 * (high - low)
    here = pairs(points(True, v, X), points(True, w, X))
    shifted = pairs(points(True, v + shift, X), points(True, w + shift, X))
    X, v = background(), draw()
    on, off = points(True, v, X), points(False, v, X)
    itself = pairs(on, on)
    return {
        1: (np.abs(same - across), same),
        2: (np.abs(here - shifted), np.maximum(np.abs(here), np.abs(shifted))),
        3: (pairs(on, off) - itself, itself),
    }


def _columns(hierarchy: Sequence[HierarchyNode], active_dims: Any, input_dim: int | None) -> tuple[list[int], int]:
    """Columns of an input by the hierarchy's count, and how many an input has."""
    named = [d for node in hierarchy for d in (*node.feature_dims, *node.activity_condition.requirements)]
    needed = max(named) + 1
    if isinstance(active_dims, slice):
        stop = active_dims.stop if input_dim is None else input_dim
        if stop is None:
            raise ValueError(f"active_dims: {active_dims} is open-ended; give input_dim")
        columns, width = list(range(stop))[active_dims], stop
    elif active_dims is None:
        width = needed if input_dim is None else input_dim
        columns = list(range(width))
    else:
        columns = [int(d) for d in active_dims]
        width = max(columns) + 1 if input_dim is None else input_dim
    if len(columns) < needed or max(columns) >= width:
        raise ValueError(
            f"active_dims: {active_dims} picks {len(columns)} columns of {width}, and the hierarchy needs {needed}"
        )
    return columns, width
