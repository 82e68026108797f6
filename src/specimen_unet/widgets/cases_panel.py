"""All open cases together: the worst first, plots, and one sentence."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.theme import get_theme
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Signal,
)
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from specimen_unet.domain.score_tables import (
    agreements_in,
    in_a_sentence,
    williams_of,
    worst_first,
)
from specimen_unet.domain.yardsticks import agreement_matrix
from specimen_unet.viewer.open_cases import score_open_cases
from specimen_unet.widgets.case_plots import CasePlots
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.layer_choice import layers_of_type
from specimen_unet.widgets.matrix_table import MatrixTable
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.number_table import NumberTable
from specimen_unet.widgets.quantities import score_text
from specimen_unet.widgets.table_export import TableExport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari.viewer
    import pandas as pd

    from specimen_unet.domain.case import Annotation
    from specimen_unet.domain.yardsticks import WilliamsIndex
    from specimen_unet.viewer.open_cases import OpenScores

_COLUMNS = {
    "dice": ("Dice", "Mean over labels and observers."),
    "lowest": ("Lowest", "The lowest Dice of any label against any observer."),
    "between_observers": ("Observers", "Mean Dice of the observers among themselves."),
}
_STALE = "Layers have changed since: compare again."
_ONE_OBSERVER = (
    "With two observers, Williams' index would tell whether the prediction is as close "
    "to them as they are to each other."
)


class CasesPanel(QWidget):
    """A button, a table of cases and plots.

    Signals
    -------
    asked
        Somebody wants all open cases compared; answer with `compare`.
    compared
        Scores of cases are shown.
    case_chosen : viewer.open_cases.OpenCase
        Somebody wants to see this case.
    """

    asked = Signal()
    compared = Signal()
    case_chosen = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.found: OpenScores | None = None
        self.button = QPushButton("Compare all open cases")
        self.button.setObjectName("compare_all")
        self.button.setToolTip(
            "Find the prediction of the same model, or observer, on every open image "
            "and compare it with the ground truth of that image."
        )
        self.note = Note("cases_note", "caution")
        self.sentence = Note("williams")
        self.table = NumberTable("cases", 1 + len(_COLUMNS))
        self.table.setToolTip("The worst case comes first. Click one to go there.")
        self.export = TableExport(self.table, "cases")
        self.matrix = MatrixTable()
        self.matrix_export = TableExport(self.matrix, "agreement")
        self.plots = CasePlots()
        self._scoring = LatestTask(self)
        self._connect()
        self._lay_out()
        self._show_results(False)
        self.take_theme()

    @property
    def is_busy(self) -> bool:
        """Whether cases are being compared."""
        return self._scoring.is_busy

    @property
    def layers(self) -> list[Any]:
        """The labels layers that the shown scores are of."""
        cases = self.found.cases.values() if self.found else ()
        return [layer for case in cases for layer in case.layers[1:]]

    def compare(self, prediction: Labels | None, annotation: Annotation) -> None:
        """Compare all open cases, judged as this prediction is."""
        images, labels = (
            layers_of_type(self._viewer, kind) for kind in (Image, Labels)
        )
        self.note.tell("")
        self._scoring.ask(partial(_scored, prediction, images, labels, annotation))

    def mark_stale(self) -> None:
        """Say that the layers are no longer those that were compared."""
        if self.found is not None:
            self.note.tell(_STALE)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Hold to what is shown: another of its cases is looked at, no other scored."""
        told = self.note.value
        yield
        self.note.tell(told)

    def drop(self) -> None:
        """Forget what was asked."""
        self._scoring.drop()

    def take_theme(self, event: Any = None) -> None:
        """Draw plots in the colours of the viewer."""
        self.plots.set_text_colour(get_theme(self._viewer.theme).text.as_hex())

    def _connect(self) -> None:
        self.button.clicked.connect(self.asked)
        self._scoring.answered.connect(self._show)
        self._scoring.refused.connect(self._refuse)
        self.table.cellClicked.connect(self._choose_row)
        self.plots.case_clicked.connect(self._choose)

    def _show(self, answer: tuple[OpenScores, WilliamsIndex | None]) -> None:
        """Show what was found."""
        self.found, index = answer
        ranked = worst_first(self.found.table)
        self._fill(ranked)
        self.sentence.tell(in_a_sentence(index) if index else _ONE_OBSERVER)
        self.matrix.show_matrix(agreement_matrix(agreements_in(self.found.table)))
        self.plots.show_scores(self.found.table)
        self.plots.setVisible(len(ranked) > 1)
        self.note.tell("\n".join(self.found.remarks))
        self._show_results(True)
        self.compared.emit()

    def _refuse(self, message: str) -> None:
        self.found = None
        self.note.tell(message)
        self._show_results(False)

    def _fill(self, ranked: pd.DataFrame) -> None:
        """Write a row a case; what is copied or saved are all scores."""
        assert self.found is not None
        self.table.values = self.found.table
        self.table.name_column(0, "Case", "The worst first.")
        for column, (name, tip) in enumerate(_COLUMNS.values(), start=1):
            self.table.name_column(column, name, tip)
        self.table.setRowCount(len(ranked))
        for row, scores in enumerate(ranked.to_dict("records")):
            case = str(scores["case"])
            self.table.write_cell(row, 0, case, f"Click to go to {case}")
            for column, name in enumerate(_COLUMNS, start=1):
                value = float(scores[name])
                tip = f"{value:.6f}"
                if name == "lowest":
                    tip += f", of {scores['lowest_label']}"
                self.table.write_cell(row, column, score_text(value), tip)
        self.table.fit_height()

    def _choose_row(self, row: int, _: int) -> None:
        item = self.table.item(row, 0)
        if item is not None:
            self._choose(item.text())

    def _choose(self, name: str) -> None:
        if self.found is not None and name in self.found.cases:
            self.case_chosen.emit(self.found.cases[name])

    def _show_results(self, visible: bool) -> None:
        tables = (self.table, self.matrix)
        for part in (*tables, self.export, self.matrix_export):
            part.setVisible(visible)
        if not visible:
            self.sentence.tell("")
            self.plots.setVisible(False)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        parts = (self.button, self.note.native, self.sentence.native, self.table)
        tables = (self.export, self.matrix, self.matrix_export)
        for part in (*parts, *tables, self.plots):
            column.addWidget(part)


def _scored(
    prediction: Labels | None, images: Any, labels: Any, annotation: Annotation
) -> tuple[OpenScores, WilliamsIndex | None]:
    """Compare, and ask Williams; runs beside the viewer's thread and only reads."""
    found = score_open_cases(prediction, images, labels, annotation)
    return found, williams_of(found.table)
