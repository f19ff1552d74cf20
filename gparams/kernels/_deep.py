"""DeepKernel: a network in front of a kernel."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..parameters import values
from ._base import Kernel, read_kernel
from ._inputs import ActiveDims, read_active_dims
from ._networks import as_misfit, of_each_row, read_network


@final
class DeepKernel(Kernel):
    r"""A kernel of the features that a network makes of the inputs, :math:`k(x, x') = k_0(\phi(x), \phi(x'))`.

    The network trains with the kernel, by its Parameters. One that has none, such as a plain `eqx.nn.MLP`, is taken through
    `gparams.parametrize`, so that all its weights train; to choose, parametrise it beforehand, and freeze what shall stay.

    Parameters
    ----------
    base_kernel
        :math:`k_0`, a kernel of one output. Its `active_dims` are columns of the features.
    network
        :math:`\phi`: any module or function from one input [D] to one vector of features [Q]. It is mapped over the rows,
        and is given bare: inside a function, such as ``jax.vmap(net)``, its arrays would not be found.
    active_dims
        Columns of X that the network reads: a list or a slice. All by default.

    Raises
    ------
    TypeError
        If the base kernel is none or has several outputs, or the network is not callable, or a function that keeps a
        network with something to train.
    ValueError
        When called, if the network does not take one input of so many numbers, or does not give a vector.

    References
    ----------
    Wilson, Hu, Salakhutdinov & Xing (2016), *Deep Kernel Learning*, eq. 5.

    Examples
    --------
    >>> import equinox as eqx
    >>> import gparams as gp
    >>> import jax
    >>> import numpy as np
    >>> mlp = eqx.nn.MLP(in_size=3, out_size=2, width_size=8, depth=1, key=jax.random.key(0))
    >>> k = gp.kernels.DeepKernel(gp.kernels.SquaredExponential(), mlp)
    >>> k(np.zeros((5, 3))).shape
    (5, 5)
    >>> list(gp.parameter_dict(k))[:3]
    ['base_kernel.variance', 'base_kernel.lengthscales', 'network.layers[0].weight']
    """

    base_kernel: Kernel
    network: Callable[..., Any]
    active_dims: ActiveDims = eqx.field(static=True)

    def __init__(self, base_kernel: Kernel, network: Callable[..., Any], active_dims: Any = None):
        self.base_kernel = read_kernel(base_kernel, "DeepKernel")
        self.network = read_network(network, "DeepKernel")
        self.active_dims = read_active_dims(active_dims)

    def features(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N Q"]:
        """What the network makes of the rows of X."""
        with as_misfit(self.network, X, "DeepKernel"):
            phi = of_each_row(values(self.network), X)
        if not isinstance(phi, jax.Array) or phi.ndim != 2:
            raise ValueError(
                f"DeepKernel: expected the network to give a vector for one input of {X.shape[-1]} numbers, got "
                f"{jnp.shape(phi)[1:] if isinstance(phi, jax.Array) else type(phi).__name__}"
            )
        return phi.reshape(*X.shape[:-1], -1)

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        return self.base_kernel(self.features(X), None if X2 is None else self.features(X2))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        return self.base_kernel(self.features(X), full_cov=False)
