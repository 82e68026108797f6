"""Names too long for their box are told apart by their beginning and their end."""

from __future__ import annotations

import pytest
from magicgui.widgets import ComboBox
from qtpy.QtCore import QEvent, QPoint
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from specimen_unet.widgets.elision import elide_in_the_middle

ONE, OTHER = (f"specimen-011-left-breast-superior-margin - {n}" for n in (1, 7))


@pytest.fixture
def box(qtbot):
    box = ComboBox(choices=[ONE, OTHER, "short"], tooltip="What is judged.")
    elide_in_the_middle(box)
    qtbot.addWidget(box.native)
    box.native.resize(150, 26)
    box.native.show()
    return box


def picture(box, value: str):
    box.value = value
    QApplication.processEvents()
    return box.native.grab().toImage()


def test_names_that_differ_at_their_end_look_different(box):
    assert picture(box, ONE) != picture(box, OTHER)
    assert picture(box, ONE) == picture(box, ONE)


def test_the_tooltip_tells_the_whole_name(box):
    box.value = OTHER
    where = box.native.mapToGlobal(QPoint(5, 5))
    QApplication.sendEvent(
        box.native, QHelpEvent(QEvent.Type.ToolTip, QPoint(5, 5), where)
    )
    assert QToolTip.text() == f"{OTHER}\nWhat is judged."


def test_a_name_that_fits_is_drawn_as_qt_draws_it(box, qtbot):
    plain = ComboBox(choices=[ONE, OTHER, "short"])
    qtbot.addWidget(plain.native)
    plain.native.resize(150, 26)
    plain.native.show()
    assert picture(box, "short") == picture(plain, "short")
