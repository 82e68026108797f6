"""MoreTime: a training that has ended can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from specimen_unet.widgets.more_time import MoreTime

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_a_press_asks_for_so_many_minutes_more(qtbot: QtBot) -> None:
    more = MoreTime()
    qtbot.addWidget(more.native)
    more.native.show()
    asked: list[float] = []
    more.asked.connect(asked.append)
    qtbot.mouseClick(more.longer.native, Qt.MouseButton.LeftButton)
    more.minutes.value = 2.5
    qtbot.mouseClick(more.longer.native, Qt.MouseButton.LeftButton)
    assert asked == [10.0, 2.5]
