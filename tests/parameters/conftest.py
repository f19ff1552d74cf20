import jaxtyping
import pytest


@pytest.fixture
def unchecked():
    """The library as a user has it: no type checker stands before the library's own messages."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
