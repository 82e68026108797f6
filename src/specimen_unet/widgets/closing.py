"""Know when a dock was closed, however it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEvent, QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


class Closing(QObject):
    """Calls something when a widget is taken out of its window, or destroyed.

    napari hides the inner widget of a dock that is closed and keeps it alive, so
    Qt's own close event never comes. What does come: its parent is taken away.

    Parameters
    ----------
    widget : QWidget
        The dock's widget (``dock.native``).
    call : callable
        Called at every closing; a dock may be put back and closed again.

    Attributes
    ----------
    viewer_goes : bool
        Whether it is the whole viewer that goes: nothing in it is to be touched.
    """

    def __init__(self, widget: QWidget, call: Callable[[], object]) -> None:
        super().__init__()
        self._call = call
        self.viewer_goes = False
        self._had_parent = widget.parent() is not None
        widget.installEventFilter(self)
        widget.destroyed.connect(self._go_with_viewer)
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self._go_with_viewer)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Watch the widget lose its parent."""
        if (
            event is not None
            and watched is not None
            and event.type() == QEvent.Type.ParentChange
        ):
            has_parent = watched.parent() is not None
            if self._had_parent and not has_parent:
                self._call()
            self._had_parent = has_parent
        return False

    def _go_with_viewer(self) -> None:
        self.viewer_goes = True
        self._call()
