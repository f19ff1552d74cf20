"""A copy of a stateful object that no later change reaches."""

import copy
from typing import Any

from ._gather import is_custom
from ._nodes import Node, walk


def snapshot(obj: Any) -> Any:
    """Return a deep copy where a class of the user's stands in it, and the object itself otherwise.

    What is gathered from library objects holds no reference to them. What is gathered from a user's does: its methods
    are the user's, and read the object.

    Raises
    ------
    TypeError
        If the object can't be copied.
    """
    own = [type(node) for _, node in walk(obj) if isinstance(node, Node) and is_custom(node)]
    if not own:
        return obj
    try:
        return copy.deepcopy(obj)
    except TypeError as error:
        names = ", ".join(sorted({cls.__name__ for cls in own}))
        raise TypeError(f"functional(): an object of {names} holds something that can't be copied ({error})") from error
