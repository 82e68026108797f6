"""The table of cases and the reading for it: what is seen, and what it is sorted by."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

from specimen_unet.files.case_table import KINDS
from specimen_unet.widgets.case_model import CaseModel
from specimen_unet.widgets.case_reading import CaseReading
from specimen_unet.widgets.case_view import CaseView

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from specimen_unet.files.case_table import CaseTable, Column, Kind, Row
    from specimen_unet.files.predictions import Prediction

_ORDER: tuple[Kind, ...] = ("image", "labels", "score")


class CaseShelf(QObject):
    """Keeps model, view and reading together.

    Signals
    -------
    seen
        More of the cases is known.
    told : str
        How far a reading of all cases is; "" when it is over.
    known : str
        Of all cases that were needed this was read: "image", "labels" or "score".
    """

    seen = Signal()
    told = Signal(str)
    known = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.model = CaseModel(self)
        self.view = CaseView(self.model)
        self._reading = CaseReading(self)
        self._needed: set[Kind] = set()
        self._sorted: Kind | None = None
        self._by_name: dict[str, Row] = {}
        self._reading.read.connect(self._take)
        self.view.looked.connect(self.look)
        self.view.sorted_by.connect(self._sort)

    @property
    def table(self) -> CaseTable | None:
        """The cases."""
        return self.model.table

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to be read."""
        return self._reading.is_busy

    def show_table(self, table: CaseTable | None) -> None:
        """Show other cases."""
        self._needed.clear()
        self._sorted = None
        self._by_name = {row.name: row for row in table.rows} if table else {}
        self._reading.begin(table)
        self.model.show_table(table)

    def row_of(self, name: str) -> Row | None:
        """Return the case of a name."""
        return self._by_name.get(name)

    def show_predictions(
        self, found: Mapping[str, tuple[Path, Prediction]]
    ) -> list[Row]:
        """Show other labels of a model for some cases, and read how good they are.

        Parameters
        ----------
        found : mapping
            Name of a case -> file, and what it is.

        Returns
        -------
        list of Row
            The cases that are here.
        """
        rows = []
        for name, pair in found.items():
            row = self.row_of(name)
            if row is not None:
                row.predicted, row.score = pair, None
                rows.append(row)
        self.model.tell_changed(rows)
        self.look()
        return rows

    def look(self) -> None:
        """Read what is seen: pictures first, then labels, then scores."""
        if self.table is None or not self.view.isVisible():
            return
        seen = {KINDS.get(cast("Column", c)) for c in self.view.visible_columns()}
        rows = self.view.visible_rows()
        kinds = [kind for kind in _ORDER if kind in seen]
        self._reading.look_at([(row, kind) for kind in kinds for row in rows])

    def need(self, kind: Kind) -> bool:
        """Read something of all cases; True if it is all there already."""
        rows = self.model.rows
        if not any(row.lacks(kind) for row in rows):
            return True
        self._needed.add(kind)
        self._reading.need(rows, kind)
        return False

    def leave(self) -> None:
        """Read no more."""
        self._reading.begin(None)

    def _sort(self, column: str) -> None:
        """Read what is sorted by; then sort again."""
        self._sorted = KINDS.get(cast("Column", column)) if column != "case" else None
        if self._sorted is not None:
            self.need(self._sorted)

    def _take(self, rows: list[Row]) -> None:
        self.model.tell_changed(rows)
        self.seen.emit()
        for kind in list(self._needed):
            left = self._reading.left(kind)
            count = len(self.model.rows)
            if left:
                self.told.emit(f"Reading: {count - left} of {count} cases…")
                continue
            self._needed.discard(kind)
            self.told.emit("")
            if kind == self._sorted:
                self.view.sort_again()
            self.known.emit(kind)
