"""What was painted is asked about before dock or window go, in a real viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QMainWindow, QPushButton

from specimen_unet.files.images import read_labels, write_image, write_labels
from specimen_unet.widgets import case_opening
from specimen_unet.widgets.cases_dock import CasesDock
from specimen_unet.widgets.dock_opening import open_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case

pytestmark = pytest.mark.viewer

LONG = 60_000


@pytest.fixture
def labels_file(tmp_path: Path, make_blob_case: Callable[..., Case]) -> Path:
    case = make_blob_case((32, 32))
    write_image(tmp_path / "032.tif", case.image[0], case.grid)
    write_labels(tmp_path / "032_EA.tif", case.labels["EA"], case.grid)
    return tmp_path / "032_EA.tif"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[Any]]:
    """Answer with the last of a list; remember what was asked."""
    answers, asked = ["stay"], []

    def ask(_: Any, case: str, observers: list[str]) -> str:
        asked.append((case, observers))
        return answers[-1]

    monkeypatch.setattr(case_opening, "ask_about_edits", ask)
    return answers, asked


@pytest.fixture
def painted(
    labels_file: Path,
    make_napari_viewer_proxy: Callable[..., Any],
    qtbot: QtBot,
    answers: Any,
) -> Callable[[], tuple[Any, CasesDock]]:
    """Open the folder and its case, and paint; a test holds the viewer, no fixture."""

    def paint() -> tuple[Any, CasesDock]:
        viewer = make_napari_viewer_proxy(show=True)
        dock = open_dock(viewer, CasesDock, "Cases")
        dock.show_folder(labels_file.parent)
        qtbot.waitUntil(lambda: dock.table is not None, timeout=LONG)
        dock.shelf.view.selectRow(0)
        qtbot.waitUntil(lambda: "032 EA" in viewer.layers, timeout=LONG)
        viewer.layers["032 EA"].data[:3, :3] = 1
        return viewer, dock

    return paint


def window_of(dock: CasesDock) -> QMainWindow:
    place = dock.native.parentWidget()
    while not isinstance(place, QMainWindow):
        place = place.parentWidget()
    return place


def press_close(dock: CasesDock) -> None:
    holder = dock.native.parentWidget()
    (button,) = holder.findChildren(QPushButton, "QTitleBarCloseButton")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def is_docked(viewer: Any, dock: CasesDock) -> bool:
    return dock in viewer.window.dock_widgets.values() and dock.native.isVisible()


def test_who_stays_gets_the_dock_back_as_it_was(
    painted: Callable[[], tuple[Any, CasesDock]],
    answers: Any,
    labels_file: Path,
    qtbot: QtBot,
) -> None:
    viewer, dock = painted()
    press_close(dock)
    qtbot.waitUntil(lambda: bool(answers[1]) and is_docked(viewer, dock))
    assert answers[1] == [("032", ["EA"])]
    assert viewer.layers["032 EA"].data[:3, :3].all()
    assert not read_labels(labels_file)[0][:3, :3].all()

    with qtbot.waitSignal(dock.opening.saved, timeout=LONG):  # it still works
        dock.save_labels.native.click()
    assert read_labels(labels_file)[0][:3, :3].all()
    press_close(dock)
    qtbot.wait(50)
    assert len(answers[1]) == 1
    assert not is_docked(viewer, dock)


@pytest.mark.parametrize("answer", ["save", "discard"])
def test_paint_is_saved_or_taken_back_before_the_dock_goes(
    painted: Callable[[], tuple[Any, CasesDock]],
    answers: Any,
    labels_file: Path,
    qtbot: QtBot,
    answer: str,
) -> None:
    viewer, dock = painted()
    answers[0].append(answer)
    before = read_labels(labels_file)[0]
    press_close(dock)
    qtbot.waitUntil(lambda: bool(answers[1]))
    assert not is_docked(viewer, dock)
    saved = read_labels(labels_file)[0]
    assert saved[:3, :3].all() == (answer == "save")
    np.testing.assert_array_equal(viewer.layers["032 EA"].data, saved)
    if answer == "discard":
        np.testing.assert_array_equal(saved, before)


def test_the_window_stays_with_who_stays(
    painted: Callable[[], tuple[Any, CasesDock]], answers: Any, labels_file: Path
) -> None:
    viewer, dock = painted()
    window = window_of(dock)
    window.close()  # as File ▸ Close Window does
    assert answers[1] == [("032", ["EA"])]
    assert window.isVisible()
    assert is_docked(viewer, dock)
    answers[0].append("save")
    # napari's fixture closes the window: here only whether it may.
    assert not dock._question.eventFilter(window, QCloseEvent())
    assert read_labels(labels_file)[0][:3, :3].all()


def test_nothing_is_asked_where_nothing_was_painted(
    painted: Callable[[], tuple[Any, CasesDock]], answers: Any
) -> None:
    viewer, dock = painted()
    dock.opening.discard()
    press_close(dock)
    assert not is_docked(viewer, dock)
    assert answers[1] == []
    assert "032 EA" in viewer.layers
