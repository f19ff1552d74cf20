"""GPflow's settings. They live here alone: the functional core takes its dtype, jitter and keys as arguments."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from ..parameters import positive as core_positive

# GPflow computes in float64 unless told otherwise, and so must a script that comes from there.
jax.config.update("jax_enable_x64", True)


@dataclasses.dataclass(frozen=True)
class Config:
    """GPflow's settings, as one value.

    Parameters
    ----------
    int
        Default integer dtype.
    float
        Default floating dtype.
    jitter
        What is added to the diagonal of a matrix before its Cholesky factorisation. None leaves it to the library, which
        scales it to the dtype; GPflow's figure, 1e-6, is then what `default_jitter` reports.
    positive_bijector
        ``"softplus"`` or ``"exp"``.
    positive_minimum
        Lower bound of positive parameters.
    likelihood_positive_minimum
        Lower bound of the positive parameters of likelihoods.
    summary_fmt
        Format of `print_summary`.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.Config(jitter=1e-5).jitter
    1e-05
    """

    int: Any = np.int32
    float: Any = np.float64
    jitter: Any = None
    positive_bijector: str = "softplus"
    positive_minimum: Any = 0.0
    likelihood_positive_minimum: Any = 1e-6
    summary_fmt: str | None = None


_current = [Config()]


def config() -> Config:
    """Return the settings in force.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.config().positive_bijector
    'softplus'
    """
    return _current[0]


def set_config(new_config: Config) -> None:
    """Put other settings in force.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.set_config(gpflow.config.Config())
    """
    _current[0] = new_config


@contextlib.contextmanager
def as_context(temporary_config: Config | None = None) -> Iterator[None]:
    """Put settings in force for a `with` block; what the block sets is undone after it.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> with gpflow.config.as_context():
    ...     gpflow.config.set_default_jitter(1e-4)
    >>> gpflow.config.default_jitter()
    1e-06
    """
    old = config()
    try:
        set_config(old if temporary_config is None else temporary_config)
        yield
    finally:
        set_config(old)


def _set(**changes: Any) -> None:
    set_config(dataclasses.replace(config(), **changes))


def default_int() -> Any:
    """Return the default integer dtype.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.default_int().__name__
    'int32'
    """
    return config().int


def default_float() -> Any:
    """Return the default floating dtype.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.default_float().__name__
    'float64'
    """
    return config().float


def default_jitter() -> float:
    """Return the default jitter; 1e-6 unless set.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.default_jitter()
    1e-06
    """
    jitter = config().jitter
    return 1e-6 if jitter is None else jitter


def default_positive_bijector() -> str:
    """Return the name of the default positive transform.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.default_positive_bijector()
    'softplus'
    """
    return config().positive_bijector


def default_positive_minimum() -> float:
    """Return the default lower bound of positive parameters.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.default_positive_minimum()
    0.0
    """
    return config().positive_minimum


def default_likelihood_positive_minimum() -> float:
    """Return the default lower bound of positive parameters of likelihoods.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.default_likelihood_positive_minimum()
    1e-06
    """
    return config().likelihood_positive_minimum


def default_summary_fmt() -> str | None:
    """Return the default format of `print_summary`.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.default_summary_fmt() is None
    True
    """
    return config().summary_fmt


def set_default_int(value_type: Any) -> None:
    """Set the default integer dtype.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> gpflow.config.set_default_int(np.int32)
    """
    kind = np.dtype(value_type)
    if kind.kind not in "iu":
        raise TypeError(f"set_default_int: expected an integer dtype, got {value_type!r}")
    _set(int=kind.type)


def set_default_float(value_type: Any) -> None:
    """Set the default floating dtype: that of the Parameters made from now on.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> with gpflow.config.as_context():
    ...     gpflow.config.set_default_float(np.float32)
    ...     gpflow.kernels.RBF().variance.dtype
    dtype('float32')
    """
    kind = np.dtype(value_type)
    if kind.kind != "f":
        raise TypeError(f"set_default_float: expected a floating dtype, got {value_type!r}")
    _set(float=kind.type)


def set_default_jitter(value: float) -> None:
    """Set the default jitter.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> with gpflow.config.as_context():
    ...     gpflow.config.set_default_jitter(1e-4)
    ...     gpflow.default_jitter()
    0.0001
    """
    if not (isinstance(value, float | int | np.number) and value >= 0):
        raise ValueError(f"set_default_jitter: expected a number of at least 0, got {value!r}")
    _set(jitter=float(value))


def set_default_positive_bijector(value: str) -> None:
    """Set the default positive transform: ``"softplus"`` or ``"exp"``.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> with gpflow.config.as_context():
    ...     gpflow.config.set_default_positive_bijector("exp")
    ...     gpflow.kernels.RBF().variance.transform.name
    'exp'
    """
    if not isinstance(value, str) or value.lower() not in ("softplus", "exp"):
        raise ValueError(f"set_default_positive_bijector: expected 'softplus' or 'exp', got {value!r}")
    _set(positive_bijector=value.lower())


def set_default_positive_minimum(value: float) -> None:
    """Set the default lower bound of positive parameters.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> with gpflow.config.as_context():
    ...     gpflow.config.set_default_positive_minimum(1e-3)
    ...     gpflow.kernels.RBF().variance.transform.name
    'chain_of_shift_of_softplus'
    """
    _set(positive_minimum=_read_minimum(value))


def set_default_likelihood_positive_minimum(value: float) -> None:
    """Set the default lower bound of positive parameters of likelihoods.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.config.set_default_likelihood_positive_minimum(1e-6)
    """
    _set(likelihood_positive_minimum=_read_minimum(value))


def _read_minimum(value: Any) -> float:
    if not (isinstance(value, float | int | np.number) and value >= 0):
        raise ValueError(f"expected a lower bound of at least 0, got {value!r}")
    return float(value)


def set_default_summary_fmt(value: str | None) -> None:
    """Set the default format of `print_summary`.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> with gpflow.config.as_context():
    ...     gpflow.config.set_default_summary_fmt("notebook")
    ...     gpflow.config.default_summary_fmt()
    'notebook'
    """
    _set(summary_fmt=value)


def positive(lower: float | None = None, base: str | None = None) -> Any:
    """Return the transform of a positive parameter, as the settings have it where an argument is not given.

    Parameters
    ----------
    lower
        Lower bound.
    base
        ``"softplus"`` or ``"exp"``.

    Returns
    -------
    A TFP bijector.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> gpflow.Parameter(0.5, transform=gpflow.utilities.positive(lower=0.1)).transform.name
    'chain_of_shift_of_softplus'
    """
    lower = default_positive_minimum() if lower is None else lower
    return core_positive(lower, base or default_positive_bijector())  # type: ignore[arg-type]
