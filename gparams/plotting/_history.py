"""The loss of a fit over its steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..fitting import FitResult
from ._axes import COLORS, read_axes


def plot_history(
    results: Any, *, gap: bool = False, labels: Any = None, colors: Any = COLORS, ax: Any = None, **style: Any
) -> Any:
    """Draw the loss of a fit over its steps, or those of several fits.

    Parameters
    ----------
    results
        A `FitResult`, a vector of losses, a list of these, or a dictionary of these by name.
    gap
        Whether to draw how far each loss is above the lowest of all, on a logarithmic axis.
    labels
        Names of the fits, for a list.
    colors
        Colours, in the order of the fits.
    ax
        Axes to draw into; a new figure by default.
    **style
        Anything that `matplotlib.axes.Axes.plot` takes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If a fit has no history.
    ValueError
        If there is no fit, or not one label a fit.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import gparams as gp
    >>> import optax
    >>> p, loss = gp.Parameter(1.0), lambda p: (p - 3.0) ** 2
    >>> adam = gp.fit(p, loss, solver=gp.fitting.Optax(optax.adam(0.1), steps=50))
    >>> ax = gp.plotting.plot_history({"L-BFGS": gp.fit(p, loss), "Adam": adam})
    >>> ax.get_xlabel(), ax.get_ylabel(), [len(line.get_xdata()) for line in ax.lines][1]
    ('step', 'loss', 51)
    """
    named = _named_fits(results, labels)
    histories = {name: _losses(result) for name, result in named.items()}
    ax = read_axes(ax)
    finite = np.concatenate(list(histories.values()))
    lowest = finite[np.isfinite(finite)].min() if np.isfinite(finite).any() else 0.0
    for i, (name, losses) in enumerate(histories.items()):
        y = losses - lowest if gap else losses
        y = np.where(y > 0.0, y, np.nan) if gap else y  # the lowest itself has no logarithm
        ax.plot(np.arange(len(y)), y, **{"color": colors[i % len(colors)], "label": name, **style})
    if gap:
        ax.set_yscale("log")
    ax.set(xlabel="step", ylabel="loss above the lowest" if gap else "loss")
    if any(named):
        ax.legend(frameon=False)
    return ax


def _named_fits(results: Any, labels: Any) -> Mapping[str | None, Any]:
    if isinstance(results, Mapping):
        named: Mapping[str | None, Any] = dict(results)
    else:
        a_list = isinstance(results, list | tuple)  # of fits, or of the losses of one
        several = a_list and (not results or any(np.ndim(r) or isinstance(r, FitResult) for r in results))
        fits = list(results) if several else [results]
        if labels is not None and len(labels) != len(fits):
            raise ValueError(f"plot_history: expected {len(fits)} labels, one a fit, got {len(labels)}")
        names = [f"fit {i}" if len(fits) > 1 else None for i in range(len(fits))] if labels is None else labels
        named = dict(zip(names, fits, strict=True))
    if not named:
        raise ValueError("plot_history: expected one fit at least, got none")
    return named


def _losses(result: Any) -> np.ndarray:
    if isinstance(result, FitResult):
        return np.asarray(result.history)
    try:
        losses = np.asarray(result, float)
    except (TypeError, ValueError):
        losses = np.zeros(())
    if losses.ndim != 1:
        raise TypeError(f"plot_history: expected a FitResult or a vector of losses, got {type(result).__name__}")
    return losses
