"""GPflow's second names for kernels: they are gparams.gpflow's, and here an error says the first."""

from typing import Any

_ALIASES = {
    "RBF": "SquaredExponential",
    "Laplacian": "Exponential",
    "Combination": "Sum or Product",
    "Bias": "Constant",
}


def __getattr__(name: str) -> Any:
    hint = f": it is {_ALIASES[name]}" if name in _ALIASES else ""
    raise AttributeError(f"module 'gparams.kernels' has no attribute {name!r}{hint}")
