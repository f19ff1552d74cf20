"""Parameters by path, as bars and heat maps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..parameters import Parameter, parameter_dict
from ._axes import COLORS, GREY, pyplot

_WRITTEN_OUT = 36  # elements of a matrix that has its numbers on it


def plot_parameters(where: Any, *, cmap: str = "RdBu_r", axes: Any = None, ax: Any = None) -> np.ndarray:
    """Draw the values of Parameters by path: bars for numbers and vectors, heat maps for matrices.

    All scalars share one panel; every vector and matrix has one of its own, titled by its path. What is trainable is
    blue, what is frozen grey, element by element. Arrays of more than two axes are drawn as matrices, with the leading
    axes one under the other. The colours of a heat map are centred at zero.

    Parameters
    ----------
    where
        A tree, or a place: all Parameters at or below it.
    cmap
        Colour map of the heat maps.
    axes, ax
        Axes to draw into, as many as panels; `ax` is one, for one panel. A new figure by default.

    Returns
    -------
    One matplotlib axes a panel, in an array.

    Raises
    ------
    ValueError
        If there is no Parameter, or not one axes a panel.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import gparams as gp
    >>> kernel = gp.kernels.LinearCoregionalization([gp.kernels.Matern32()], W=[[1.0], [0.5]])
    >>> axes = gp.plotting.plot_parameters(kernel)
    >>> [ax.get_title() for ax in axes]
    ['scalars', 'W']
    >>> [text.get_text() for text in axes[0].get_yticklabels()]
    ['kernels[0].variance', 'kernels[0].lengthscales']
    """
    found = {path or "value": p for path, p in parameter_dict(where).items() if isinstance(p, Parameter)}
    if not found:
        raise ValueError(f"plot_parameters: there is no Parameter at or below this {type(where).__name__}")
    panels: list[dict[str, Parameter]] = []
    scalars = {path: p for path, p in found.items() if p.ndim == 0}
    if scalars:
        panels.append(scalars)
    panels += [{path: p} for path, p in found.items() if p.ndim > 0]
    axes = _panels(panels, [ax] if ax is not None else axes)
    for ax, panel in zip(axes, panels):
        path, p = next(iter(panel.items()))
        if p.ndim < 2:
            _draw_bars(ax, panel)
        else:
            _draw_matrix(ax, path, p, cmap)
    return axes


def _panels(panels: list[dict[str, Parameter]], axes: Any) -> np.ndarray:
    if axes is None:
        wide = min(len(panels), 3)
        tall = -(-len(panels) // wide)
        fig = pyplot().figure(figsize=(1.5 + 3.5 * wide, 0.5 + 2.8 * tall), layout="constrained")
        return np.asarray([fig.add_subplot(tall, wide, i + 1) for i in range(len(panels))], dtype=object)
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) != len(panels):
        names = [next(iter(p)) if next(iter(p.values())).ndim else "scalars" for p in panels]
        raise ValueError(
            f"plot_parameters: expected axes for {len(panels)} panels ({', '.join(names)}), got {len(axes)}; give as many, "
            "or a place with fewer Parameters"
        )
    return axes


def _frozen(p: Parameter) -> np.ndarray:
    """Which elements are frozen, in the shape of the value."""
    mask = p.frozen_elements
    return np.full(p.shape, not p.trainable) if mask is None else np.asarray(mask)


def _draw_bars(ax: Any, panel: Mapping[str, Parameter]) -> None:
    path, first = next(iter(panel.items()))
    scalars = first.ndim == 0
    values = np.asarray([np.asarray(p) for p in panel.values()]) if scalars else np.asarray(first)
    frozen = np.asarray([_frozen(p) for p in panel.values()]) if scalars else _frozen(first)
    names = list(panel) if scalars else [str(i) for i in range(len(values))]
    rows = np.arange(len(values))
    bars = ax.barh(rows, values, color=[GREY if f else COLORS[0] for f in frozen], height=0.7)
    if len(rows) <= 20:
        ax.set_yticks(rows, names)
        ax.bar_label(bars, [f"{v:.4g}" for v in values], padding=3, fontsize="small")
        ax.margins(x=0.35)
    if (values > 0.0).all() and values.max() > 100.0 * values.min():
        ax.set_xscale("log")
    ax.invert_yaxis()
    ax.set(xlabel="value", title="scalars" if scalars else path)
    if not scalars:
        ax.set_ylabel("element")
    if frozen.any():
        shades = {"frozen": GREY} if frozen.all() else {"trainable": COLORS[0], "frozen": GREY}
        for name, shade in shades.items():
            ax.scatter([], [], marker="s", color=shade, label=name)
        ax.legend(frameon=False, fontsize="small")


def _draw_matrix(ax: Any, path: str, p: Parameter, cmap: str) -> None:
    values, frozen = np.asarray(p), _frozen(p)
    values, frozen = (a.reshape(-1, a.shape[-1]) for a in (values, frozen))
    scale = np.abs(values).max() or 1.0
    image = ax.imshow(values, cmap=cmap, vmin=-scale, vmax=scale, aspect="auto", interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label="value")
    if frozen.any() and not frozen.all():
        rows, columns = np.nonzero(frozen)
        ax.plot(columns, rows, "x", color=GREY, ms=4, label="frozen")
    title = f"{path} (frozen)" if frozen.all() else f"{path} ({frozen.sum()} of {frozen.size} frozen)"
    ax.set(title=title if frozen.any() else path, xlabel="column", ylabel="row")
    for axis, size in zip((ax.xaxis, ax.yaxis), values.shape[::-1], strict=True):
        if size <= 10:
            axis.set_ticks(range(size))
        else:
            axis.get_major_locator().set_params(integer=True)
    if values.size <= _WRITTEN_OUT:
        for (row, column), v in np.ndenumerate(values):
            shade = "white" if abs(v) > 0.6 * scale else "black"
            ax.text(column, row, f"{v:.3g}", ha="center", va="center", color=shade, fontsize="small")
