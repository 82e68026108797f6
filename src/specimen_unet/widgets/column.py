"""Parts of a dock, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, Widget
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QResizeEvent


_NARROWEST = 330


class _Column(QWidget):
    """Needs the height that its texts have at its width.

    Qt takes the height of wrapped texts at their narrowest, and scrolls for nothing.
    """

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least width, and the height at the present width."""
        hint = super().minimumSizeHint()
        layout = self.layout()
        if layout is None or not layout.hasHeightForWidth():
            return hint
        width = max(self.width(), hint.width())
        return QSize(hint.width(), layout.totalHeightForWidth(width))

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Ask for another height when the width changes."""
        super().resizeEvent(event)
        if event is not None and event.size().width() != event.oldSize().width():
            self.updateGeometry()


class _Scroll(QScrollArea):
    """As wide as the widest row needs beside the scroll bar, with the words of now."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Follow the rows, which ask for another layout when their words change."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit_width()
        return super().eventFilter(watched, event)

    def _fit_width(self) -> None:
        rows, bar = self.widget(), self.verticalScrollBar()
        if rows is not None and bar is not None:
            needed = rows.minimumSizeHint().width() + bar.sizeHint().width()
            self.setMinimumWidth(max(_NARROWEST, needed + 2 * self.frameWidth()))


def fill_column(
    dock: Container[Widget],
    parts: Sequence[Widget | QWidget],
    fills: QWidget | None = None,
) -> None:
    """Put parts into an empty dock, below one another; what does not fit scrolls.

    magicgui's own scrolling is lost in napari, which takes the inner widget out.

    Parameters
    ----------
    dock : Container
        Without any widget of its own; it must keep the parts alive.
    parts : sequence of magicgui Widget or QWidget
        From top to bottom.
    fills : QWidget, optional
        The one of them that takes the room that is left.
    """
    inner = _Column()
    column = QVBoxLayout(inner)
    column.setContentsMargins(6, 4, 6, 4)
    column.setSpacing(6)
    for part in parts:
        column.addWidget(part.native if isinstance(part, Widget) else part)
    if fills is None:
        column.addStretch(1)
    else:
        column.setStretchFactor(fills, 1)
    scroll = _Scroll()
    scroll.setWidget(inner)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setMinimumWidth(_NARROWEST)
    dock.margins = (0, 0, 0, 0)
    dock.native.layout().addWidget(scroll)
    # Otherwise napari squeezes the dock with a stretch below it.
    dock.native.setSizePolicy(
        QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding
    )
