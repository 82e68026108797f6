"""The table of scores, and ways to take it elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from specimen_unet.widgets.score_table import MOST_LABELS, ScoreTable
from specimen_unet.widgets.table_export import TableExport

if TYPE_CHECKING:
    from specimen_unet.domain.comparison import Scores


class ScorePanel(QWidget):
    """A `ScoreTable` with buttons to copy it and to save it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ScoreTable()
        self.export = TableExport(self.table, "scores")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(self.export)

    def show_scores(self, scores: Scores) -> None:
        """Show new scores."""
        self.table.show_scores(
            scores.table, unit=scores.grid.unit, dimensions=scores.grid.dimensions
        )
        labels = scores.table["label"].nunique()
        self.export.note.tell(
            f"The first {MOST_LABELS} of {labels} labels are shown; copy or save the "
            "table to have all."
            if labels > MOST_LABELS
            else ""
        )
