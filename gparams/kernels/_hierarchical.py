"""Kernels of conditional inputs: columns that mean something only where other columns have certain values."""

import abc
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..parameters import Parameter, as_parameter, assign, bounded, positive, set_trainable
from ._base import Kernel
from ._cosine import Cosine
from ._hierarchy import Hierarchy, HierarchyNode, read_hierarchy
from ._inputs import ActiveDims, read_active_dims
from ._stationary import IsotropicStationary, Matern52, per_column


class HierarchicalEmbeddingKernel(Kernel):
    r"""A stationary kernel of inputs some of whose columns are conditional: active at some points, and void at others.

    Each feature is scaled by its bounds to [0, 1]. An unconditional one is divided by its lengthscale; a conditional one
    is placed in a plane of its own, at the origin where it is not active. The base kernel, with lengthscales of one, reads
    the embedded points. Subclasses write the place in the plane as `embed_conditional`.

    References
    ----------
    Swersky, Duvenaud, Snoek, Hutter & Osborne (2014), *Raiders of the Lost Architecture: Kernels for Bayesian Optimization
    in Conditional Parameter Spaces*. Horn, Stork, Schüßler & Zaefferer (2019), *Surrogates for Hierarchical Search Spaces*.

    Examples
    --------
    >>> import gparams as gp
    >>> issubclass(gp.kernels.ArcHierarchical, gp.kernels.HierarchicalEmbeddingKernel)
    True
    """

    uncond_lengthscales: eqx.AbstractVar[Parameter | None]
    base_kernel: eqx.AbstractVar[IsotropicStationary | Cosine]
    layout: eqx.AbstractVar[Hierarchy]

    @abc.abstractmethod
    def embed_conditional(self, v: Float[Array, "*B N C"], m: Float[Array, "*B N C"]) -> Float[Array, "*B N E"]:
        """Places in their planes of features of values v, in [0, 1]; m is one where they are active, and else zero."""

    @property
    def hierarchy(self) -> tuple[HierarchyNode, ...]:
        """The nodes."""
        return self.layout.nodes

    @property
    def indicator_dims(self) -> tuple[int, ...]:
        """Columns that conditions read, among the active ones, in order."""
        return self.layout.indicator_dims

    @property
    def n_cond_dims(self) -> int:
        """The number of conditional features."""
        return len(self.layout.conditional)

    @property
    def n_uncond_dims(self) -> int:
        """The number of unconditional features."""
        return len(self.layout.unconditional)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        return self.base_kernel.K(self.embed(X), None if X2 is None else self.embed(X2))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        return self.base_kernel.K_diag(self.embed(X))

    def embed(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N E"]:
        """Embedded points: the unconditional features, then the two coordinates of the conditional ones."""
        layout = self.layout
        if X.shape[-1] != layout.num_columns:
            raise ValueError(
                f"{type(self).__name__}: its hierarchy has {layout.num_columns} columns, and X has {X.shape[-1]}"
            )
        v, parts = layout.normalise(X), []
        if self.uncond_lengthscales is not None:
            ell = self.uncond_lengthscales.value
            parts.append(v[..., np.asarray(layout.unconditional)] / per_column(ell, X))
        if layout.conditional:
            cond = np.asarray(layout.conditional)
            m = layout.active(X)[..., cond].astype(v.dtype)
            parts.append(self.embed_conditional(v[..., cond], m))
        return jnp.concatenate(parts, -1)


@final
class ArcHierarchical(HierarchicalEmbeddingKernel):
    r"""The Arc kernel: active values lie on an arc, and all that is not active at its centre.

    A conditional feature of value :math:`v \in [0, 1]` is placed at

    .. math:: (r \sin(\pi a v),\; r \cos(\pi a v))

    where it is active, and at the origin elsewhere. Each has an `angle` a, which starts at 0.5 and stays between 0.1 and
    0.9, and a `radius` :math:`r > 0`, which starts at 1; each unconditional feature has one of the `uncond_lengthscales`.
    All train, and are pure numbers, as scaled features are.

    Parameters
    ----------
    hierarchy
        Nodes: which columns are features, their bounds, and the conditions on which they are active.
    base_kernel
        A stationary kernel of embedded points; Matern52 by default. Its lengthscales become one, and frozen; if there is
        one for each embedded dimension, the first of them are where `uncond_lengthscales` start.
    active_dims
        Columns of X that it reads: a list, or a slice with a stop. The columns of the nodes are counted among these.

    Raises
    ------
    TypeError
        If the base kernel is not stationary.
    ValueError
        If the hierarchy is empty, names columns or nodes twice, or does not match the active columns.

    References
    ----------
    Swersky et al. (2014), *Raiders of the Lost Architecture*, eq. 3.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> root = gp.kernels.HierarchyNode("learning rate", [0], [[0.0, 1.0]])
    >>> depth_2 = gp.kernels.ActivityCondition({2: 1})  # column 2 says whether there is a second layer
    >>> width = gp.kernels.HierarchyNode("width of layer 2", [1], [[0.0, 100.0]], depth_2)
    >>> k = gp.kernels.ArcHierarchical([root, width], active_dims=[0, 1, 2])
    >>> no_layer = np.array([[0.5, 30.0, 0.0], [0.5, 80.0, 0.0]])
    >>> print(k(no_layer))  # without the layer, its width makes no difference
    [[1. 1.]
     [1. 1.]]
    """

    uncond_lengthscales: Parameter | None
    base_kernel: IsotropicStationary | Cosine
    angle: Parameter | None
    radius: Parameter | None
    layout: Hierarchy = eqx.field(static=True)
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, hierarchy: Any, base_kernel: IsotropicStationary | Cosine | None = None, *, active_dims: Any):
        self.active_dims = read_active_dims(active_dims)
        self.layout = read_hierarchy(hierarchy, self.active_dims)
        self.uncond_lengthscales, self.base_kernel = _read_base(base_kernel, self.layout)
        C = len(self.layout.conditional)
        self.angle = as_parameter(jnp.full(C, 0.5), transform=bounded(0.1, 0.9)) if C else None
        self.radius = as_parameter(jnp.ones(C), transform=positive()) if C else None

    def embed_conditional(self, v: Float[Array, "*B N C"], m: Float[Array, "*B N C"]) -> Float[Array, "*B N E"]:
        """Sines of all conditional features, then cosines."""
        a, r = _values(v, self.angle, self.radius)
        return jnp.concatenate([r * jnp.sin(np.pi * a * v) * m, r * jnp.cos(np.pi * a * v) * m], -1)


