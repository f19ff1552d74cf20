"""Names of `gparams.gpflow` itself that are found when they are asked for."""

import sys
from typing import Any

from ._namespace import attribute


def __getattr__(name: str) -> Any:
    return attribute("", name, sys._getframe(1))
