"""Kernels of labels: a matrix of covariances between them, or places for them in a latent space."""

import warnings
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..maths import read_count
from ..parameters import Parameter, as_parameter, positive, read_key, set_trainable
from ._base import Kernel, Product, read_kernel
from ._inputs import ActiveDims, one_hot, read_active_dims
from ._stationary import IsotropicStationary


@final
class Coregion(Kernel):
    r"""A kernel of labels: covariances between the outputs of a coregionalization model.

    .. math:: k(x, x') = B_{x x'}, \qquad B = W W^\top + \mathrm{diag}(\kappa)

    The inputs are labels 0, 1, ... stored as floats in one column of X, which is chosen by `active_dims`; times a kernel
    of the other columns it makes a model of several outputs out of one of a single output.

    W starts at 0.1 and kappa at 1. At W = 0 there is a saddle point, as W and -W are alike; `gp.assign` a random W
    where the start matters.

    Parameters
    ----------
    output_dim
        The number of labels.
    rank
        The number of columns of W: how many common causes the outputs have.
    active_dims
        The column of X that holds the labels, as a list or a slice of one column.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is below 1; and, when called, if X has several columns, or a label is not whole or out of range (under
        jit, where labels can't be looked at, the covariances of such a row are NaN).

    References
    ----------
    Bonilla, Chai & Williams (2008), *Multi-task Gaussian Process Prediction*, eq. 1. Álvarez, Rosasco & Lawrence (2012),
    *Kernels for Vector-Valued Functions: A Review*, section 4.2.1.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.Matern32(active_dims=[0]) * gp.kernels.Coregion(output_dim=2, rank=1, active_dims=[1])
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0]])  # one place, two outputs
    >>> print(k(X).round(3))
    [[1.01 0.01]
     [0.01 1.01]]
    """

    W: Parameter
    kappa: Parameter
    output_dim: int = eqx.field(static=True)
    rank: int = eqx.field(static=True)
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, output_dim: int, rank: int, *, active_dims: Any = None):
        self.output_dim = read_count(output_dim, "Coregion.output_dim")
        self.rank = read_count(rank, "Coregion.rank")
        self.W = Parameter(jnp.full((self.output_dim, self.rank), 0.1))
        self.kappa = Parameter(jnp.ones(self.output_dim), transform=positive())
        self.active_dims = read_active_dims(active_dims)

    def output_covariance(self) -> Float[Array, "P P"]:
        """B, the covariances between the outputs."""
        W, kappa = self.W.value, self.kappa.value
        return jnp.matmul(W, W.T, precision="highest") + jnp.diag(kappa)

    def output_variance(self) -> Float[Array, " P"]:
        """The diagonal of B."""
        W, kappa = self.W.value, self.kappa.value
        return jnp.sum(W * W, -1) + kappa

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        # As products with rows of the identity: the values are those of indexing, and the gradient is a product too.
        B, H = self.output_covariance(), self._one_hot(X)
        HB = jnp.matmul(H, B, precision="highest")
        if X2 is None:
            return jnp.matmul(HB, jnp.swapaxes(H, -1, -2), precision="highest")
        return jnp.tensordot(HB, self._one_hot(X2), axes=((-1,), (-1,)), precision="highest")

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        return jnp.matmul(self._one_hot(X), self.output_variance(), precision="highest")

    def _one_hot(self, X: Array) -> Array:
        if X.shape[-1] != 1:
            raise ValueError(
                f"Coregion reads one column of labels, and X has {X.shape[-1]}; choose it by active_dims, as in "
                f"active_dims=[{X.shape[-1] - 1}]"
            )
        return one_hot(X[..., 0], self.output_dim, "Coregion", self.W.dtype)


