"""What is said where the covariance of the data could not be factorised, or only with jitter: why, and what to do."""

import warnings
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..kernels import Kernel, Product, Sum
from ..parameters import Parameter, read_values
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
        raise np.linalg.LinAlgError(f"not positive definite, to rounding: {explain(model)}")
    if amount > 0.0:
        warnings.warn(f"jitter of {amount:.2g} was added to {explain(model)}", JitterWarning, stacklevel=caller_level())


def explain(model: Any) -> str:
    """Say what the covariance of the data is made of, what may be wrong with it, and what to do."""
    X = np.asarray(model.data[0])
    noise = np.asarray(model.likelihood.variance_at(model.data[0]))[:, 0]
    values = read_values(model)
    with np.errstate(over="ignore", invalid="ignore"):
        causes = list(_causes(model, X, noise)) or [
            ("rounding: its smallest eigenvalue is too small next to its largest", _more_noise(X.dtype))
        ]
    listed = ", ".join(f"{path} = {_short(value)}" for path, value in values.items())
    because = "; ".join(cause for cause, _ in causes)
    mends = list(dict.fromkeys(mend for _, mend in causes if mend))
    return (
        f"the covariance of the data, K(X, X) plus noise, of {type(model.kernel).__name__} ({listed}; {X.dtype}). "
        f"Likely cause: {because}. What to do: {'; '.join(mends)}."
    )


def _causes(model: Any, X: np.ndarray, noise: np.ndarray) -> Any:
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
    readings = _readings(model.kernel, X)
    yield from _repeats(X, readings)
    yield from _smoothness(X, readings)
    yield from _noise(model, noise, float(np.mean(np.abs(variances))), len(X))


class _Reading(NamedTuple):
    """A kernel that is no sum or product of others: the columns it reads, and those along which it hardly changes."""

    path: str
    lengthscales: np.ndarray  # zero where it has none
    columns: np.ndarray
    flat: np.ndarray  # of each of the columns


def _readings(kernel: Kernel, X: np.ndarray) -> list[_Reading]:
    def simple(node: Any) -> bool:
        return isinstance(node, Kernel) and not isinstance(node, Sum | Product)

    found = []
    for path, part in jax.tree_util.tree_leaves_with_path(kernel, is_leaf=simple):
        if not simple(part):
            continue
        columns = np.asarray(part.slice(jnp.arange(X.shape[1], dtype=X.dtype)[None]))[0].astype(int)
        scales = getattr(part, "lengthscales", None)
        scales = np.asarray(scales.value) if isinstance(scales, Parameter) else np.zeros(())
        flat = np.broadcast_to(scales, columns.shape) > 30.0 * np.ptp(X[:, columns], axis=0)
        found.append(_Reading(f"kernel{jax.tree_util.keystr(path)}", scales, columns, flat))
    return found


def _repeats(X: np.ndarray, readings: list[_Reading]) -> Any:
    telling = sorted({int(c) for r in readings for c in r.columns[~r.flat]})
    _, first, which = np.unique(X[:, telling], axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    extra = len(X) - len(first)
    if not extra or (not telling and np.ptp(X, axis=0).any()):
        return
    later = int(np.argmax(first[which] != np.arange(len(X))))
    rows = f"rows {int(first[which[later]])} and {later} of X are equal"
    more = f" ({extra} rows repeat another)" if extra > 1 else ""
    if np.array_equal(X[first[which]], X):
        yield f"{rows}{more}", "merge repeated rows, or give the noise a larger lower bound"
        return
    named = f"column{'s' if len(telling) > 1 else ''} {', '.join(map(str, telling))}"
    yield (
        f"{rows} in {named}{more}, and in the others the kernel hardly changes: it does not read them, or has long "
        "lengthscales there",
        "bound those lengthscales or give them a prior, or give the noise a larger lower bound",
    )


def _smoothness(X: np.ndarray, readings: list[_Reading]) -> Any:
    for path, lengthscales, columns, flat in readings:
        spread = float(np.max(np.ptp(X[:, columns], axis=0)))
        if flat.all() and spread > 0.0:  # else all rows are equal, and that is said already
            place = f"{path}.lengthscales"
            yield (
                f"{place} = {_short(lengthscales)} is far above the spread of the inputs, {spread:.3g}",
                f"bound it or give it a prior: gp.set_prior(model.at.{place}, ...)",
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
