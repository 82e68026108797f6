"""Texts of several lines beside the controls they are about."""

from __future__ import annotations

from typing import Literal

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

Kind = Literal["plain", "caution", "problem"]

# A tinted ground reads well in napari's dark and light themes alike.
_STYLES: dict[Kind, str] = {
    "plain": "",
    "caution": "background: rgba(240, 180, 40, 35); border-left: 3px solid #d9a420;",
    "problem": "background: rgba(240, 90, 60, 45); border-left: 3px solid #e5573f;",
}


QUIET = "QPushButton { background: transparent; text-align: left; padding: 3px; }"
"""Looks of a button that only shows or hides something."""

MAIN = (
    "QPushButton:enabled { background: #3d62c4; color: white; font-weight: bold; }"
    "QPushButton:enabled:hover { background: #4d74dc; }"
)
"""Looks of the one button that a dock is there for."""


class Note(Label):
    """A text that wraps, and takes no room while there is nothing to say.

    Parameters
    ----------
    name : str
        Stable name of the control.
    kind : {"plain", "caution", "problem"}
        What ground the text stands on.
    tooltip : str
        What people read over it.
    """

    def __init__(self, name: str, kind: Kind = "plain", tooltip: str = "") -> None:
        super().__init__(name=name, value="", tooltip=tooltip, label="")
        text: QLabel = self.native
        text.setWordWrap(True)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Not `Minimum`: a scroll area would take the height of a narrower text.
        text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        text.setMinimumWidth(60)
        if _STYLES[kind]:
            text.setStyleSheet(f"QLabel {{ {_STYLES[kind]} padding: 5px; }}")
        self.visible = False

    def tell(self, text: str) -> None:
        """Show a text, or nothing when it is empty."""
        if text != self.value:
            self.value = text
        self.visible = bool(text)
