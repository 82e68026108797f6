"""Closing: every way a dock ends is heard, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QCoreApplication
from qtpy.QtWidgets import QVBoxLayout, QWidget

from specimen_unet.widgets.closing import Closing

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    QVBoxLayout(window)
    qtbot.addWidget(window)
    return window


def test_taken_out_of_its_window_it_is_closed(window: QWidget, qtbot: QtBot) -> None:
    dock = QWidget()
    qtbot.addWidget(dock)
    calls: list[bool] = []
    closing = Closing(dock, lambda: calls.append(closing.viewer_goes))
    window.layout().addWidget(dock)
    assert calls == []
    dock.setParent(None)
    assert calls == [False]
    window.layout().addWidget(dock)
    dock.setParent(None)
    assert calls == [False, False]


def test_hiding_and_moving_are_no_closing(window: QWidget, qtbot: QtBot) -> None:
    dock, other = QWidget(), QWidget()
    qtbot.addWidget(other)
    window.layout().addWidget(dock)
    calls: list[None] = []
    closing = Closing(dock, lambda: calls.append(None))
    dock.hide()
    dock.show()
    dock.setParent(other)
    assert calls == []
    assert not closing.viewer_goes


def test_a_window_that_is_destroyed_takes_the_viewer_along(
    window: QWidget, qtbot: QtBot
) -> None:
    dock = QWidget()
    calls: list[bool] = []
    closing = Closing(dock, lambda: calls.append(closing.viewer_goes))
    inner = QWidget(window)
    QVBoxLayout(inner).addWidget(dock)
    inner.deleteLater()
    qtbot.waitUntil(lambda: calls != [])
    assert calls == [True]


def test_the_end_of_the_application_closes(window: QWidget) -> None:
    calls: list[None] = []
    closing = Closing(window, lambda: calls.append(None))
    QCoreApplication.instance().aboutToQuit.emit()
    assert calls == [None]
    assert closing.viewer_goes
