"""Where inducing points start: among the data. Points spread over the box around it mostly lie where there is none."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float, Key

from ..kernels import Kernel
from ..parameters import read_key


def random_subset(X: Any, num: int, *, key: Key[Array, ""]) -> Float[Array, "M D"]:
    """Give distinct rows of X, drawn at random.

    Parameters
    ----------
    X
        Inputs [N, D].
    num
        Number M of rows.
    key
        JAX random key.

    Returns
    -------
    Rows of X, [M, D].

    Raises
    ------
    ValueError
        If there are fewer rows than asked for.

    Examples
    --------
    >>> import jax
    >>> import numpy as np
    >>> random_subset(np.arange(10.0)[:, None], 3, key=jax.random.key(0)).shape
    (3, 1)
    """
    X = _read(X, num)
    return X[jax.random.choice(read_key(key, "random_subset"), X.shape[0], (num,), replace=False)]


def kmeans(X: Any, num: int, *, key: Key[Array, ""], steps: int = 20) -> Float[Array, "M D"]:
    """Give the centres of clusters of X, by Lloyd's algorithm from k-means++ starts, each column at unit variance.

    Parameters
    ----------
    X
        Inputs [N, D].
    num
        Number M of centres.
    key
        JAX random key.
    steps
        Number of iterations.

    Returns
    -------
    Centres [M, D], in units of the inputs.

    Raises
    ------
    ValueError
        If there are fewer distinct rows than centres asked for.

    References
    ----------
    Arthur & Vassilvitskii (2007), *k-means++: the advantages of careful seeding*. The implementation is SciPy's.

    Examples
    --------
    >>> import jax
    >>> import numpy as np
    >>> X = np.concatenate([np.zeros((5, 1)), np.ones((5, 1))]) + 0.01 * np.arange(10.0)[:, None]
    >>> print(np.sort(kmeans(X, 2, key=jax.random.key(0)), 0).round(2))
    [[0.02]
     [1.07]]
    """
    rows = np.unique(np.asarray(_read(X, num)), axis=0)
    if len(rows) < num:
        raise ValueError(f"kmeans: {num} centres asked for, and X has {len(rows)} distinct rows")
    X, scale = np.asarray(X, rows.dtype), rows.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    seed = np.asarray(jax.random.bits(read_key(key, "kmeans"), (4,)))
    centres, _ = scipy.cluster.vq.kmeans2(
        X / scale, num, iter=steps, minit="++", missing="warn", rng=np.random.default_rng(seed)
    )
    return jnp.asarray(centres * scale)


def greedy_variance(X: Any, num: int, kernel: Kernel) -> Float[Array, "M D"]:
    r"""Give rows of X one by one, each where the function is least certain given those before, Z:

    .. math:: \arg\max_x \; k(x, x) - k(x, Z) K(Z, Z)^{-1} k(Z, x)

    It is the order of the pivots of a Cholesky factorisation of the kernel matrix, which is not formed: time grows as
    N M^2, memory as N M.

    Parameters
    ----------
    X
        Inputs [N, D].
    num
        Number M of rows.
    kernel
        Covariance function of one output, with the lengthscales to judge by.

    Returns
    -------
    Rows of X, [M, D], in the order in which they were chosen.

    Raises
    ------
    ValueError
        If there are fewer rows than asked for.

    References
    ----------
    Burt, Rasmussen & van der Wilk (2020), *Convergence of sparse variational inference in Gaussian processes regression*,
    section 4.2.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> print(greedy_variance(np.array([[0.0], [0.1], [5.0]]), 2, gp.kernels.SquaredExponential()).T)
    [[0. 5.]]
    """
    X = _read(X, num)
    return X[_pivots(kernel, X, num)]


@eqx.filter_jit
def _pivots(kernel: Kernel, X: Array, num: int) -> Array:
    prior = kernel(X, full_cov=False)
    # A pivot of rounding's own size says nothing more about the rest.
    nothing = 10.0 * float(jnp.finfo(X.dtype).eps) * jnp.max(prior)

    def step(m: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        chosen, left, rows = state
        i = jnp.argmax(left)
        row = kernel(jax.lax.dynamic_slice_in_dim(X, i, 1), X)[0] - rows.T @ rows[:, i]
        row = jnp.where(left[i] > nothing, row / jnp.sqrt(jnp.maximum(left[i], nothing)), 0.0)
        left = jnp.where(jnp.isneginf(left), left, jnp.maximum(left - row**2, 0.0))
        return chosen.at[m].set(i), left.at[i].set(-jnp.inf), rows.at[m].set(row)

    start = jnp.zeros(num, int), prior, jnp.zeros((num, X.shape[0]), X.dtype)
    return jax.lax.fori_loop(0, num, step, start)[0]


def _read(X: Any, num: int) -> Array:
    X = jnp.asarray(X, jnp.result_type(float)) if not hasattr(X, "dtype") or X.dtype.kind in "iub" else jnp.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"inducing points: expected inputs of shape [N, D], got {X.shape}")
    if not 0 < num <= X.shape[0]:
        raise ValueError(f"inducing points: {num} asked for, and X has {X.shape[0]} rows")
    return X
