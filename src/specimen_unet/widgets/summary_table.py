"""Scores of many cases summed up: mean, spread, interval, and what is undefined."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QTableWidgetItem, QWidget

from specimen_unet.widgets.number_table import NumberTable
from specimen_unet.widgets.quantities import UNDEFINED

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    ("Label", "The label, by its name."),
    ("Mean", "Mean Dice of all cases where it is defined."),
    ("SD", "Spread of the cases' Dice (standard deviation)."),
    ("95 %", "Where the mean would lie if other groups had been measured: a bootstrap "
     "interval that draws whole groups."),
    ("Cases", "How many count in the mean."),
    ("Undef.", "Cases where neither of the two has the label: left out of the mean."),
)  # fmt: skip


class SummaryTable(NumberTable):
    """Dice of every pair of annotations, under a line that names the pair.

    Copied or saved, it holds the other scores, too.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("summary", len(_COLUMNS), parent)
        for column, (name, tip) in enumerate(_COLUMNS):
            self.name_column(column, name, tip)

    def show_summary(self, table: pd.DataFrame) -> None:
        """Show a table of `runs.study_scores.summary_of`."""
        self.values = table
        self.clearSpans()
        self.setRowCount(0)
        shown = table[table["score"] == "dice"]
        for (first, second), rows in shown.groupby(["first", "second"], sort=False):
            who = "Prediction" if first == "prediction" else first
            self._show_title(f"{who} against {second}: Dice")
            for row in rows.to_dict("records"):
                self._show_row(row)
        self.fit_height()

    def _show_title(self, title: str) -> None:
        """Name a pair across the whole width."""
        row = self.rowCount()
        self.insertRow(row)
        item = QTableWidgetItem(title)
        item.setToolTip(title)
        font = item.font()
        font.setBold(True)
        item.setFont(font)
        self.setItem(row, 0, item)
        self.setSpan(row, 0, 1, len(_COLUMNS))

    def _show_row(self, scores: dict[Any, Any]) -> None:
        row = self.rowCount()
        self.insertRow(row)
        low, high = scores["low"], scores["high"]
        cells = (
            (str(scores["name"]), f"Label {scores['label']}"),
            _cell(scores["mean"]),
            _cell(scores["sd"]),
            (f"{_short(low)}–{_short(high)}", f"{low:.6f} to {high:.6f}"),
            (str(scores["cases"]), f"They belong to {scores['groups']} groups"),
            (str(scores["undefined"]), "Left out of the mean"),
        )
        for column, (text, tip) in enumerate(cells):
            self.write_cell(row, column, text, tip)


def _cell(value: float) -> tuple[str, str]:
    """Write a number, and beside the pointer with all its digits."""
    return _short(value), f"{value:.6f}"


def _short(value: float) -> str:
    return UNDEFINED if math.isnan(value) else f"{value:.2f}"
