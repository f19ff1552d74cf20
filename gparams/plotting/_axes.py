"""Colours and axes."""

import types
from typing import Any

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
GREY = "#9A9A9A"


def pyplot() -> types.ModuleType:
    """Matplotlib, which is an extra."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "gparams[plot]"') from error
    return matplotlib.pyplot


def read_axes(ax: Any) -> Any:
    """The axes that were given, or those of a new figure."""
    return pyplot().subplots(layout="constrained")[1] if ax is None else ax
