"""The table of scores, and ways to take it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from specimen_unet.files.replacing import replaced
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.score_table import MOST_LABELS, ScoreTable

if TYPE_CHECKING:
    from specimen_unet.domain.comparison import Scores


class ScorePanel(QWidget):
    """A `ScoreTable` with buttons to copy it and to save it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ScoreTable()
        self.copy_button = QPushButton("Copy table")
        self.copy_button.setObjectName("copy_table")
        self.copy_button.setToolTip("Copy all scores, to paste into a spreadsheet.")
        self.save_button = QPushButton("Save CSV…")
        self.save_button.setObjectName("save_csv")
        self.save_button.setToolTip("Save all scores as a table of numbers.")
        self._note = Note("table_note")
        self.copy_button.clicked.connect(self._copy)
        self.save_button.clicked.connect(self._save)
        self._lay_out()

    def show_scores(self, scores: Scores) -> None:
        """Show new scores."""
        self.table.show_scores(
            scores.table, unit=scores.grid.unit, dimensions=scores.grid.dimensions
        )
        labels = scores.table["label"].nunique()
        self._note.tell(
            f"The first {MOST_LABELS} of {labels} labels are shown; copy or save the "
            "table to have all."
            if labels > MOST_LABELS
            else ""
        )

    def _copy(self) -> None:
        self.table.copy()
        self._note.tell("Copied: paste it into a spreadsheet.")

    def _save(self) -> None:
        """Ask where to, and write the table there."""
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save the scores", "scores.csv", "Table (*.csv)"
        )
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(".csv")
        try:
            with replaced(path) as temporary:
                temporary.write_text(self.table.text(separator=","), encoding="utf-8")
        except OSError as error:
            self._note.tell(f"{path} cannot be written: {error.strerror}.")
        else:
            self._note.tell(f"Saved: {path}")

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addLayout(buttons)
        column.addWidget(self._note.native)
