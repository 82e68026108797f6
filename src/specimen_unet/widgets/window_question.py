"""Something to settle before a person closes the viewer's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable


class WindowQuestion(QObject):
    """Holds back the closing of a widget's window until something is settled.

    Parameters
    ----------
    widget : QWidget
        The dock's widget (``dock.native``); its window is found once it is shown.
    may_close : callable
        Asks a person; False if the window is to stay.
    """

    def __init__(self, widget: QWidget, may_close: Callable[[], bool]) -> None:
        super().__init__(widget)
        self._widget = widget
        self._may_close = may_close
        self._window: QMainWindow | None = None
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Find the window, and hear that it is about to close."""
        if event is None:
            return False
        if event.type() == QEvent.Type.Show and watched is self._widget:
            self._find_window()
        if event.type() == QEvent.Type.Close and watched is self._window:
            if self._is_closed_by_script() or self._may_close():
                return False
            event.ignore()
            return True
        return False

    def _find_window(self) -> None:
        """Watch the viewer's window, also if the dock floats in one of its own."""
        place = self._widget.parentWidget()
        while place is not None and not isinstance(place, QMainWindow):
            place = place.parentWidget()
        if place is not None and place is not self._window:
            place.installEventFilter(self)
            self._window = place

    def _is_closed_by_script(self) -> bool:
        """Whether ``viewer.close()`` has closed the canvas already: nobody to ask."""
        canvas = self._window.centralWidget() if self._window is not None else None
        return canvas is None or canvas.isHidden()
