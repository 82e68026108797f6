"""The Train dock with real, tiny trainings in a process of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QProcess, Qt
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from specimen_unet.domain.events import StepDone
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.library import read_card
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.widgets import draft as draft_module
from specimen_unet.widgets.train_dock import TrainDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case

pytestmark = pytest.mark.usefixtures("one_core")

# Imports of the child on a machine with more to do.
LONG = 120_000


@pytest.fixture
def open_dock(
    viewer: ViewerModel,
    make_blob_case: Callable[..., Case],
    open_case: Callable[..., None],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[tuple[int, ...]], TrainDock]]:
    """Open a dock beside one specimen of a shape that two observers drew on."""
    monkeypatch.setattr(draft_module, "SETTLE_MS", 50)
    docks: list[TrainDock] = []

    def open_one(shape: tuple[int, ...]) -> TrainDock:
        open_case(viewer, make_blob_case(shape, observers=("EA", "MG")), "032")
        dock = TrainDock(viewer)
        qtbot.addWidget(dock.native)
        dock.native.show()
        docks.append(dock)
        return dock

    yield open_one
    for dock in docks:
        dock.job.shutdown()


@pytest.fixture
def dock(open_dock: Callable[[tuple[int, ...]], TrainDock]) -> TrainDock:
    return open_dock((8, 32, 32))


def small(viewer: ViewerModel, **changes: Any) -> TrainingSettings:
    """Make settings of a training of a few seconds."""
    patch = (4, 16, 16)[-viewer.layers[0].ndim :]
    settings = {"ending": "steps", "steps": 6, "channels": (4, 8), "patch": patch}
    return TrainingSettings(**{**settings, "batch": 2, "device": "cpu", **changes})


def click(qtbot: QtBot, control: Any) -> None:
    assert control.native.isVisible()
    assert control.native.isEnabled()
    qtbot.mouseClick(control.native, Qt.MouseButton.LeftButton)


def begin(dock: TrainDock, qtbot: QtBot, **changes: Any) -> RunFolder:
    """Train with small settings up to the first step."""
    dock.set_up.form.show_settings(small(dock._viewer, **changes))
    with qtbot.waitSignal(
        dock.job.heard, timeout=LONG, check_params_cb=lambda e: isinstance(e, StepDone)
    ):
        click(qtbot, dock.set_up.train)
    run = dock.run
    assert run is not None
    return run


def pid_of(dock: TrainDock) -> int:
    return int(dock.job.findChildren(QProcess)[-1].processId())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_from_open_layers_to_a_model(
    open_dock: Callable[[tuple[int, ...]], TrainDock],
    spatial: tuple[int, ...],
    viewer: ViewerModel,
    qtbot: QtBot,
) -> None:
    dock = open_dock(spatial)
    dock.set_up.form.show_settings(small(viewer))
    plan = dock.set_up.plan
    qtbot.waitUntil(lambda: plan.summary.visible, timeout=LONG)
    assert f"{viewer.layers[0].ndim}D" in plan.summary.value
    assert "CPU" in plan.summary.value
    assert "6 steps" in plan.forecast.value
    assert plan.caution.visible

    with qtbot.waitSignal(dock.job.finished, timeout=LONG) as finished:
        click(qtbot, dock.set_up.train)
    assert not dock.set_up.native.isVisible()
    path = Path(finished.args[0].path)
    assert read_card(path).observers == ("EA", "MG")
    assert path.name in dock.result.model.value
    assert "Dice" in dock.result.score.value
    assert dock.result.caution.value == plan._plan.split.caution
    assert dock.training.status.value == "Finished."
    qtbot.waitUntil(lambda: dock.training.curves.loss_plot.isVisible())
    assert [layer.name for layer in viewer.layers] == ["032", "032_EA", "032_MG"]

    click(qtbot, dock.result.copy)
    assert QApplication.clipboard().text() == str(path)
    click(qtbot, dock.back)
    assert dock.set_up.native.isVisible()
    assert not dock.result.native.isVisible()


def test_a_training_that_has_ended_can_go_on_also_another_day(
    dock: TrainDock, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(dock.job.finished, timeout=LONG):
        run = begin(dock, qtbot)
    dock.more.minutes.min = 0.02
    dock.more.minutes.value = 0.02
    with qtbot.waitSignal(dock.job.finished, timeout=LONG):
        click(qtbot, dock.more.longer)
    steps = [event.step for event in run.events() if isinstance(event, StepDone)]
    assert steps[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert read_card(run.model_path).steps_done == steps[-1]

    click(qtbot, dock.back)
    assert not dock.more.visible
    dock.set_up.interrupted.resume_folder(run.path)
    assert dock.more.longer.native.isVisible()
    assert dock.result.visible
    with qtbot.waitSignal(dock.job.finished, timeout=LONG):
        click(qtbot, dock.more.longer)
    assert read_card(run.model_path).steps_done > steps[-1]


def test_previews_appear_and_stopping_keeps_a_model(
    dock: TrainDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    begin(dock, qtbot, steps=100_000)
    qtbot.waitUntil(lambda: "preview" in viewer.layers, timeout=LONG)
    assert viewer.layers["preview"].data.shape == viewer.layers["032"].data.shape
    click(qtbot, dock.training.pause)
    qtbot.waitUntil(lambda: "saved" in dock.training.status.value, timeout=LONG)
    click(qtbot, dock.training.pause)
    with qtbot.waitSignal(
        dock.job.heard, timeout=LONG, check_params_cb=lambda e: isinstance(e, StepDone)
    ):
        pass
    with qtbot.waitSignal(dock.job.finished, timeout=LONG) as finished:
        click(qtbot, dock.training.stop)
    assert finished.args[0].stopped_early
    assert Path(finished.args[0].path).exists()
    assert "preview" not in viewer.layers


def test_closing_the_dock_leaves_a_run_that_another_dock_resumes(
    dock: TrainDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    QVBoxLayout(window).addWidget(dock.native)
    window.show()
    run = begin(dock, qtbot, steps=60)
    pid = pid_of(dock)
    viewer.layers.remove("032")
    dock.native.setParent(None)
    assert not is_alive(pid)
    assert run.has_checkpoint
    assert not run.is_finished
    assert "preview" not in viewer.layers

    second = TrainDock(viewer)
    qtbot.addWidget(second.native)
    second.native.show()
    interrupted = second.set_up.interrupted
    assert interrupted.runs.value.path == run.path
    with qtbot.waitSignal(second.job.finished, timeout=LONG):
        click(qtbot, interrupted.resume)
    assert run.is_finished
    second.job.shutdown()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_training_is_told_and_goes_on_from_its_checkpoint(
    dock: TrainDock, qtbot: QtBot
) -> None:
    run = begin(dock, qtbot, steps=40)
    click(qtbot, dock.training.pause)
    qtbot.waitUntil(lambda: run.has_checkpoint, timeout=LONG)
    with qtbot.waitSignal(dock.job.failed, timeout=LONG):
        os.kill(pid_of(dock), signal.SIGKILL)
    assert "memory ran out" in dock.problem.value
    assert str(run.path) in dock.problem.value
    with qtbot.waitSignal(dock.job.finished, timeout=LONG):
        click(qtbot, dock.again)
    assert run.is_finished
    assert not dock.problem.visible


def test_what_cannot_be_planned_is_told_before_anything_starts(
    dock: TrainDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    settings = small(viewer, patch=(4, 4, 4, 4))
    dock.set_up.form.show_settings(settings)
    qtbot.waitUntil(lambda: dock.set_up.plan.problem.visible, timeout=LONG)
    assert "patch" in dock.set_up.plan.problem.value.lower()
    assert not dock.set_up.train.native.isEnabled()
    assert list(runs_folder().glob("[!.]*")) == []
    dock.set_up.form.control("patch").value = "4, 16, 16"
    qtbot.waitUntil(lambda: dock.set_up.plan.summary.visible, timeout=LONG)
    assert dock.set_up.train.native.isEnabled()


def test_wrong_choices_cannot_be_trained(
    dock: TrainDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    assert dock.set_up.train.native.isEnabled()
    layer = viewer.layers["032_EA"]
    layer.data = np.zeros_like(layer.data)
    problem = dock.set_up.cases.rows[0].problem
    qtbot.waitUntil(lambda: "Nothing is painted" in problem.value)
    assert not dock.set_up.train.native.isEnabled()
    layer.paint(tuple(size // 2 for size in layer.data.shape), 1)
    qtbot.waitUntil(lambda: dock.set_up.train.native.isEnabled())
    dock.set_up.form.control("patch").value = "large"
    assert not dock.set_up.train.native.isEnabled()


def test_an_image_that_was_replaced_is_learnt_from_as_it_is_now(
    dock: TrainDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock.set_up.form.show_settings(small(viewer))
    plan = dock.set_up.plan
    qtbot.waitUntil(lambda: plan.summary.visible, timeout=LONG)
    (image,) = (layer for layer in viewer.layers if not hasattr(layer, "brush_size"))
    other = (image.data // 2 + 7).astype(image.data.dtype)
    image.data = other
    dock.set_up.train.native.click()
    qtbot.waitUntil(lambda: dock.run is not None, timeout=LONG)
    (case,) = dock.run.cases()
    assert np.array_equal(np.asarray(case.image)[0], other)
    dock.job.stop()
    qtbot.waitUntil(lambda: dock.run is None, timeout=LONG)


def test_every_control_has_a_name_and_a_tooltip(dock: TrainDock) -> None:
    form = dock.set_up.form
    controls = [form.control(name) for name in TrainingSettings.model_fields]
    views = (dock.training, dock.result, dock.set_up.interrupted, dock.set_up.cases)
    controls += [dock.set_up.train, dock.set_up.show_plan, dock.set_up.start_from]
    controls += [dock.back, dock.again, form["show_advanced"]]
    controls += [part for view in views for part in view if hasattr(part, "clicked")]
    names = [control.name for control in controls]
    assert len(set(names)) == len(names)
    assert all(control.tooltip for control in controls)
