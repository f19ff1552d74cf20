"""What is said where the covariance of the data could not be factorised, or only with jitter: why, and what to do."""

import warnings
from typing import Any

import jax.core
import numpy as np

from ..parameters import read_values
from ._data import caller_level

_MANY = 2000  # rows above which eigenvalues are not computed for the sake of a message


class JitterWarning(UserWarning):
    """The covariance of the data was not positive definite to rounding, and jitter was added to its diagonal.

    The message names the likely cause and what to do: most often merge repeated inputs, or give the noise a larger lower
    bound. To keep the jitter quietly: ``warnings.simplefilter("ignore", gp.models.JitterWarning)``.

    Examples
    --------
    >>> import gparams as gp
    >>> issubclass(gp.models.JitterWarning, UserWarning)
    True
    """


def report_factorisation(model: Any, pivot: Any, jitter: Any) -> None:
    """Raise where no jitter did, warn where some was needed, and say why. Traced values can't be looked at."""
    if isinstance(pivot, jax.core.Tracer) or isinstance(jitter, jax.core.Tracer):
        return
    amount = float(jitter)
    if not np.isfinite(np.asarray(pivot)).all():
        raise np.linalg.LinAlgError(f"not positive definite, to rounding: {explain(model, amount)}")
    if amount > 0.0:
        warnings.warn(
            f"jitter of {amount:.2g} was added to {explain(model, amount)}", JitterWarning, stacklevel=caller_level()
        )


def explain(model: Any, amount: float) -> str:
    """Say what the covariance of the data is made of, what may be wrong with it, and what to do."""
    X = np.asarray(model.data[0])
    noise = np.asarray(model.likelihood.variance_at(model.data[0]))[:, 0]
    values = read_values(model)
    with np.errstate(over="ignore", invalid="ignore"):
        causes = list(_causes(model, X, noise, values, amount)) or [
            ("rounding: its smallest eigenvalue is too small next to its largest", _more_noise(X.dtype))
        ]
    listed = ", ".join(f"{path} = {_short(value)}" for path, value in values.items())
    because = "; ".join(cause for cause, _ in causes)
    mends = list(dict.fromkeys(mend for _, mend in causes if mend))
    return (
        f"the covariance of the data, K(X, X) plus noise, of {type(model.kernel).__name__} ({listed}; {X.dtype}). "
        f"Likely cause: {because}. What to do: {'; '.join(mends)}."
    )


def _causes(model: Any, X: np.ndarray, noise: np.ndarray, values: Any, amount: float) -> Any:
    """Causes that can be told, each with its mend."""
    K = np.asarray(model.kernel(model.data[0])) if len(X) <= _MANY else None
    variances = np.asarray(model.kernel(model.data[0], full_cov=False))
    seen = variances if K is None else K
    if not np.isfinite(seen).all():
        row = int(np.argwhere(~np.isfinite(seen))[0, 0])
        yield f"the kernel is not finite at row {row}, {X[row]}", "look at the kernel's values and at that input"
        return
    if not np.isfinite(noise).all():
        yield "the noise variance is not finite", "look at the likelihood's values"
        return
    if K is not None:
        try:
            least = float(np.linalg.eigvalsh(0.5 * K + 0.5 * K.T)[0])
        except np.linalg.LinAlgError:  # numbers near the largest there are
            yield f"the kernel matrix has elements up to {np.max(np.abs(K)):.3g}", "look at the kernel's values"
            return
        rounding = 100.0 * len(X) * float(np.finfo(X.dtype).eps) * float(np.max(np.abs(K)))
        if not np.allclose(K, K.T, atol=rounding):
            yield "the kernel matrix is not symmetric", "mend the kernel: K(x, x') must equal K(x', x)"
        if least < -rounding:
            yield (
                f"the kernel matrix has the eigenvalue {least:.3g}, so it is not a covariance",
                "use a kernel that is positive semi-definite for inputs like these",
            )
            return
    yield from _repeats(X, noise)
    yield from _smoothness(X, values)
    yield from _noise(model, noise, float(np.mean(np.abs(variances))), len(X))


def _repeats(X: np.ndarray, noise: np.ndarray) -> Any:
    _, first, which = np.unique(X, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    extra = len(X) - len(first)
    if extra:
        later = int(np.argmax(first[which] != np.arange(len(X))))
        rows = f"rows {int(first[which[later]])} and {later} of X are equal"
        more = f" ({extra} rows repeat another)" if extra > 1 else ""
        yield f"{rows}{more}", "merge repeated rows, or give the noise a larger lower bound"


def _smoothness(X: np.ndarray, values: Any) -> Any:
    spread = float(np.max(np.ptp(X, axis=0)))
    if spread == 0.0:  # all rows are equal, and that is said already
        return
    for path, value in values.items():
        if path.split(".")[-1] == "lengthscales" and np.min(value) > 30.0 * spread:
            yield (
                f"{path} = {_short(value)} is far above the spread of the inputs, {spread:.3g}",
                f"bound it or give it a prior: gp.set_prior(model.at.{path}, ...)",
            )


def _noise(model: Any, noise: np.ndarray, variance: float, num_rows: int) -> Any:
    least, floor = float(np.min(noise)), model.likelihood.variance_lower_bound
    resolution = float(np.finfo(noise.dtype).eps)
    if least <= 1.05 * floor:
        yield f"the noise variance, {least:.3g}, is at its floor, {floor:.3g}", _more_noise(noise.dtype)
    elif least < 10.0 * num_rows * resolution * variance:
        size = f"{least / variance:.1g} of the kernel's variance"
        yield f"the noise variance, {least:.3g}, is {size}, near what {noise.dtype} resolves", _more_noise(noise.dtype)


def _more_noise(dtype: Any) -> str:
    wider = "" if dtype == np.float64 else ", or float64"
    return f"give more noise (gp.likelihoods.Gaussian(variance, variance_lower_bound=...)){wider}"


def _short(value: Any) -> str:
    value = np.asarray(value)
    if value.size > 6:
        return f"array of shape {value.shape}, from {value.min():.4g} to {value.max():.4g}"
    numbers = ", ".join(f"{number:.4g}" for number in value.ravel())
    return f"[{numbers}]" if value.ndim else numbers
