"""Watching a fit: callbacks at their own paces, and event files that TensorBoard can read."""

import struct

import numpy as np
import pytest
from cases import MODELS
from numpy.testing import assert_allclose

import gparams as gp

Monitor, TensorBoard = gp.fitting.Monitor, gp.fitting.TensorBoard


def test_each_task_at_its_own_pace():
    often, seldom = [], []
    monitor = Monitor(
        lambda step, loss, model: often.append((step, loss)), (lambda step, loss, model: seldom.append(step), 3)
    )
    result = gp.fit(MODELS["gpr"](), solver=gp.fitting.LBFGS(every=1, max_steps=7), callback=monitor)
    assert [step for step, _ in often] == [1, 2, 3, 4, 5, 6, 7]
    assert seldom == [1, 4, 7]
    assert often[-1][1] == result.loss
    stopping = Monitor((lambda *state: True, 4), lambda *state: often.append(state))
    stopped = gp.fit(MODELS["gpr"](), solver=gp.fitting.LBFGS(every=1), callback=stopping)
    assert stopped.steps == 1 and len(often) == 8  # the others are still called


def test_tasks_that_are_none():
    with pytest.raises(TypeError):
        Monitor("task")
    with pytest.raises(ValueError, match="at least 1"):
        Monitor((print, 0))


def events(directory):
    """Read event files by their published layout: length, checksum, record, checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    for path in sorted(directory.glob("events.out.tfevents.*")):
        blob, start = path.read_bytes(), 0
        while start < len(blob):
            (length,) = struct.unpack_from("<Q", blob, start)
            event = event_pb2.Event()
            event.ParseFromString(blob[start + 12 : start + 12 + length])
            start += 12 + length + 4
            for value in event.summary.value:
                yield event.step, value


def test_event_files_can_be_read_back(tmp_path):
    pytest.importorskip("tensorboardX")
    figure = pytest.importorskip("matplotlib.figure")

    def plot(model):
        fig = figure.Figure(figsize=(1.0, 0.5), dpi=100)
        fig.subplots().plot([0.0, 1.0])
        return fig

    seen = {}
    board = TensorBoard(
        tmp_path,
        parameters=["kernel.*", "mean_function.c"],
        scalars={"noise": lambda m: m.likelihood.scale.value**2},
        images={"fit": plot, "grid": lambda m: np.linspace(0.0, 1.0, 12).reshape(3, 4)},
        image_period=2,
        max_size=2,
    )

    def both(step, loss, model):
        seen[step] = loss, model
        return board(step, loss, model)

    solver = gp.fitting.LBFGS(every=1, max_steps=3)
    gp.fit(MODELS["gpr-ard-constant"](), solver=solver, callback=both)
    board.close()

    found = {}
    for step, value in events(tmp_path):
        found.setdefault(value.tag, {})[step] = value
    names = {"loss", "noise", "kernel.variance", "kernel.lengthscales[0]", "kernel.lengthscales[1]"}
    assert set(found) >= names | {"mean_function.c[0]", "mean_function.c[1]", "fit", "grid"}
    assert not any("likelihood" in name for name in found)
    for step, (loss, model) in seen.items():
        numbers = {name: found[name][step].simple_value for name in names}
        assert_allclose(numbers["loss"], loss, rtol=1e-6)
        assert_allclose(numbers["kernel.lengthscales[1]"], model.kernel.lengthscales.value[1], rtol=1e-6)
        assert_allclose(numbers["noise"], model.likelihood.scale.value**2, rtol=1e-6)
    assert sorted(found["fit"]) == sorted(found["grid"]) == [1, 3]
    image = found["fit"][1].image
    assert (image.width, image.height) == (100, 50)
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert (found["grid"][1].image.width, found["grid"][1].image.height) == (4, 3)


def test_large_parameters_are_histograms(tmp_path):
    pytest.importorskip("tensorboardX")
    with TensorBoard(tmp_path) as board:
        board(5, 1.0, {"a": gp.Parameter(np.arange(40.0)), "b": gp.Parameter(2.0)})
    found = {value.tag: (step, value) for step, value in events(tmp_path)}
    step, value = found["['a']"]
    assert step == 5 and value.histo.num == 40.0 and value.histo.max == 39.0
    assert found["['b']"][1].simple_value == 2.0
    assert found["loss"][1].simple_value == 1.0


def test_what_can_not_be_written(tmp_path):
    pytest.importorskip("tensorboardX")
    with pytest.raises(ValueError, match="image_period"):
        TensorBoard(tmp_path, image_period=0)
    with TensorBoard(tmp_path, images={"flat": lambda m: np.zeros(3)}) as board:
        with pytest.raises(ValueError, match=r"'flat' to be a matplotlib figure.*ndarray of shape \(3,\)"):
            board(1, 0.0, gp.Parameter(1.0))
    with TensorBoard(tmp_path, parameters="kernel.**") as board, pytest.raises(gp.PlaceError):
        board(1, 0.0, gp.Parameter(1.0))
