"""Watching a fit: several callbacks at their own paces, and a writer for TensorBoard.

They run on the host, between compiled stretches of a fit; how far those are apart is the solver's `every`.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from ..parameters import Parameter, at, parameter_dict
from ._solver import Callback


@final
class Monitor:
    """Several callbacks as one, each at its own pace.

    Parameters
    ----------
    *tasks
        Callbacks ``callback(step, loss, model)``, or pairs of a callback and a period: it is then called at the first
        report, and at every period-th after it.

    Raises
    ------
    TypeError
        If a task is neither.
    ValueError
        If a period is not at least 1.

    Examples
    --------
    >>> import gparams as gp
    >>> seen = []
    >>> monitor = gp.fitting.Monitor(
    ...     lambda step, loss, model: seen.append(step),
    ...     (lambda step, loss, model: print(f"step {step}"), 2),
    ... )
    >>> solver = gp.fitting.LBFGS(every=1, max_steps=3)
    >>> result = gp.fit(gp.Parameter(1.0), lambda p: (p - 3.0) ** 4, solver=solver, callback=monitor)
    step 1
    step 3
    >>> seen
    [1, 2, 3]
    """

    def __init__(self, *tasks: Callback | tuple[Callback, int]):
        self.tasks = tuple(_read_task(task) for task in tasks)
        self.count = 0

    def __call__(self, step: int, loss: float, model: Any) -> bool:
        """Call the tasks whose turn it is; true if one of them asks to stop."""
        due = [callback for callback, period in self.tasks if self.count % period == 0]
        self.count += 1
        return any([bool(callback(step, loss, model)) for callback in due])


def _read_task(task: Any) -> tuple[Callback, int]:
    callback, period = task if isinstance(task, tuple) and len(task) == 2 else (task, 1)
    if not callable(callback) or not isinstance(period, int):
        raise TypeError(f"Monitor: expected a callback, or a pair of a callback and a period, got {task!r}")
    if period < 1:
        raise ValueError(f"Monitor: expected a period of at least 1, got {period}")
    return callback, period


@final
class TensorBoard:
    """Writes a fit for TensorBoard: the loss, Parameters, numbers and pictures of one's own.

    It is a callback for `fit`. Files are complete after each report, and `close` ends them; it is a context manager, too.

    Parameters
    ----------
    logdir
        Directory for the event files; one a run.
    parameters
        Which Parameters to write, as paths or globs of `at`; by default all. An empty list for none.
    scalars
        Further numbers: name to a function of the model.
    images
        Pictures: name to a function of the model that returns a matplotlib figure, or an array [H, W] or [H, W, 3] of
        numbers from 0 to 1 (or of bytes).
    image_period
        Reports from one picture to the next.
    max_size
        Parameters of so many elements at most are written number by number, larger ones as a histogram.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    ValueError
        If image_period is not at least 1.

    Examples
    --------
    >>> import gparams as gp
    >>> import tempfile
    >>> p = gp.Parameter([1.0, 2.0])
    >>> solver = gp.fitting.LBFGS(every=1)
    >>> with gp.fitting.TensorBoard(tempfile.mkdtemp(), scalars={"largest": lambda p: p.max()}) as board:
    ...     result = gp.fit(p, lambda p: ((p - 3.0) ** 2).sum(), solver=solver, callback=board)
    """

    def __init__(
        self,
        logdir: Any,
        *,
        parameters: str | Sequence[str] = "**",
        scalars: Mapping[str, Callable[[Any], Any]] | None = None,
        images: Mapping[str, Callable[[Any], Any]] | None = None,
        image_period: int = 10,
        max_size: int = 3,
    ):
        if image_period < 1:
            raise ValueError(f"TensorBoard: expected image_period of at least 1, got {image_period}")
        self.tensorboardx = _tensorboardx()
        self.writer = self.tensorboardx.SummaryWriter(str(logdir))
        self.parameters = [parameters] if isinstance(parameters, str) else list(parameters)
        self.scalars, self.images = dict(scalars or {}), dict(images or {})
        self.image_period, self.max_size, self.count = image_period, max_size, 0

    def __call__(self, step: int, loss: float, model: Any) -> None:
        """Write one report."""
        self._write("loss", np.asarray(float(loss)), step)
        for path, value in _values(model, self.parameters).items():
            self._write(path, value, step)
        for name, fn in self.scalars.items():
            self._write(name, np.asarray(fn(model)), step)
        if self.count % self.image_period == 0:
            for name, fn in self.images.items():
                self._add("image", name, _pixels(name, fn(model)), step, dataformats="HWC")
        self.count += 1
        self.writer.flush()

    def close(self) -> None:
        """End the files."""
        self.writer.close()

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def _write(self, name: str, value: np.ndarray, step: int) -> None:
        if value.size > self.max_size:
            self._add("histogram", name, np.asarray(value, np.float64).ravel(), step, bins="auto")
            return
        for index in np.ndindex(value.shape):
            label = f"{name}[{', '.join(map(str, index))}]" if index else name
            self._add("scalar", label, float(value[index]), step)

    def _add(self, kind: str, name: str, value: Any, step: int, **options: Any) -> None:
        summary = getattr(self.tensorboardx.summary, kind)(name, value, **options)
        summary.value[0].tag = name  # the writer's own methods would have an underscore for each bracket
        self.writer.file_writer.add_summary(summary, step)


def _tensorboardx() -> types.ModuleType:
    try:
        import tensorboardX
        import tensorboardX.summary
    except ImportError as error:
        raise ImportError('TensorBoard needs tensorboardX: pip install "gparams[tensorboard]"') from error
    return tensorboardX


def _values(model: Any, wanted: list[str]) -> dict[str, np.ndarray]:
    if not wanted:
        return {}
    found = parameter_dict(at(model, wanted))
    return {path or "value": np.asarray(p.value) for path, p in found.items() if isinstance(p, Parameter)}


def _pixels(name: str, picture: Any) -> np.ndarray:
    """A figure or an array as bytes [H, W, 3]."""
    if hasattr(picture, "savefig"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3]
    array = np.asarray(picture)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=-1)
    if array.ndim != 3 or array.shape[-1] != 3:
        raise ValueError(
            f"TensorBoard: expected picture {name!r} to be a matplotlib figure or an array [H, W] or [H, W, 3], got "
            f"{type(picture).__name__} of shape {array.shape}"
        )
    return array if array.dtype == np.uint8 else np.round(255.0 * np.clip(array, 0.0, 1.0)).astype(np.uint8)
