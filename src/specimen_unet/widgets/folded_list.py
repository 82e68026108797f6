"""A list that is folded away until somebody wants to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, PushButton, Widget
from qtpy.QtWidgets import QPlainTextEdit, QSizePolicy

from specimen_unet.widgets.note import QUIET

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEIGHT = 130


class FoldedList(Container[Widget]):
    """Names with reasons, below a button that counts them.

    Parameters
    ----------
    name : str
        Stable name.
    what : str
        What is listed: "Not paired".
    """

    def __init__(self, name: str, what: str) -> None:
        super().__init__(labels=False, name=name, visible=False)
        self.margins = (0, 0, 0, 0)
        self._what = what
        self._count = 0
        self.toggle = PushButton(name=f"show_{name}", text="", tooltip="Show or hide")
        self.toggle.native.setStyleSheet(QUIET)
        self.append(self.toggle)
        self.lines = QPlainTextEdit()
        self.lines.setReadOnly(True)
        self.lines.setFixedHeight(_HEIGHT)
        self.lines.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.native.layout().addWidget(self.lines)
        self.lines.hide()
        self.toggle.changed.connect(self._fold)

    def show_reasons(
        self, reasons: Mapping[str, str], *, is_unfolded: bool = False
    ) -> None:
        """List these, folded away unless said otherwise; nothing where none are."""
        self._count = len(reasons)
        self.lines.setPlainText("\n".join(f"{n}: {why}" for n, why in reasons.items()))
        self.visible = bool(reasons)
        self.lines.setVisible(is_unfolded)
        self._name_toggle()

    def _fold(self) -> None:
        self.lines.setVisible(self.lines.isHidden())
        self._name_toggle()

    def _name_toggle(self) -> None:
        arrow = "▸" if self.lines.isHidden() else "▾"
        self.toggle.text = f"{arrow} {self._what}: {self._count}"
