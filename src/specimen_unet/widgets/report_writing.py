"""The button that writes what is compared as a page."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QFileDialog, QPushButton, QVBoxLayout, QWidget

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.runs.report import ReportContent, write_report
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.report_content import (
    WITHOUT_SURFACES,
    ReportedLayers,
    SurfaceReport,
    content_of_layers,
    surface_report,
)
from specimen_unet.widgets.surface_work import SurfaceWork

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.runs.surface_job import SurfaceJob
    from specimen_unet.widgets.surface_work import CaseProgress

_WRITE, _STOP = "Write a report…", "Stop"
_TIP = (
    "Write all open cases that go with this prediction as one HTML page: methods, "
    "scores with intervals, plots, worst and median case; tables (CSV) beside it."
)
_SURFACES_TIP = (
    "Measure HD95, mean surface distance and surface Dice of every case first, by the "
    "engine. That takes seconds to minutes a case; you can work on meanwhile."
)
_STOPPED = "Stopped: no report was written."


class ReportWriting(QWidget):
    """Asks where to, and writes the report beside the viewer's thread.

    With surface distances, the engine measures copies of all cases first.

    Parameters
    ----------
    layers : callable
        Returns what is compared now.
    """

    def __init__(
        self, layers: Callable[[], ReportedLayers], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._tolerance: float | None = None
        self._tolerance_text = ""
        self._report: SurfaceReport | None = None
        self._path = Path()
        self.written: Path | None = None
        self.surfaces = QCheckBox("With surface distances (takes longer)")
        self.surfaces.setObjectName("report_surfaces")
        self.surfaces.setToolTip(_SURFACES_TIP)
        self.tolerance_note = Note("report_tolerance")
        self.button = QPushButton(_WRITE)
        self.button.setObjectName("write_report")
        self.button.setToolTip(_TIP)
        self.open_button = QPushButton("Open the report")
        self.open_button.setObjectName("open_report")
        self.open_button.hide()
        self.note = Note("report_note")
        self.work = SurfaceWork(self)
        self._preparing = LatestTask(self)
        self._writing = LatestTask(self)
        self._connect()
        self._lay_out()

    @property
    def is_busy(self) -> bool:
        """Whether a report is being written, or measured for."""
        return self._is_measuring or self._writing.is_busy

    @property
    def _is_measuring(self) -> bool:
        return self._preparing.is_busy or self.work.is_active

    def take_tolerance(self, tolerance: float, unit: str) -> None:
        """Measure with the tolerance that is chosen elsewhere; 0 is none."""
        self._tolerance = tolerance or None
        self._tolerance_text = (
            f"Tolerance: {tolerance:g} {unit}, as under “Surface distances” above."
            if tolerance
            else "No tolerance is chosen under “Surface distances” above: the report "
            "will have no surface Dice."
        )
        self._tell_tolerance()

    def write(self, path: Path) -> None:
        """Write what is compared now."""
        self.leave()
        self.open_button.hide()
        self._path = path
        if self.surfaces.isChecked():
            self.note.tell("Comparing all cases…")
            self.button.setText(_STOP)
            prepare = partial(_prepared, self._layers(), self._tolerance, path)
            self._preparing.ask(prepare)
        else:
            self._write(partial(content_of_layers, self._layers()))

    def leave(self, *, viewer_goes: bool = False) -> None:
        """Forget what was asked, and remove what was copied for it."""
        if not viewer_goes:  # otherwise Qt has deleted what is in the dock
            self._preparing.drop()
            self._writing.drop()
            self.button.setText(_WRITE)
        self.work.leave(viewer_goes=viewer_goes)

    def _connect(self) -> None:
        self.button.clicked.connect(self._ask_or_stop)
        self.open_button.clicked.connect(self._open)
        self.surfaces.toggled.connect(self._tell_tolerance)
        self._preparing.answered.connect(self._measure)
        self._preparing.refused.connect(self._refuse)
        self.work.progressed.connect(self._show_progress)
        self.work.done.connect(self._write_measured)
        self.work.ended.connect(self._fail)
        self._writing.answered.connect(self._show)
        self._writing.refused.connect(self._refuse)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        choice = (self.surfaces, self.tolerance_note.native)
        for part in (*choice, self.button, self.note.native, self.open_button):
            column.addWidget(part)

    def _ask_or_stop(self) -> None:
        if self._is_measuring:
            self.leave()
            self.note.tell(_STOPPED)
        elif not self._writing.is_busy:
            self._ask()

    def _ask(self) -> None:
        """Ask where to; what cannot be measured is told before."""
        if self.surfaces.isChecked():
            try:
                self._layers().check_surfaces()
            except SpecimenUnetError as error:
                self._refuse(str(error))
                return
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Write the report", "report.html", "Page (*.html)"
        )
        if chosen:
            path = Path(chosen)
            self.write(path if path.suffix else path.with_suffix(".html"))

    def _tell_tolerance(self) -> None:
        is_wanted = self.surfaces.isChecked()
        self.tolerance_note.tell(self._tolerance_text if is_wanted else "")

    def _measure(self, report: SurfaceReport) -> None:
        self._report = report
        self.note.tell("Copying the labels…")
        self.work.start(report.comparisons, report.tolerance)

    def _show_progress(self, progress: CaseProgress) -> None:
        pair = progress.pair
        done = f" · pair {pair.tile} of {pair.of} measured" if pair else "…"
        case = f"Case {progress.number} of {progress.of}, {progress.case}"
        self.note.tell(f"Measuring surfaces. {case}{done}")

    def _write_measured(self, copies: dict[str, SurfaceJob]) -> None:
        assert self._report is not None
        self.button.setText(_WRITE)
        self._write(partial(self._report.measured, copies))

    def _write(self, content: Callable[[], ReportContent]) -> None:
        self.note.tell("Writing…")
        self._writing.ask(partial(_written, content, self._path))

    def _fail(self, message: str) -> None:
        self._refuse(f"{message} {WITHOUT_SURFACES}" if message else _STOPPED)

    def _refuse(self, message: str) -> None:
        self.leave()
        self.open_button.hide()  # that of an earlier report
        self.note.tell(message)

    def _show(self, written: Path) -> None:
        self.leave()  # the copies, and the engine's memory
        self.written = written
        self.note.tell(f"Written: {written}")
        self.open_button.show()

    def _open(self) -> None:
        if self.written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.written)))


def _prepared(
    layers: ReportedLayers, tolerance: float | None, path: Path
) -> SurfaceReport:
    """Find what is to be measured, unless the report could not be written then."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    return surface_report(layers, tolerance)


def _written(content: Callable[[], ReportContent], path: Path) -> Path:
    """Write a report; return where it is."""
    try:
        return write_report(content(), path)[0]
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SpecimenUnetError:
    return SpecimenUnetError(f"{path} cannot be written: {error.strerror}.")
