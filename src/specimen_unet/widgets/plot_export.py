"""A button that saves a plot for paper: a picture, a drawing, or its numbers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from specimen_unet.files.replacing import replaced
from specimen_unet.runs.plots import save_figure
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

_KINDS = {
    "Picture (*.png)": ".png",
    "Drawing (*.svg)": ".svg",
    "Numbers (*.csv)": ".csv",
}


class PlotExport(QWidget):
    """Saves what a plot shows, dark on light, and says where.

    Parameters
    ----------
    what : str
        What is drawn, "dice-over-slices"; also the name of the file.
    """

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what = what
        self._draw: Callable[[], Any] | None = None
        self._numbers: pd.DataFrame | None = None
        self.button = QPushButton("Save plot…")
        self.button.setObjectName(f"save_{what}")
        self.button.setToolTip(
            "Save the plot, dark on white, as PNG or SVG; or its numbers as CSV."
        )
        self.note = Note(f"{what}_note")
        self._saving = LatestTask(self)
        self._saving.answered.connect(self.note.tell)
        self.button.clicked.connect(self._ask)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.note.native)
        self.offer(None, None)

    @property
    def is_busy(self) -> bool:
        """Whether a plot is being saved."""
        return self._saving.is_busy

    def offer(
        self, draw: Callable[[], Any] | None, numbers: pd.DataFrame | None
    ) -> None:
        """Offer to save what `draw` returns, a matplotlib figure, or its numbers."""
        self._draw, self._numbers = draw, numbers
        self.button.setEnabled(draw is not None)

    def save(self, path: Path) -> None:
        """Save the plot there; matplotlib draws it beside the viewer's thread."""
        if self._draw is not None and self._numbers is not None:
            self._saving.ask(partial(_saved, path, self._draw, self._numbers))

    def _ask(self) -> None:
        chosen, kind = QFileDialog.getSaveFileName(
            self, "Save the plot", f"{self._what}.png", ";;".join(_KINDS)
        )
        if chosen:
            path = Path(chosen)
            known = path.suffix.lower() in _KINDS.values()
            self.save(path if known else Path(f"{path}{_KINDS.get(kind, '.png')}"))


def _saved(path: Path, draw: Callable[[], Any], numbers: pd.DataFrame) -> str:
    """Save a plot, or its numbers, and say so, or why not."""
    try:
        if path.suffix.lower() == ".csv":
            with replaced(path) as temporary:
                numbers.to_csv(temporary, index=False, float_format="%.6g")
        else:
            save_figure(path, draw)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}."
    return f"Saved: {path}"
