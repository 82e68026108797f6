"""The button that writes what is compared as a page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QUrl,
    Signal,
)
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.runs.report import (
    CaseView,
    ReportContent,
    TrainedModel,
    trained_model,
    write_report,
)
from specimen_unet.runs.report.wording import listed
from specimen_unet.viewer.comparison import check_compared_layers, voxels_of
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.viewer.open_cases import score_what_is_there
from specimen_unet.viewer.provenance import model_of_segmentation
from specimen_unet.viewer.slice_position import slice_word
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels

    from specimen_unet.domain.case import Annotation
    from specimen_unet.viewer.open_cases import OpenCase, OpenScores


class ReportWriting(QWidget):
    """Asks where to, and writes the report beside the viewer's thread.

    Signals
    -------
    asked : pathlib.Path
        Somebody wants a report there; answer with `write`.
    """

    asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton("Write a report…")
        self.button.setObjectName("write_report")
        self.button.setToolTip(
            "Write all open cases that go with this prediction as one HTML page: "
            "methods, scores with intervals, plots, worst and median case; tables "
            "(CSV) beside it."
        )
        self.open_button = QPushButton("Open the report")
        self.open_button.setObjectName("open_report")
        self.open_button.hide()
        self.note = Note("report_note")
        self.written: Path | None = None
        self._writing = LatestTask(self)
        self._writing.answered.connect(self._show)
        self._writing.refused.connect(self.note.tell)
        self.button.clicked.connect(self._ask)
        self.open_button.clicked.connect(self._open)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.button, self.note.native, self.open_button):
            column.addWidget(part)

    @property
    def is_busy(self) -> bool:
        """Whether a report is being written."""
        return self._writing.is_busy

    def write(self, content: Callable[[], ReportContent], path: Path) -> None:
        """Write what `content` returns."""
        self.note.tell("Writing…")
        self.open_button.hide()
        self._writing.ask(partial(_written, content, path))

    def drop(self) -> None:
        """Forget what was asked."""
        self._writing.drop()

    def _ask(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Write the report", "report.html", "Page (*.html)"
        )
        if chosen:
            path = Path(chosen)
            self.asked.emit(path if path.suffix else path.with_suffix(".html"))

    def _show(self, answer: Path | str) -> None:
        if isinstance(answer, str):
            self.note.tell(answer)
            return
        self.written = answer
        self.note.tell(f"Written: {answer}")
        self.open_button.show()

    def _open(self) -> None:
        if self.written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.written)))


def content_of_layers(
    prediction: Labels | None,
    truths: Sequence[Labels],
    *,
    images: Sequence[Any],
    labels: Sequence[Any],
    annotation: Annotation,
) -> ReportContent:
    """Compare what is open and make the content of a report; layers are only read.

    Raises
    ------
    SpecimenUnetError
        If nothing can be compared.
    """
    compared = check_compared_layers(prediction, truths)
    found = score_what_is_there(compared, images, labels, annotation)
    observers = dict.fromkeys(
        name for case in found.cases.values() for name in case.truths
    )
    name = str(compared.prediction.name)
    return ReportContent(
        title=f"Comparison of {name}",
        compared=f"{name} and what goes with it on {listed(found.cases)}, against "
        f"{listed(observers)}: labels layers as they were open in napari.",
        scores=found.table,
        models=_models(compared.prediction),
        view_of=partial(_view, found),
        annotation=annotation,
        cautions=found.remarks,
    )


def _models(prediction: Any) -> list[TrainedModel]:
    """Return the model that predicted, if its file is still there."""
    path = model_of_segmentation(prediction)
    if path is None:
        return []
    try:
        return [trained_model(Path(path))]
    except SpecimenUnetError:
        return []


def _view(found: OpenScores, name: str) -> CaseView:
    case: OpenCase = found.cases[name]
    image = case.gray_values()
    predicted = voxels_of(case.prediction)
    if image is not None and image.shape[1:] != predicted.shape:
        image = None
    truths = {observer: voxels_of(layer) for observer, layer in case.truths.items()}
    word = "Slice" if predicted.ndim == 2 else slice_word(case.prediction)
    grid = grid_of_layer(case.prediction)
    return CaseView(image, predicted, truths, grid, slice_word=word)


def _written(content: Callable[[], ReportContent], path: Path) -> Path | str:
    """Write a report; return where it is, or why it could not be written."""
    try:
        return write_report(content(), path)[0]
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}."
