"""Hierarchies of inputs: which columns are features, and on what condition each is active."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ._inputs import ActiveDims, Slice


@dataclass(frozen=True)
class ActivityCondition:
    """The condition on which features are active: each of some columns has a certain whole value.

    Parameters
    ----------
    requirements
        From column to value, both whole numbers of zero or more; all must hold. None for features that are always active.

    Raises
    ------
    ValueError
        If a column or a value is not a whole number of zero or more.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.kernels.ActivityCondition({3: 1})
    ActivityCondition(requirements={3: 1})
    """

    requirements: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, numbers in (("columns", self.requirements), ("values", self.requirements.values())):
            for n in numbers:
                if not isinstance(n, int) or isinstance(n, bool) or n < 0:
                    raise ValueError(
                        f"ActivityCondition: expected {what} to be whole numbers of zero or more, got {n!r}"
                    )
        object.__setattr__(self, "requirements", dict(self.requirements))

    def __hash__(self) -> int:
        return hash(frozenset(self.requirements.items()))


@dataclass(frozen=True)
class HierarchyNode:
    """Features that share a condition.

    Parameters
    ----------
    name
        Its name, for messages; no other node has it.
    feature_dims
        Columns of the features, among those that the kernel reads.
    feature_bounds
        Lowest and highest value of each, [number of features, 2].
    activity_condition
        The condition on which they are active; always by default.

    Raises
    ------
    TypeError
        If the name is not text, or the condition is none.
    ValueError
        If there is no feature, one comes twice, or bounds are of the wrong shape or order.

    Examples
    --------
    >>> import gparams as gp
    >>> node = gp.kernels.HierarchyNode("momentum", [1], [[0.0, 0.99]], gp.kernels.ActivityCondition({2: 1}))
    >>> node.feature_bounds
    ((0.0, 0.99),)
    """

    name: str
    feature_dims: Sequence[int]
    feature_bounds: Any
    activity_condition: ActivityCondition = field(default_factory=ActivityCondition)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"HierarchyNode: expected a name, got {self.name!r}")
        if not isinstance(self.activity_condition, ActivityCondition):
            raise TypeError(f"node {self.name!r}: expected an ActivityCondition, got {self.activity_condition!r}")
        dims = tuple(int(d) for d in self.feature_dims)
        if not dims:
            raise ValueError(f"node {self.name!r}: expected one feature at least")
        _refuse_repeats(dims, f"node {self.name!r}")
        bounds = np.asarray(self.feature_bounds, dtype=float)
        if bounds.shape != (len(dims), 2):
            raise ValueError(
                f"node {self.name!r}: expected feature_bounds of shape [{len(dims)}, 2], lowest and highest of each "
                f"feature, got {bounds.shape}"
            )
        if not (bounds[:, 0] <= bounds[:, 1]).all():
            raise ValueError(f"node {self.name!r}: expected lower bounds below upper ones, got {bounds.tolist()}")
        # Plain tuples, so that nodes compare and hash.
        object.__setattr__(self, "feature_dims", dims)
        object.__setattr__(self, "feature_bounds", tuple((float(low), float(high)) for low, high in bounds))


class Hierarchy(NamedTuple):
    """Nodes, feature by feature."""

    nodes: tuple[HierarchyNode, ...]
    feature_dims: tuple[int, ...]
    bounds: tuple[tuple[float, float], ...]
    conditions: tuple[ActivityCondition, ...]
    indicator_dims: tuple[int, ...]

    @property
    def num_columns(self) -> int:
        """Features and indicators together."""
        return len(self.feature_dims) + len(self.indicator_dims)

    @property
    def conditional(self) -> tuple[int, ...]:
        """Numbers of the features that have a condition."""
        return tuple(i for i, c in enumerate(self.conditions) if c.requirements)

    @property
    def unconditional(self) -> tuple[int, ...]:
        """Numbers of the features that have none."""
        return tuple(i for i, c in enumerate(self.conditions) if not c.requirements)

    def normalise(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N F"]:
        """Scale the features to [0, 1] by their bounds; bounds that are equal scale nothing."""
        low, high = np.asarray(self.bounds).T
        span = np.where(high - low < 1e-12, 1.0, high - low)
        rank = (1,) * (X.ndim - 1) + (-1,)
        low, span = (jnp.asarray(b.reshape(rank), X.dtype) for b in (low, span))
        return (X[..., np.asarray(self.feature_dims)] - low) / span

    def active(self, X: Float[Array, "*B N D"]) -> Bool[Array, "*B N F"]:
        """Whether each feature is active at each row."""
        found = []
        for condition in self.conditions:
            ok = jnp.ones(X.shape[:-1], bool)
            for column, value in condition.requirements.items():
                ok = ok & (jnp.round(X[..., column]) == value)
            found.append(ok)
        return jnp.stack(found, -1)


def read_hierarchy(nodes: Iterable[HierarchyNode], active_dims: ActiveDims) -> Hierarchy:
    """Check that the nodes name each column that the kernel reads once."""
    nodes = tuple(nodes)
    if not nodes or not all(isinstance(node, HierarchyNode) for node in nodes):
        raise ValueError(f"hierarchy: expected one HierarchyNode or more, got {nodes!r}")
    names = [node.name for node in nodes]
    if len(set(names)) < len(names):
        raise ValueError(f"hierarchy: two nodes have one name, of {names}")
    features = tuple(d for node in nodes for d in node.feature_dims)
    _refuse_repeats(features, "hierarchy")
    conditions = tuple(node.activity_condition for node in nodes for _ in node.feature_dims)
    indicators = tuple(sorted({column for c in conditions for column in c.requirements}))
    if both := set(features) & set(indicators):
        raise ValueError(
            f"hierarchy: columns {sorted(both)} are features and read by conditions; a column is one or the other"
        )
    width = _width(active_dims)
    if sorted(features + indicators) != list(range(width)):
        raise ValueError(
            f"hierarchy: active_dims picks {width} columns, 0 to {width - 1} as the hierarchy counts them, and the "
            f"hierarchy names features {sorted(features)} and conditions on {list(indicators)}"
        )
    bounds = tuple(pair for node in nodes for pair in node.feature_bounds)
    return Hierarchy(nodes, features, bounds, conditions, indicators)


def _width(active_dims: ActiveDims) -> int:
    """How many columns are picked, which must be known without an input."""
    if isinstance(active_dims, Slice) and active_dims.stop is not None and active_dims.stop >= 0:
        return len(range(active_dims.start or 0, active_dims.stop, active_dims.step or 1))
    if active_dims is None or isinstance(active_dims, Slice):
        raise ValueError(f"active_dims: expected a list of columns, or a slice with a stop, got {active_dims}")
    return len(active_dims)


def _refuse_repeats(columns: Sequence[int], who: str) -> None:
    if min(columns) < 0 or len(set(columns)) < len(columns):
        raise ValueError(f"{who}: expected feature_dims of zero or more, each once, got {list(columns)}")
