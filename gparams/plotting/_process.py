"""A process along one input."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from scipy.special import ndtri

from ..inducing_variables import InducingPoints, SharedIndependentInducingVariables
from ..models import GPModel
from ..posteriors import Posterior
from ._axes import COLORS, read_axes


def plot_gp(
    model: Any,
    Xnew: Any = None,
    *,
    data: tuple[Any, Any] | bool = True,
    column: int = 0,
    output: int = 0,
    level: float = 0.95,
    observations: bool = False,
    invlink: Callable[[Array], Array] | None = None,
    num_samples: int = 0,
    key: Key[Array, ""] | None = None,
    inducing: bool = True,
    color: str = COLORS[0],
    label: str | None = None,
    ax: Any = None,
) -> Any:
    r"""Draw a process along one input: its mean, the central band, the data, inducing points, and samples.

    The band is :math:`\mu \pm z \sigma`, where z is the normal quantile of ``(1 + level) / 2``. With `invlink` :math:`g`
    the line is the median :math:`g(\mu)` and the band :math:`g(\mu \pm z \sigma)`, which is exact where g is monotone.

    Parameters
    ----------
    model
        A model, or a posterior.
    Xnew
        Inputs [N, D] to draw at, in ascending order of `column`. By default 300 over the range of the data and a tenth of
        it to either side, for models of one input.
    data
        Whether to draw the model's own data, where it holds any, as dots; or a pair (X, Y) to draw in their place.
    column
        Column of the inputs along the horizontal axis.
    output
        Output to draw, a column of Y.
    level
        Probability in the band, between 0 and 1.
    observations
        Whether to draw a second, wider band for new observations, from `predict_y`. It is that of a normal distribution,
        and so for likelihoods that are nearly one.
    invlink
        Function through which the latent function is seen, such as ``jnp.exp`` for a rate.
    num_samples
        Number of functions to draw from the posterior, from `key`.
    key
        JAX random key.
    inducing
        Whether to mark inducing points, at the foot of the axes.
    color
        Of the line and bands.
    label
        Of the line in a legend; "mean", or "median", by default.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is nothing to tell the inputs from, the level is no probability, or samples come without a key.
    TypeError
        If `model` can't predict, or a posterior is asked for what only models have.
    ImportError
        If matplotlib is not installed.

    References
    ----------
    Rasmussen & Williams (2006), figure 2.2, for the manner; Okabe & Ito (2008), *Color Universal Design*, for the colours.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import numpy as np
    >>> X = np.linspace(0.0, 6.0, 20)[:, None]
    >>> model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(), noise_variance=0.01)
    >>> ax = gp.plotting.plot_gp(model, num_samples=3, key=jax.random.key(0))
    >>> ax.get_legend_handles_labels()[1]
    ['95 %', 'samples', 'mean', 'data']
    """
    if not isinstance(model, GPModel | Posterior):
        raise TypeError(f"plot_gp: expected a model or a posterior, got {type(model).__name__}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"plot_gp: expected a level between 0 and 1, got {level}")
    if num_samples and key is None:
        raise ValueError("plot_gp: samples are drawn at random; give key=jax.random.key(0)")
    if isinstance(model, Posterior) and (num_samples or observations):
        raise TypeError("plot_gp: a posterior has neither a likelihood nor samples; give the model")
    pair = data if isinstance(data, tuple) else _data_of(model)
    X = _default_inputs(pair) if Xnew is None else np.asarray(Xnew)
    ax = read_axes(ax)
    x, see = X[:, column], (lambda f: f) if invlink is None else lambda f: np.asarray(invlink(jnp.asarray(f)))
    z = float(ndtri(0.5 + 0.5 * level))
    mean, var = (np.asarray(a)[:, output] for a in model.predict_f(jnp.asarray(X)))
    if observations and isinstance(model, GPModel):
        y, y_var = (np.asarray(a)[:, output] for a in model.predict_y(X))
        name, half = f"{100 * level:g} % of observations", z * np.sqrt(y_var)
        ax.fill_between(x, y - half, y + half, color=color, alpha=0.15, lw=0, label=name)
    half = z * np.sqrt(var)
    ax.fill_between(x, see(mean - half), see(mean + half), color=color, alpha=0.3, lw=0, label=f"{100 * level:g} %")
    if num_samples and key is not None and isinstance(model, GPModel):
        draws = np.asarray(model.predict_f_samples(X, num_samples, key=key))[:, :, output]
        lines = ax.plot(x, see(draws).T, color=color, lw=0.7, alpha=0.7)
        lines[0].set_label("samples")
    ax.plot(x, see(mean), color=color, lw=1.8, label=label or ("mean" if invlink is None else "median"))
    if pair is not None and data is not False:
        seen, values = np.asarray(pair[0]), np.asarray(pair[1])
        values = values.reshape(len(values), -1)[:, output]
        ax.plot(seen[:, column], values, ".", color="black", ms=4, label="data")
    if inducing:
        _mark_inducing(ax, getattr(model, "inducing_variable", None), column, color)
    return ax


def _data_of(model: Any) -> tuple[np.ndarray, np.ndarray] | None:
    data = getattr(model, "data", None)
    if not isinstance(data, tuple) or len(data) != 2:
        return None
    return np.asarray(data[0]), np.asarray(data[1])


def _default_inputs(data: Any) -> np.ndarray:
    if data is None:
        raise ValueError("plot_gp: this model holds no data; give Xnew=, inputs [N, D] to draw at, or data=")
    X = np.asarray(data[0])
    if X.shape[1] != 1:
        raise ValueError(
            f"plot_gp: the model has {X.shape[1]} inputs; give Xnew=, inputs [N, {X.shape[1]}] in which one column varies, "
            "and say which with column="
        )
    low, high = X.min(), X.max()
    margin = 0.1 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, 300, dtype=X.dtype)[:, None]


def _mark_inducing(ax: Any, inducing: Any, column: int, color: str) -> None:
    if isinstance(inducing, SharedIndependentInducingVariables):
        inducing = inducing.inducing_variable
    if not isinstance(inducing, InducingPoints):
        return
    Z = np.asarray(inducing.Z)[:, column]
    at_the_foot = ax.get_xaxis_transform()
    foot = np.full(len(Z), 0.02)
    ax.plot(Z, foot, "^", color=color, mec="black", mew=0.5, ms=6, transform=at_the_foot, label="inducing points")
