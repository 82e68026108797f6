"""The Train dock in a real viewer, walked through with mouse and keyboard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari.layers
import pytest
from qtpy.QtCore import QProcess, Qt

from specimen_unet.domain.events import StepDone
from specimen_unet.runs.folder import RunFolder, runs_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case

pytestmark = [pytest.mark.viewer, pytest.mark.usefixtures("one_core")]

LONG = 120_000


@pytest.fixture
def viewer(
    make_napari_viewer_proxy: Callable[..., Any],
    make_blob_case: Callable[..., Case],
    open_case: Callable[..., None],
) -> Any:
    """Show a specimen that two observers drew on."""
    viewer = make_napari_viewer_proxy(show=True)
    open_case(viewer, make_blob_case((8, 32, 32), observers=("EA", "MG")), "032")
    return viewer


def open_train_dock(viewer: Any) -> Any:
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Train")
    return dock


def click(qtbot: QtBot, control: Any) -> None:
    qtbot.waitUntil(control.native.isVisible)
    assert control.native.isEnabled()
    qtbot.mouseClick(control.native, Qt.MouseButton.LeftButton)


def type_into(qtbot: QtBot, control: Any, text: str) -> None:
    control.native.setFocus()
    control.native.selectAll()
    qtbot.keyClicks(control.native, text)
    qtbot.keyClick(control.native, Qt.Key.Key_Return)


def choose_small_network(qtbot: QtBot, form: Any) -> None:
    """Unfold the advanced choices, make every step a short one, and fold them."""
    click(qtbot, form["show_advanced"])
    for name, text in {"channels": "8, 16", "patch": "8, 16, 16", "batch": "2"}.items():
        type_into(qtbot, form.control(name), text)
    click(qtbot, form["show_advanced"])


def test_from_open_layers_to_the_segment_dock(viewer: Any, qtbot: QtBot) -> None:
    dock = open_train_dock(viewer)
    choose_small_network(qtbot, dock.set_up.form)
    type_into(qtbot, dock.set_up.form.control("minutes"), "0.1")
    plan = dock.set_up.plan
    qtbot.waitUntil(lambda: "0.1 min" in plan.forecast.value, timeout=LONG)
    assert plan.summary.native.isVisible()

    click(qtbot, dock.set_up.train)
    qtbot.waitUntil(lambda: dock.training.stop.native.isVisible(), timeout=LONG)
    qtbot.waitUntil(lambda: "preview" in viewer.layers, timeout=LONG)
    assert isinstance(viewer.layers["preview"], napari.layers.Labels)
    qtbot.waitUntil(lambda: dock.training.curves.loss_plot.isVisible(), timeout=LONG)
    qtbot.waitUntil(lambda: dock.result.path is not None, timeout=LONG)
    assert dock.result.path.exists()
    assert dock.training.curves.dice_plot.isVisible()
    assert [layer.name for layer in viewer.layers] == ["032", "032_EA", "032_MG"]

    click(qtbot, dock.result.segment)
    segment = viewer.window.dock_widgets["Segment (Specimen U-Net)"]
    assert Path(segment.model.path) == dock.result.path


@pytest.mark.skipif(os.name != "posix", reason="asks for a process by its number")
def test_closing_the_viewer_in_mid_training_leaves_a_run_that_can_go_on(
    viewer: Any, qtbot: QtBot
) -> None:
    dock = open_train_dock(viewer)
    job = dock.job
    choose_small_network(qtbot, dock.set_up.form)
    with qtbot.waitSignal(
        job.heard, timeout=LONG, check_params_cb=lambda e: isinstance(e, StepDone)
    ):
        click(qtbot, dock.set_up.train)
    qtbot.waitUntil(lambda: "preview" in viewer.layers, timeout=LONG)
    pid = job.findChildren(QProcess)[-1].processId()
    viewer.close()
    qtbot.wait(100)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    (path,) = runs_folder().glob("032*")
    assert RunFolder.open(path).has_checkpoint
    assert not RunFolder.open(path).is_finished