@final
class Categorical(Kernel):
    r"""A kernel of inputs of which the last column is a label: each label gets a place in a latent space of one dimension.

    .. math:: k(x, x') = k_1(\tilde x, \tilde x')\, k_2(\tilde x, \tilde x'), \qquad
              \tilde x = (x_1, \dots, x_{D-1}, Z_{x_D})

    The places are :math:`Z_0 = 0` and :math:`Z_i = Z_{i-1} + \Delta_i`, and train by their differences, `_Z_deltas`. The
    two kernels are the factors of `wrapped_kernel`; the second is frozen, as its lengthscale is the unit of the latent
    space.

    Parameters
    ----------
    non_categorical_kernel
        :math:`k_1`, a kernel of one output.
    categorical_kernel
        :math:`k_2`, an isotropic stationary kernel; frozen here.
    num_labels
        The number of labels.
    active_dims
        Columns of X that it reads, of which the last holds the labels, 0, 1, ... stored as floats. All by default.
    sliced
        Whether the two kernels read the `active_dims` columns of :math:`\tilde x` of their own, as GPflow's documentation
        has it. False is what GPflow 2.11 computes: both read all columns.
    key
        Random key of the first differences, drawn from :math:`10 \ell\, U(0, 1)`; ``jax.random.key(0)`` by default.

    Raises
    ------
    TypeError
        If the kernels are none or have several outputs, or the second is not isotropic stationary.
    ValueError
        If there is no label; and, when called, if a label is not whole or out of range (under jit, where labels
        can't be looked at, the covariances of such a row are NaN).

    Warns
    -----
    UserWarning
        If one of the kernels has `active_dims` that are not used.

    References
    ----------
    GPflow 2.11, ``kernels.categorical.Categorical``. Zhang, Tao, Chen & Apley (2020), *A Latent Variable Approach to
    Gaussian Process Modeling with Qualitative and Quantitative Factors*, section 3.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.Categorical(
    ...     gp.kernels.SquaredExponential(active_dims=[0]),
    ...     gp.kernels.SquaredExponential(active_dims=[1]),
    ...     num_labels=3,
    ...     sliced=True,
    ... )
    >>> k = gp.assign(k.at._Z_deltas, [[1.0], [0.0]])  # label 1 lies apart, 1 and 2 are alike
    >>> print(k(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])).round(3))
    [[1.    0.607 0.607]
     [0.607 1.    1.   ]
     [0.607 1.    1.   ]]
    """

    wrapped_kernel: Product
    _Z_deltas: Parameter
    num_labels: int = eqx.field(static=True)
    sliced: bool = eqx.field(static=True)
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(
        self,
        non_categorical_kernel: Kernel,
        categorical_kernel: IsotropicStationary,
        num_labels: int,
        *,
        active_dims: Any = None,
        sliced: bool = False,
        key: Any = None,
    ):
        read_kernel(non_categorical_kernel, "Categorical")
        if not isinstance(categorical_kernel, IsotropicStationary):
            raise TypeError(
                "Categorical: expected the kernel of the labels to be of distance alone, such as SquaredExponential, got "
                f"{type(categorical_kernel).__name__}"
            )
        unused = [k for k in (non_categorical_kernel, categorical_kernel) if k.active_dims is not None]
        if unused and not sliced:
            warnings.warn(
                "Categorical: the active_dims of the two kernels are not used, and both read all columns (what GPflow 2.11 "
                "computes). With sliced=True they are; leave active_dims out to keep the values and be rid of this warning",
                stacklevel=2,
            )
        self.num_labels = read_count(num_labels, "Categorical.num_labels")
        self.wrapped_kernel = Product([non_categorical_kernel, set_trainable(categorical_kernel, False)])
        ell = categorical_kernel.lengthscales.value
        draws = jax.random.uniform(
            jax.random.key(0) if key is None else read_key(key, "Categorical"), (self.num_labels - 1, 1), ell.dtype
        )
        self._Z_deltas = as_parameter(draws * ell.reshape(1, -1) * 10.0)
        self.sliced = bool(sliced)
        self.active_dims = read_active_dims(active_dims)

    @property
    def Z(self) -> Float[Array, "num_labels 1"]:
        """Places of the labels in the latent space, that of label 0 at the origin."""
        steps = self._Z_deltas.value
        return jnp.concatenate([jnp.zeros_like(steps, shape=(1, 1)), jnp.cumsum(steps, 0)])

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        A, B = self._place(X), None if X2 is None else self._place(X2)
        first, *others = self.wrapped_kernel.kernels
        total = first(A, B, presliced=not self.sliced)
        for k in others:
            total = total * k(A, B, presliced=not self.sliced)
        return total

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        A = self._place(X)
        first, *others = self.wrapped_kernel.kernels
        total = first(A, full_cov=False, presliced=not self.sliced)
        for k in others:
            total = total * k(A, full_cov=False, presliced=not self.sliced)
        return total

    def _place(self, X: Array) -> Array:
        """X with places in the latent space for labels."""
        Z = self.Z
        H = one_hot(X[..., -1], self.num_labels, "Categorical", Z.dtype)
        return jnp.concatenate([X[..., :-1], jnp.matmul(H, Z, precision="highest").astype(X.dtype)], -1)
