"""What of the front door opens when it is asked for: GPflow's spelling turns on 64-bit mode, which is the user's choice."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("gpflow", "stateful"):
        room = importlib.import_module("gparams.gpflow")
        return room if name == "gpflow" else room.stateful
    raise AttributeError(f"module 'gparams' has no attribute {name!r}")
