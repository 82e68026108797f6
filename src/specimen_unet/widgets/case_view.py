"""The table of cases on the screen: it knows which rows are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QItemSelectionModel,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableView,
    QWidget,
)

from specimen_unet.files.case_table import COLUMNS
from specimen_unet.files.thumbnails import THUMBNAIL
from specimen_unet.widgets.case_model import CaseModel, CaseOrder

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent, QShowEvent

    from specimen_unet.files.case_table import Column, Row

_LOOK_MS = 40
_WIDTHS = {
    "case": 154,
    "size": 96,
    "spacing": 136,
    "observers": 84,
    "labels": 64,
    "group": 100,
    "split": 72,
    "dice": 54,
}
_HEIGHT = 300


class CaseView(QTableView):
    """Rows of cases with thumbnails; several can be selected.

    Signals
    -------
    looked
        Other rows are seen than before.
    clicked_case : Row
        A person clicked on a case, or went to it by the keys.
    chosen
        Other rows are selected.
    sorted_by : str
        A person sorts by this column.
    """

    looked = Signal()
    clicked_case = Signal(object)
    chosen = Signal()
    sorted_by = Signal(str)

    def __init__(self, model: CaseModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("case_table")
        self.order = CaseOrder(model)
        self.setModel(self.order)
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self.looked)
        self._set_looks()
        self._set_header()
        self._connect(model)

    @property
    def is_settling(self) -> bool:
        """Whether it is soon told that other rows are seen."""
        return self._look.isActive()

    def visible_rows(self) -> list[Row]:
        """List the cases that are seen, and a few below."""
        count = self.order.rowCount()
        if not count:
            return []
        height = self._viewport().height()
        first = max(self.rowAt(0), 0)
        last = self.rowAt(height - 1)
        last = count - 1 if last < 0 else min(last + 2, count - 1)
        return [self.order.row_at(number) for number in range(first, last + 1)]

    def show_column(self, column: Column) -> None:
        """Scroll to a column; the cases that are seen stay."""
        number = COLUMNS.index(column)
        right = self.columnViewportPosition(number) + self.columnWidth(number)
        bar = self.horizontalScrollBar()
        if bar is not None:
            bar.setValue(bar.value() + max(0, right - self._viewport().width()))

    def visible_columns(self) -> list[str]:
        """List the columns that are seen, at least in part."""
        width = self._viewport().width()
        return [
            column
            for number, column in enumerate(COLUMNS)
            if self.columnViewportPosition(number) < width
            and self.columnViewportPosition(number) + self.columnWidth(number) > 0
        ]

    def selected_rows(self) -> list[Row]:
        """List the cases that are selected, from top to bottom."""
        selection = self._selection()
        numbers = sorted(index.row() for index in selection.selectedRows())
        return [self.order.row_at(number) for number in numbers]

    def sort_again(self) -> None:
        """Sort by the same column once more is known."""
        header = cast("QHeaderView", self.horizontalHeader())
        self.order.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        self._look_soon()

    def show_matching(self, text: str) -> None:
        """Show the cases that have all of these words somewhere."""
        self.order.show_matching(text)
        self._look_soon()
        self.chosen.emit()

    def select_only(self, row: Row | None) -> None:
        """Select one case, without telling that it was clicked on."""
        number = self.order.number_of(row) if row is not None else None
        with_signals = self._selection().blockSignals(True)
        if number is None:
            self.clearSelection()
        else:
            self.selectRow(number)
        self._selection().blockSignals(with_signals)
        self._viewport().update()
        self.chosen.emit()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Take the room there is."""
        return QSize(330, _HEIGHT)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """See other rows."""
        super().resizeEvent(event)
        self._look_soon()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """See rows for the first time."""
        super().showEvent(event)
        self._look_soon()

    def _set_looks(self) -> None:
        self.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMinimumHeight(_HEIGHT // 2)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

    def _set_header(self) -> None:
        header = cast("QHeaderView", self.horizontalHeader())
        header.setHighlightSections(False)
        header.setSectionsMovable(False)
        header.setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        for number, column in enumerate(COLUMNS):
            self.setColumnWidth(number, _WIDTHS[column])
        rows = cast("QHeaderView", self.verticalHeader())
        rows.hide()
        # Rows of one height need not be measured, of which there may be thousands.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(THUMBNAIL + 4)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        header.sortIndicatorChanged.connect(self._tell_sorted)

    def _connect(self, model: CaseModel) -> None:
        for bar in (self.verticalScrollBar(), self.horizontalScrollBar()):
            if bar is not None:
                bar.valueChanged.connect(self._look_soon)
        model.modelReset.connect(self._look_soon)
        self.order.layoutChanged.connect(self._look_soon)
        selection = self._selection()
        selection.selectionChanged.connect(lambda *_: self.chosen.emit())
        selection.currentRowChanged.connect(self._go_to)
        self.clicked.connect(lambda index: self._go_to(index))

    def _go_to(self, index: object, *_: object) -> None:
        """Tell of a case that is the only one selected."""
        QTimer.singleShot(0, self._tell_current)

    def _tell_current(self) -> None:
        rows = self.selected_rows()
        if len(rows) == 1:
            self.clicked_case.emit(rows[0])

    def _tell_sorted(self, number: int, _: Qt.SortOrder) -> None:
        self.sorted_by.emit(COLUMNS[number])
        self._look_soon()

    def _look_soon(self, *_: object) -> None:
        """Tell a moment later; a timer would take a scroll bar's value for its time."""
        self._look.start()

    def _selection(self) -> QItemSelectionModel:
        return cast("QItemSelectionModel", self.selectionModel())

    def _viewport(self) -> QWidget:
        return cast("QWidget", self.viewport())
