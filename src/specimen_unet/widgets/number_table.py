"""Tables of numbers that people read and copy, but do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

if TYPE_CHECKING:
    import pandas as pd
    from qtpy.QtGui import QKeyEvent

_NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_MOST_ROWS = 12


class NumberTable(QTableWidget):
    """Names in the first column, numbers in the others; as high as its rows."""

    def __init__(self, name: str, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(0, columns, parent)
        self.setObjectName(name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self._header = _header()
        self.setHorizontalHeader(self._header)
        self._header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        rows = QHeaderView(Qt.Orientation.Vertical)
        self.setVerticalHeader(rows)
        rows.hide()
        self.values: pd.DataFrame | None = None

    def text(self, separator: str = "\t") -> str:
        """Return the table as text, full names and all columns."""
        if self.values is None:
            return ""
        return self.values.to_csv(sep=separator, index=False, float_format="%.6g")

    def copy(self) -> None:
        """Put the table on the clipboard, ready to be pasted into a spreadsheet."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.text())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Copy the whole table by the usual keys."""
        if event is not None and event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def name_column(self, column: int, name: str, tip: str) -> None:
        """Write what stands above a column."""
        item = self.horizontalHeaderItem(column) or QTableWidgetItem()
        item.setText(name)
        item.setToolTip(tip)
        self.setHorizontalHeaderItem(column, item)

    def write_cell(self, row: int, column: int, text: str, tip: str) -> None:
        """Write a cell, reusing its item."""
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            if column:
                item.setTextAlignment(_NUMBER)
            self.setItem(row, column, item)
        item.setText(text)
        item.setToolTip(tip)

    def fit_height(self) -> None:
        """Be as high as the rows, up to a dozen of them."""
        shown = min(self.rowCount(), _MOST_ROWS)
        rows = sum(self.rowHeight(row) for row in range(shown))
        self.setFixedHeight(rows + self._header.sizeHint().height() + 4)


def _header() -> QHeaderView:
    """Make a header whose columns are as wide as their numbers."""
    header = QHeaderView(Qt.Orientation.Horizontal)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setMinimumSectionSize(34)
    header.setHighlightSections(False)
    return header