@final
class WedgeHierarchical(HierarchicalEmbeddingKernel):
    r"""The Wedge kernel: active values lie on a line that comes out of the place of all that is not active.

    A conditional feature of value :math:`v \in [0, 1]` is placed at

    .. math:: (\theta_1 v + \theta_2 v \cos\rho,\; \theta_2 v \sin\rho)

    where it is active, and at the origin elsewhere. Each has `theta1`, :math:`\theta_1 > 0`, and `theta2`,
    :math:`\theta_2 > 0`, which start at 1, and `rho`, :math:`\rho` between 0 and :math:`\pi`, which starts at
    :math:`\pi / 2`; each unconditional feature has one of the `uncond_lengthscales`. All train, and are pure numbers, as
    scaled features are.

    Parameters
    ----------
    hierarchy
        Nodes: which columns are features, their bounds, and the conditions on which they are active.
    base_kernel
        A stationary kernel of embedded points; Matern52 by default. Its lengthscales become one, and frozen; if there is
        one for each embedded dimension, the first of them are where `uncond_lengthscales` start.
    active_dims
        Columns of X that it reads: a list, or a slice with a stop. The columns of the nodes are counted among these.

    Raises
    ------
    TypeError
        If the base kernel is not stationary.
    ValueError
        If the hierarchy is empty, names columns or nodes twice, or does not match the active columns.

    References
    ----------
    Horn et al. (2019), *Surrogates for Hierarchical Search Spaces: The Wedge-Kernel and an Automated Analysis*, section 3.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> node = gp.kernels.HierarchyNode("width", [0], [[0.0, 10.0]], gp.kernels.ActivityCondition({1: 1}))
    >>> k = gp.kernels.WedgeHierarchical([node], gp.kernels.SquaredExponential(), active_dims=[0, 1])
    >>> print(k(np.array([[1.0, 1.0], [10.0, 1.0], [5.0, 0.0]])).round(3))
    [[1.    0.445 0.99 ]
     [0.445 1.    0.368]
     [0.99  0.368 1.   ]]
    """

    uncond_lengthscales: Parameter | None
    base_kernel: IsotropicStationary | Cosine
    theta1: Parameter | None
    theta2: Parameter | None
    rho: Parameter | None
    layout: Hierarchy = eqx.field(static=True)
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, hierarchy: Any, base_kernel: IsotropicStationary | Cosine | None = None, *, active_dims: Any):
        self.active_dims = read_active_dims(active_dims)
        self.layout = read_hierarchy(hierarchy, self.active_dims)
        self.uncond_lengthscales, self.base_kernel = _read_base(base_kernel, self.layout)
        C = len(self.layout.conditional)
        self.theta1 = as_parameter(jnp.ones(C), transform=positive()) if C else None
        self.theta2 = as_parameter(jnp.ones(C), transform=positive()) if C else None
        # At an angle of zero the wedge is a line.
        self.rho = as_parameter(jnp.full(C, np.pi / 2), transform=bounded(1e-6, np.pi)) if C else None

    def embed_conditional(self, v: Float[Array, "*B N C"], m: Float[Array, "*B N C"]) -> Float[Array, "*B N E"]:
        """First coordinates of all conditional features, then second ones."""
        theta1, theta2, rho = _values(v, self.theta1, self.theta2, self.rho)
        along = (theta1 * v + theta2 * v * jnp.cos(rho)) * m
        return jnp.concatenate([along, theta2 * v * jnp.sin(rho) * m], -1)


def _values(v: Array, *parameters: Parameter | None) -> list[Array]:
    """Values of parameters of the conditional features, with the rank of v."""
    return [per_column(p.value, v) for p in parameters if p is not None]


def _read_base(
    base: IsotropicStationary | Cosine | None, layout: Hierarchy
) -> tuple[Parameter | None, IsotropicStationary | Cosine]:
    """Take the lengthscales of unconditional features out of the base kernel, whose own become one."""
    base = Matern52() if base is None else base
    if not isinstance(base, IsotropicStationary | Cosine):
        raise TypeError(f"hierarchical kernels: expected a stationary base kernel, got {type(base).__name__}")
    U, E = len(layout.unconditional), len(layout.unconditional) + 2 * len(layout.conditional)
    ell = base.lengthscales.value
    if ell.shape not in ((), (E,)):
        raise ValueError(
            f"hierarchical kernels: expected a base kernel of one lengthscale or {E}, one for each embedded dimension (one "
            f"an unconditional feature, two a conditional one), got shape {ell.shape}"
        )
    start = ell[:U] if ell.ndim else jnp.ones(U, ell.dtype)
    unit: Any = assign(base.at.lengthscales, jnp.ones_like(ell))
    return as_parameter(start, transform=positive()) if U else None, set_trainable(unit.at.lengthscales, False)
