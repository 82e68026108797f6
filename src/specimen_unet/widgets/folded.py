"""A part of a dock that stays behind its title until somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from specimen_unet.widgets.note import QUIET

if TYPE_CHECKING:
    from collections.abc import Sequence


class Folded(QWidget):
    """A title that shows and hides what is below it.

    Parameters
    ----------
    name : str
        Stable name of the button.
    title : str
        What is in it.
    tooltip : str
        What one gets by unfolding it.
    """

    def __init__(
        self, name: str, title: str, tooltip: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self.button = QPushButton()
        self.button.setObjectName(name)
        self.button.setToolTip(tooltip)
        self.button.setStyleSheet(QUIET)
        self._inner = QWidget()
        self._column = QVBoxLayout(self._inner)
        self._column.setContentsMargins(8, 0, 0, 6)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.button)
        column.addWidget(self._inner)
        self.button.clicked.connect(self._turn)
        self.unfold(False)

    @property
    def is_unfolded(self) -> bool:
        """Whether what is below the title is shown."""
        return not self._inner.isHidden()

    def fill(self, parts: Sequence[QWidget]) -> None:
        """Put parts below the title, from top to bottom."""
        for part in parts:
            self._column.addWidget(part)

    def unfold(self, is_unfolded: bool = True) -> None:
        """Show or hide what is below the title."""
        self._inner.setVisible(is_unfolded)
        self.button.setText(f"{'▾' if is_unfolded else '▸'} {self._title}")

    def _turn(self) -> None:
        self.unfold(not self.is_unfolded)
