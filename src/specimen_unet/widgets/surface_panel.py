"""How far surfaces lie apart: asked for, as it takes longer than a stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Signal,
)
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from specimen_unet.widgets.note import Note
from specimen_unet.widgets.number_table import NumberTable
from specimen_unet.widgets.quantities import (
    UNDEFINED,
    score_text,
    unit_name,
    without_common_words,
)
from specimen_unet.widgets.surface_work import SurfaceWork
from specimen_unet.widgets.table_export import TableExport

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from specimen_unet.domain.comparison import Comparison
    from specimen_unet.domain.grid import Grid
    from specimen_unet.runs.surface_job import SurfaceJob
    from specimen_unet.widgets.surface_work import CaseProgress

_MEASURE, _STOP = "Measure surfaces", "Stop"
_COLUMNS = {
    "hd95": ("HD95", "How far outlines are apart at their worst, 5 % left out."),
    "mean_surface_distance": ("Mean", "How far outlines are apart on average."),
    "surface_dice": ("Surface\nDice", "Share of both surfaces within the tolerance."),
}
_UNDEFINED = "Undefined: a label that one of the two lacks has no distance."
_STALE = "Labels have changed since: measure again."


class SurfacePanel(QWidget):
    """A tolerance, a button, and a row for each pair and label.

    Signals
    -------
    asked
        Somebody wants surfaces measured; answer with `measure`.
    tolerance_changed : float and str
        The tolerance and its unit.
    """

    asked = Signal()
    tolerance_changed = Signal(float, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tolerance = QDoubleSpinBox()
        self.tolerance.setObjectName("tolerance")
        self.tolerance.setDecimals(3)
        self.tolerance.setMaximum(1e6)
        self.tolerance.setToolTip(
            "Distance up to which outlines agree. Take what two observers differ by: "
            "their mean distance is a good start."
        )
        self._unit = QLabel()
        self._grid: Grid | None = None
        self.button = QPushButton(_MEASURE)
        self.button.setObjectName("measure_surfaces")
        self.button.setToolTip("Measure HD95, mean distance and surface Dice.")
        self.note = Note("surface_note", "caution")
        self.progress = Note("surface_progress")
        self.table = NumberTable("surfaces", 1 + len(_COLUMNS))
        self.export = TableExport(self.table, "surface-distances")
        self.work = SurfaceWork(self)
        self._connect()
        self._lay_out()
        self._show_table(False)

    @property
    def is_busy(self) -> bool:
        """Whether surfaces are being measured."""
        return self.work.is_active

    def offer(self, grid: Grid) -> None:
        """Take the unit of distances from this grid, and a tolerance of two voxels."""
        if grid == self._grid:
            return
        self._grid = grid
        self._unit.setText(unit_name(grid.unit, 1))
        step = min(grid.spacing)
        self.tolerance.setSingleStep(step)
        self.tolerance.setValue(2 * step)
        self._tell_tolerance()  # also where only the unit is another

    def measure(self, compared: Callable[[], Comparison]) -> None:
        """Measure what `compared` returns."""
        self.button.setText(_STOP)
        self.note.tell("")
        self.progress.tell("Starting the engine…")
        self.work.start(lambda: [("", compared())], self.tolerance.value() or None)

    def mark_stale(self) -> None:
        """Say that the labels are no longer those that were measured."""
        if self.table.values is not None:
            self.note.tell(_STALE)

    def forget(self) -> None:
        """Show nothing: other layers are compared now."""
        if self.is_busy:
            self.work.stop()
        self.table.values = None
        self.note.tell("")
        self._show_table(False)

    def _connect(self) -> None:
        self.button.clicked.connect(self._ask)
        self.tolerance.valueChanged.connect(self._tell_tolerance)
        self.work.progressed.connect(self._show_progress)
        self.work.done.connect(self._show)
        self.work.ended.connect(self._end)

    def _ask(self) -> None:
        if self.is_busy:
            self.progress.tell("Stopping…")
            self.work.stop()
        else:
            self.asked.emit()

    def _tell_tolerance(self) -> None:
        self.tolerance_changed.emit(self.tolerance.value(), self._unit.text())

    def _show_progress(self, progress: CaseProgress) -> None:
        if progress.pair is not None:
            pair = progress.pair
            self.progress.tell(f"Pair {pair.tile} of {pair.of} measured")

    def _end(self, message: str) -> None:
        self.button.setText(_MEASURE)
        self.progress.tell("")
        if message:
            self.note.tell(message)

    def _show(self, copies: dict[str, SurfaceJob]) -> None:
        """Show what was measured."""
        (copy,) = copies.values()
        table = copy.table()
        self.work.clear()
        self._end("")
        self.table.values = table
        unit = unit_name(str(table["distance_unit"].iloc[0]), 1)
        self.table.name_column(0, "Pair and label", "Who against whom.")
        for column, (name, (title, tip)) in enumerate(_COLUMNS.items(), start=1):
            head = title if name == "surface_dice" else f"{title}\n{unit}"
            self.table.name_column(column, head, tip)
        several = table["label"].nunique() > 1
        short = without_common_words(dict.fromkeys(_observers(table)))
        self.table.setRowCount(len(table))
        for row, scores in enumerate(table.to_dict("records")):
            pair = f"{short.get(scores['first'])} / {short[scores['second']]}"
            if not scores["between_observers"]:
                pair = f"Prediction / {short[scores['second']]}"
            text = f"{scores['name']}: {pair}" if several else pair
            self._show_row(row, text, scores)
        self.table.fit_height()
        self._show_table(True)

    def _show_row(self, row: int, text: str, scores: dict[Any, Any]) -> None:
        full = f"{scores['name']}: {scores['first']} against {scores['second']}"
        self.table.write_cell(row, 0, text, full)
        for column, name in enumerate(_COLUMNS, start=1):
            value = float(scores.get(name, float("nan")))
            text = score_text(value)
            tip = _UNDEFINED if text == UNDEFINED else f"{value:.6g}"
            self.table.write_cell(row, column, text, tip)

    def _show_table(self, visible: bool) -> None:
        self.table.setVisible(visible)
        self.export.setVisible(visible)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(QLabel("Tolerance"))
        row.addWidget(self.tolerance, 1)
        row.addWidget(self._unit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.button)
        for part in (self.progress.native, self.note.native, self.table, self.export):
            column.addWidget(part)


def _observers(table: pd.DataFrame) -> list[str]:
    """List who stands for the truth in any row."""
    among = table[table["between_observers"].astype(bool)]
    return [str(name) for name in (*table["second"], *among["first"])]
