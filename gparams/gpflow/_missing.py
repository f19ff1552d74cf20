"""Names of `gparams.gpflow` itself that are found when they are asked for."""

import sys
from typing import Any

from ._namespace import attribute, listed


def __getattr__(name: str) -> Any:
    return attribute("", name, sys._getframe(1))


def __dir__() -> list[str]:
    found = vars(sys.modules[__package__ or ""])
    return sorted({name for name in found if not name.startswith("_") or name.endswith("__")} | {"port", *listed("")})
