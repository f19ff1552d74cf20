"""Covariance functions, their matrices, and functions drawn from the priors that they are."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..kernels import Kernel, MultioutputKernel
from ..maths import default_jitter, draw_gaussian
from ..parameters import read_key, read_num_samples
from ._axes import COLORS, read_axes


def plot_kernel(
    kernel: Any,
    X: Any = None,
    *,
    show: str = "slice",
    at: Any = None,
    column: int = 0,
    num_samples: int = 5,
    key: Key[Array, ""] | None = None,
    cmap: str = "cividis",
    color: str | None = None,
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw a covariance function: a slice of it, its matrix, or functions from the prior that it is.

    Parameters
    ----------
    kernel
        A kernel of one output.
    X
        Inputs [N, D], in ascending order of `column`; by default 201 from -3 to 3.
    show
        ``"slice"``: covariances k(x, x0) of all inputs with one; ``"matrix"``: those of all with all, as a heat map;
        ``"samples"``: functions of zero mean drawn from the prior, from `key`.
    at
        x0 for the slice: one input [D], or a number; by default the middle row of X.
    column
        Column of the inputs along the horizontal axis.
    num_samples
        Number of functions to draw.
    key
        JAX random key, for samples.
    cmap
        Colour map of the matrix.
    color
        Of the lines; by default blue for a slice, and a colour for each function.
    label
        Of the line of a slice in a legend.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If the kernel is none, or has several outputs.
    ValueError
        If `show` is none of the three, or samples come without a key.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import gparams as gp
    >>> ax = gp.plotting.plot_kernel(gp.kernels.Matern32(variance=2.0), at=0.0)
    >>> print(ax.lines[0].get_ydata().max().round(3), ax.get_ylabel())
    2.0 k(x, 0)
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"plot_kernel: expected a kernel, got {type(kernel).__name__}")
    if isinstance(kernel, MultioutputKernel):
        raise TypeError(
            f"plot_kernel: {type(kernel).__name__} has several outputs; draw its latent_kernels one by one, and its mixing "
            "with plot_parameters"
        )
    if show not in ("slice", "matrix", "samples"):
        raise ValueError(f"plot_kernel: expected show to be 'slice', 'matrix' or 'samples', got {show!r}")
    if show == "samples" and key is None:
        raise ValueError("plot_kernel: samples are drawn at random; give key=jax.random.key(0)")
    X = np.linspace(-3.0, 3.0, 201)[:, None] if X is None else np.asarray(X)
    x, ax = X[:, column], read_axes(ax)
    if show == "matrix":
        ends = (x[0], x[-1])
        K, extent = np.asarray(kernel(X)), (*ends, *ends[::-1])
        image = ax.imshow(K, cmap=cmap, extent=extent, aspect="auto", interpolation="nearest")
        ax.figure.colorbar(image, ax=ax, label="k(x, x′)")
        ax.set(xlabel="x′", ylabel="x")
    elif show == "samples" and key is not None:
        read_key(key, "plot_kernel")
        draws = _draw_prior(kernel, X, read_num_samples(num_samples, "plot_kernel"), key)
        for i, draw in enumerate(draws):
            ax.plot(x, draw, color=color or COLORS[i % len(COLORS)], lw=1.2)
        ax.set(xlabel="x", ylabel="f(x)")
    else:
        x0 = X[len(X) // 2] if at is None else np.asarray(at, X.dtype).reshape(-1)
        ax.plot(x, np.asarray(kernel(X, x0[None]))[:, 0], color=color or COLORS[0], lw=1.8, label=label)
        ax.set(xlabel="x", ylabel=f"k(x, {', '.join(f'{v:.4g}' for v in x0)})")
    return ax


def _draw_prior(kernel: Kernel, X: np.ndarray, num: int, key: Key[Array, ""]) -> np.ndarray:
    K = jnp.asarray(kernel(X))
    noise = jax.random.normal(key, (num, len(X), 1), K.dtype)
    zero = jnp.zeros((len(X), 1), K.dtype)
    draws = draw_gaussian(zero, K[None], noise, default_jitter(K.dtype), full_cov=True, full_output_cov=False)
    return np.asarray(draws)[:, :, 0]
