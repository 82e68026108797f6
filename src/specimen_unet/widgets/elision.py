"""Long names in narrow boxes: what tells two of them apart is often at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import (
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
)

if TYPE_CHECKING:
    from magicgui.widgets import ComboBox


class MiddleElision(QObject):
    """Leaves out the middle of a name too long for its box; the tooltip tells it all.

    Qt leaves out the end.
    """

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Draw the box, or tell its whole name."""
        if not isinstance(watched, QComboBox) or event is None:
            return False
        if event.type() == QEvent.Type.Paint:
            _draw(watched)
            return True
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            told = f"{watched.currentText()}\n{watched.toolTip()}".strip()
            QToolTip.showText(event.globalPos(), told, watched)
            return True
        return False


def elide_in_the_middle(box: ComboBox) -> None:
    """Let a box show the beginning and the end of names that are too long for it."""
    native: QComboBox = box.native
    native.installEventFilter(MiddleElision(native))
    view = native.view()
    if view is not None:
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)


def _draw(box: QComboBox) -> None:
    """Draw a box as Qt does, but for its text."""
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    painter = QStylePainter(box)
    control = QStyle.ComplexControl.CC_ComboBox
    painter.drawComplexControl(control, option)
    # Every widget has one.
    style = cast("QStyle", box.style())
    field = style.subControlRect(
        control, option, QStyle.SubControl.SC_ComboBoxEditField, box
    )
    option.currentText = box.fontMetrics().elidedText(
        option.currentText, Qt.TextElideMode.ElideMiddle, field.width() - 2
    )
    painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
    painter.end()
