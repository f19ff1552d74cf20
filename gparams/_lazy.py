"""What of the front door opens when it is asked for: GPflow's spelling turns on 64-bit mode, which is the user's choice."""

import importlib
from typing import Any

# Rooms of GPflow's that are no rooms here.
_GPFLOWS = {"base", "ci_utils", "config", "covariances", "optimizers", "probability_distributions", "utilities"}


def __getattr__(name: str) -> Any:
    if name in ("gpflow", "stateful"):
        room = importlib.import_module("gparams.gpflow")
        return room if name == "gpflow" else room.stateful
    hint = f"; GPflow's spelling has it, gparams.gpflow.{name}" if name in _GPFLOWS else ""
    raise AttributeError(f"module 'gparams' has no attribute {name!r}{hint}")
