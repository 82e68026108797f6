"""A cross-validation under way, and its table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, ProgressBar, PushButton, Widget
from psygnal import Signal
from qtpy.QtCore import QTimer

from specimen_unet.domain.events import Event, FoldDone, Warned
from specimen_unet.runs.study_progress import StudyProgress
from specimen_unet.widgets.amounts import time_text
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.note import MAIN, Note
from specimen_unet.widgets.run_report import RunReport
from specimen_unet.widgets.summary_table import SummaryTable
from specimen_unet.widgets.table_export import TableExport

if TYPE_CHECKING:
    from specimen_unet.domain.events import Failed, Finished
    from specimen_unet.runs.study import StudyFolder
    from specimen_unet.widgets.job import Job

_REDRAW_MS = 200
_PARTS = 1000
_START, _GO_ON = "Start cross-validation", "Go on"


class CrossvalidationPanel(Container[Widget]):
    """Runs a study, shows fold by fold how far it is, and at the end its table.

    Parameters
    ----------
    job : Job
        What does the work; whoever made it shuts it down.

    Attributes
    ----------
    finished : Signal
        This `StudyFolder` has its tables.
    """

    finished = Signal(object)

    def __init__(self, job: Job) -> None:
        super().__init__(labels=False, name="crossvalidation")
        self._job = job
        self._study: StudyFolder | None = None
        self._is_running = False
        self._told: StudyProgress | None = None
        self.title = Note("crossvalidation_title", tooltip="Which study it is")
        self.title.native.setStyleSheet("font-weight: bold;")
        self.progress = ProgressBar(
            name="crossvalidation_progress", min=0, max=_PARTS,
            tooltip="How much of all folds is done",
        )  # fmt: skip
        self.status = Note("crossvalidation_status", tooltip="Fold and time left")
        self.folds = Note(
            "crossvalidation_folds",
            tooltip="Mean Dice of a fold's cases, by the model that never saw them",
        )
        self.start = PushButton(
            name="crossvalidation_start", text=_START,
            tooltip="Train a model for each fold, and score it on that fold's cases",
        )  # fmt: skip
        self.start.native.setStyleSheet(MAIN)
        self.stop = PushButton(
            name="crossvalidation_stop", text="Stop for now",
            tooltip="Save where it stands; it can go on later from there",
        )  # fmt: skip
        self.warning = Note("crossvalidation_warning", "caution")
        self.problem = Note("crossvalidation_problem", "problem")
        self.table = SummaryTable()
        self.export = TableExport(self.table, "summary")
        self.place = Note("crossvalidation_place", tooltip="Where everything is")
        self.report = RunReport(job, "Writing the report…")
        self._lay_out()
        self._redraw = QTimer(self.native)
        self._redraw.setInterval(_REDRAW_MS)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._draw)
        self.start.changed.connect(self.run)
        self.stop.changed.connect(self._stop)
        job.heard.connect(self._hear)
        job.finished.connect(self._finish)
        job.failed.connect(self._fail)
        self.visible = False

    @property
    def is_running(self) -> bool:
        """Whether a study is under way."""
        return self._is_running

    def show_study(self, study: StudyFolder) -> None:
        """Show a study: its table, or what there is to start or to go on with."""
        self._study = study
        self._told = StudyProgress(study.folds)
        self.visible = True
        self.title.tell(f"Cross-validation: {study.name}")
        for note in (self.status, self.folds, self.problem):
            note.tell("")
        self.warning.tell("\n".join(study.record.cautions))
        self.report.show_run(None)
        if study.is_finished:
            self._show_table()
            return
        done = sum(map(study.is_done, range(study.folds)))
        is_begun = done or any(study.path.glob("fold-*/checkpoint*"))
        self._offer(_GO_ON if is_begun else _START)
        self.progress.value = round(_PARTS * done / study.folds)
        text = f"{len(study.record.cases)} cases in {study.folds} folds"
        self.status.tell(f"{text}, {done} of them done." if is_begun else f"{text}.")

    def run(self, _: Any = None) -> None:
        """Do what is left of the study."""
        if self._study is None or self._is_running:
            return
        self._is_running = True
        self._told = StudyProgress(self._study.folds)
        self._show_parts(running=True)
        self.stop.enabled = True
        self.folds.tell("")
        self.problem.tell("")
        self.status.tell("Getting ready…")
        self._job.crossvalidate(self._study.path)

    def _lay_out(self) -> None:
        self._buttons = Container(
            widgets=[self.start, self.stop], layout="horizontal", labels=False
        )
        self._result: Container[Widget] = Container(labels=False, name="summary")
        self._result.native.layout().addWidget(self.table)
        self._result.native.layout().addWidget(self.export)
        self.extend([self.title, self.progress, self.status, self.folds, self._buttons])
        self.extend([self.warning, self.problem, self._result, self.place])
        self.append(self.report)
        self.margins = self._buttons.margins = self._result.margins = (0, 0, 0, 0)

    def _hear(self, event: Event) -> None:
        if not self._is_running or self._told is None:
            return
        self._told.hear(event)
        if isinstance(event, FoldDone):
            self._tell_folds(self._told)
        elif isinstance(event, Warned):
            self.warning.tell(event.message)
        if not self._redraw.isActive():
            self._redraw.start()

    def _tell_folds(self, told: StudyProgress) -> None:
        """Say what each fold has reached."""
        lines = [
            f"Fold {fold + 1}: "
            + ("no label to score" if math.isnan(dice) else f"Dice {dice:.2f}")
            for fold, dice in sorted(told.done.items())
        ]
        self.folds.tell("\n".join(["On cases not seen:", *lines]))

    def _draw(self) -> None:
        """Show how far it is, a few times a second."""
        if not self._is_running or self._told is None or not self.stop.enabled:
            return
        self.progress.value = round(self._told.progress * _PARTS)
        left = self._told.seconds_left
        words = self._told.in_words()
        beside = "" if math.isnan(left) else f" · {time_text(max(left, 0.0))} left"
        self.status.tell(f"{words[0].upper()}{words[1:]}{beside}")

    def _stop(self, _: Any = None) -> None:
        self.stop.enabled = False
        self.status.tell("Stopping: it is saved where it stands…")
        self._job.stop()

    def _finish(self, finished: Finished) -> None:
        if not self._is_running or self._study is None:
            return
        self._end()
        if finished.stopped_early:
            self._offer(_GO_ON)
            self.status.tell("Stopped. Everything is saved; it can go on at any time.")
            return
        self._show_table()
        self.finished.emit(self._study)

    def _fail(self, failed: Failed) -> None:
        if not self._is_running:
            return
        self._end()
        self._offer(_GO_ON)
        self.status.tell("")
        self.problem.tell(failure_text(failed))

    def _end(self) -> None:
        self._is_running = False
        self._redraw.stop()

    def _offer(self, text: str) -> None:
        """Offer to start or to go on."""
        self.start.text = text
        self._show_parts(running=False)

    def _show_table(self) -> None:
        """Show the table of a study that is finished."""
        assert self._study is not None
        self.table.show_summary(self._study.read_table(self._study.summary_path))
        self.status.tell("Every case was scored by a model that has not seen it.")
        self.place.tell(f"Models, labels and tables are in {self._study.path}")
        self.report.show_run(self._study)
        self._show_parts(running=False, ended=True)

    def _show_parts(self, *, running: bool, ended: bool = False) -> None:
        self.start.visible = not running and not ended
        self.stop.visible = running
        self._buttons.visible = self.progress.visible = not ended
        self._result.visible = self.place.visible = ended
