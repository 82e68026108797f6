"""The cases of a folder as Qt's views see them: rows, columns, sorted and filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QSortFilterProxyModel,
    Qt,
)
from qtpy.QtGui import QImage, QPainter, QPixmap

from specimen_unet.files.case_table import COLUMNS, UNREAD, Column
from specimen_unet.files.thumbnails import THUMBNAIL, outlined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_table import CaseTable, Row

_HEADS: dict[Column, tuple[str, str]] = {
    "case": (
        "Case",
        "Name of the case; a click on it shows it. Outlines on its picture, once its "
        "labels are read: orange what the first observer drew, blue the last "
        "prediction",
    ),
    "size": ("Size", "Voxels along Z, Y and X, or pixels along Y and X"),
    "spacing": ("Spacing", "Size of a voxel, – where the file does not say"),
    "observers": ("Observers", "Who drew on it"),
    "labels": ("Labels", "Labels that are drawn on it"),
    "group": ("Group", "Cases of one group stay on one side of a split"),
    "split": ("Split", "What it is to be used for; empty: the plan decides"),
    "dice": (
        "Dice",
        "Of the last prediction, the mean over labels and observers; – where it is "
        "undefined",
    ),
}
_NUMBERS = ("dice",)
_ROOT = QModelIndex()


class CaseModel(QAbstractTableModel):
    """Rows of a `CaseTable`; it reads nothing."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.table: CaseTable | None = None
        self._pictures: dict[str, tuple[tuple[Any, ...], QPixmap]] = {}
        self._empty: QPixmap | None = None

    @property
    def rows(self) -> list[Row]:
        """The cases."""
        return self.table.rows if self.table is not None else []

    def show_table(self, table: CaseTable | None) -> None:
        """Show other cases, or none."""
        self.beginResetModel()
        self.table = table
        self._pictures.clear()
        self.endResetModel()

    def tell_changed(self, rows: Iterable[Row]) -> None:
        """Have some cases drawn anew."""
        changed = {id(row) for row in rows}
        numbers = [n for n, row in enumerate(self.rows) if id(row) in changed]
        if numbers:
            first, last = (
                self.index(min(numbers), 0),
                self.index(max(numbers), len(COLUMNS) - 1),
            )
            self.dataChanged.emit(first, last)

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort the rows; whoever holds on to one finds it at its new place."""
        if self.table is None or column < 0:
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        rows = [self.rows[index.row()] for index in held]
        is_downwards = order == Qt.SortOrder.DescendingOrder
        self.table.sort(COLUMNS[column], is_downwards=is_downwards)
        places = {id(row): number for number, row in enumerate(self.rows)}
        moved = [
            self.index(places[id(row)], index.column())
            for row, index in zip(rows, held, strict=True)
        ]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:  # noqa: N802
        """Count the cases."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:  # noqa: N802
        """Count the columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Name a column."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return _HEADS[COLUMNS[section]][0]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _HEADS[COLUMNS[section]][1]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if self.table is None or not index.isValid():
            return None
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.table.text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == "case":
            return self._picture(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in _NUMBERS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _tip(self, row: Row, column: Column) -> str:
        """Tell what does not fit into the cell, and what is wrong with a case."""
        text = self.table.text(row, column) if self.table is not None else ""
        files = "\n".join(row.files.files) if column == "case" else ""
        predicted = ""
        if column == "dice" and row.predicted is not None:
            predicted = f"by {row.predicted[1].model}\n{row.predicted[0]}"
        told = [text if text != UNREAD else "not read yet", files, predicted]
        return "\n".join(part for part in [*told, row.problem] if part)

    def _picture(self, row: Row) -> QPixmap:
        """Return the thumbnail of a case, or what stands for it until it is read."""
        if row.image is not None and row.image.thumbnail is not None:
            return self._kept_picture(row, row.image.thumbnail)
        if self._empty is None:
            self._empty = _pixmap(np.zeros((THUMBNAIL, THUMBNAIL), np.uint8))
            self._empty.fill(Qt.GlobalColor.transparent)
        return self._empty

    def _kept_picture(self, row: Row, thumbnail: Array) -> QPixmap:
        """Draw the thumbnail of a case, unless it was drawn from the same facts."""
        facts = row.image, row.labels, row.score
        known, picture = self._pictures.get(row.name, ((), None))
        if picture is None or any(
            a is not b for a, b in zip(known, facts, strict=True)
        ):
            drawn = row.labels.outline if row.labels else None
            predicted = row.score.outline if row.score else None
            picture = _centred(_pixmap(outlined(thumbnail, drawn, predicted)))
            self._pictures[row.name] = facts, picture
        return picture


class CaseOrder(QSortFilterProxyModel):
    """Shows some of the cases; the sorting is left to the model.

    Qt would ask Python for two cells at each of ten thousand comparisons.
    """

    def __init__(self, model: CaseModel) -> None:
        super().__init__(model)
        self._model = model
        self._words: list[str] = []
        self.setSourceModel(model)
        self.setDynamicSortFilter(False)

    @property
    def is_narrowed(self) -> bool:
        """Whether only some of the cases are shown."""
        return bool(self._words)

    def show_matching(self, text: str) -> None:
        """Show the cases that have all of these words somewhere."""
        self._words = text.lower().split()
        self.invalidateFilter()

    def shown_rows(self) -> list[Row]:
        """List the cases that are shown, from top to bottom."""
        return [self.row_at(number) for number in range(self.rowCount())]

    def row_at(self, number: int) -> Row:
        """Return the case in a row that is shown."""
        return self._model.rows[self.mapToSource(self.index(number, 0)).row()]

    def number_of(self, row: Row) -> int | None:
        """Return in which row a case is shown; None where it is not."""
        rows = self._model.rows
        source = next((n for n, each in enumerate(rows) if each is row), None)
        if source is None:
            return None
        index = self.mapFromSource(self._model.index(source, 0))
        return index.row() if index.isValid() else None

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Have the model sorted."""
        self._model.sort(column, order)

    def filterAcceptsRow(self, number: int, parent: QModelIndex) -> bool:  # noqa: N802
        """Tell whether a case has all the words."""
        table = self._model.table
        return table is not None and table.matches(table.rows[number], self._words)


def _pixmap(picture: np.ndarray[Any, Any]) -> QPixmap:
    """Turn a picture, gray (Y, X) or in colours (Y, X, 3), into Qt's."""
    picture = np.ascontiguousarray(picture)
    height, width = picture.shape[:2]
    is_gray = picture.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if is_gray else QImage.Format.Format_RGB888
    image = QImage(
        picture.tobytes(), width, height, width * (1 if is_gray else 3), kind
    )
    return QPixmap.fromImage(image)


def _centred(picture: QPixmap) -> QPixmap:
    """Put a thumbnail into the middle of a square, so that names stand in a line."""
    whole = QPixmap(THUMBNAIL, THUMBNAIL)
    whole.fill(Qt.GlobalColor.transparent)
    painter = QPainter(whole)
    painter.drawPixmap(
        (THUMBNAIL - picture.width()) // 2,
        (THUMBNAIL - picture.height()) // 2,
        picture,
    )
    painter.end()
    return whole
