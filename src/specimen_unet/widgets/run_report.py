"""The report of a training or a study that has ended, written by the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton, Widget
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.domain.events import Failed, Finished
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.runs.study import StudyFolder
    from specimen_unet.widgets.job import Job


class RunReport(Container[Widget]):
    """Has what was held out scored and written as a page into the folder.

    Parameters
    ----------
    job : Job
        The engine.
    doing : str, optional
        What is said meanwhile.
    """

    def __init__(self, job: Job, doing: str = "Segmenting what was held out…") -> None:
        super().__init__(labels=False, name="run_report", visible=False)
        self._job = job
        self._doing = doing
        self._run: RunFolder | StudyFolder | None = None
        self._written: Path | None = None
        self.is_active = False
        self.write = PushButton(
            name="write_run_report",
            text="Write a report",
            tooltip="Write one HTML page about it: methods, curves, scores of what was "
            "held out with intervals, worst and median case",
        )
        self.open = PushButton(
            name="open_run_report", text="Open the report", visible=False
        )
        self.note = Note("run_report_note")
        self.problem = Note("run_report_problem", "problem")
        self.extend([self.write, self.note, self.problem, self.open])
        self.margins = (0, 0, 0, 0)
        self.write.changed.connect(self._ask)
        self.open.changed.connect(self._show_page)
        job.finished.connect(self._finish)
        job.failed.connect(self._fail)

    @property
    def written(self) -> Path | None:
        """Where the report is; None while there is none."""
        return self._written

    def show_run(self, run: RunFolder | StudyFolder | None) -> None:
        """Offer the report of another run or study, or none."""
        self._run, self._written = run, None
        self.is_active = False
        self.visible = run is not None
        self.write.enabled = True
        self.open.visible = False
        self.note.tell("")
        self.problem.tell("")

    def _ask(self, _: Any = None) -> None:
        if self._run is None or self.is_active:
            return
        self.is_active = True
        self.write.enabled = False
        self.problem.tell("")
        self.note.tell(self._doing)
        self._job.judge("report", self._run.path)

    def _finish(self, finished: Finished) -> None:
        if not self.is_active:
            return
        self._end(f"Written: {finished.path}")
        self._written = Path(finished.path)
        self.open.visible = True

    def _fail(self, failed: Failed) -> None:
        if self.is_active:
            self._end("")
            self.problem.tell(failure_text(failed))

    def _end(self, told: str) -> None:
        self.is_active = False
        self.write.enabled = True
        self.note.tell(told)

    def _show_page(self, _: Any = None) -> None:
        if self._written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written)))
