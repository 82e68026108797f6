"""Segments cases of a folder one after the other; what fails does not end it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from functools import partial
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    QTimer,
    Signal,
)

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.domain.events import Event, Failed, Finished, TileDone
from specimen_unet.files.predictions import Predictions, prediction_of
from specimen_unet.runs.segment_job import SegmentJob
from specimen_unet.runs.study_models import models_at
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.segmentation_work import new_place
from specimen_unet.widgets.side_thread import run_beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.widgets.job import Job

_LOOK_MS = 10


@dataclass(frozen=True, slots=True)
class Order:
    """What is segmented, with what, and where the labels go.

    Attributes
    ----------
    chosen : ChosenCases
    model : Path
        A file, or the folder of a study.
    settings : SegmentationSettings
        Probabilities are not kept.
    out : Path or None
        A folder; None: beside the images.
    """

    chosen: ChosenCases
    model: Path
    settings: SegmentationSettings
    out: Path | None


@dataclass(slots=True)
class Report:
    """How far it is, and what came of it."""

    count: int
    written: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    part: float = 0.0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many cases are dealt with."""
        return len(self.written) + len(self.earlier) + len(self.failed)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take, by what was segmented; None before that."""
        worked = len(self.written) + len(self.failed) + self.part
        if not worked or not self.seconds:
            return None
        return self.seconds / worked * (self.count - self.done - self.part)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A case that lies where the engine finds it."""

    files: CaseFiles
    place: Path
    made: Prediction
    job: SegmentJob


class CaseSegmentation(QObject):
    """One case after the other in the engine's process.

    Labels that this very model wrote before from the same image are left as they are:
    after a stop, the same order goes on where it was.

    Signals
    -------
    progressed : Report
        A part of a case, or a case, is done.
    written : Path, Prediction
        Labels of a case were written there.
    ended : Report
        Nothing is under way any more: all is done, or it was stopped.
    """

    progressed = Signal(object)
    written = Signal(object, object)
    ended = Signal(object)

    def __init__(self, job: Job, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self._order: Order | None = None
        self._waiting: list[CaseFiles] = []
        self._now: _Prepared | None = None
        self._report = Report(0)
        self._stopped = Flag()
        self._place = new_place()
        self._begun = 0.0
        self._answer: tuple[Future[Any], Callable[[Any], None], CaseFiles] | None = None
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._fetch)
        job.heard.connect(self._hear)
        job.finished.connect(self._finish)
        job.failed.connect(self._fail)

    @property
    def is_active(self) -> bool:
        """Whether cases are being segmented."""
        return self._order is not None

    @property
    def order(self) -> Order | None:
        """What is being done."""
        return self._order

    def start(self, order: Order) -> None:
        """Segment the cases of an order that are not segmented yet."""
        settings = order.settings.model_copy(update={"probabilities": False})
        self._order = Order(order.chosen, order.model, settings, order.out)
        self._waiting = list(order.chosen.files)
        self._report = Report(len(self._waiting))
        self._stopped = Flag()
        self._place = new_place()
        self._next()

    def stop(self) -> None:
        """End it; labels that were written stay."""
        self._stopped.set()
        if self._now is not None:
            self._job.stop()

    def leave(self, *, viewer_goes: bool = False) -> None:
        """Drop everything: the dock was closed. The job is its owner's to end."""
        self._stopped.set()
        if not viewer_goes:  # otherwise Qt has deleted the timers
            self._look.stop()
        self._order = self._now = self._answer = None
        shutil.rmtree(self._place, ignore_errors=True)

    def _next(self) -> None:
        """Go on with the next case."""
        order = self._order
        if order is None:
            return
        if self._stopped.is_set() or not self._waiting:
            self._end()
            return
        files = self._waiting.pop(0)
        self._begun = time.monotonic()
        self._report.part = 0.0
        work = partial(_prepared, order, files, self._place)
        self._ask(work, self._segment, files)

    def _segment(self, prepared: _Prepared | None) -> None:
        """Hand a case to the engine, unless it was segmented before."""
        if prepared is None:
            _, _, files = self._asked
            self._report.earlier.append(self._name(files))
            self.progressed.emit(self._report)
            self._next()
        elif self._stopped.is_set():
            self._end()
        else:
            self._now = prepared
            self._job.segment(prepared.job.path)

    def _hear(self, event: Event) -> None:
        if self._now is not None and isinstance(event, TileDone):
            self._report.part = event.tile / max(event.of, 1)
            self.progressed.emit(self._report)

    def _finish(self, _: Finished) -> None:
        """Write the labels of the case."""
        now, order = self._now, self._order
        if now is None or order is None:
            return
        self._now = None
        if self._stopped.is_set():
            self._end()
            return
        self._ask(partial(_written, order, now), self._keep, now.files)

    def _keep(self, answer: tuple[Path, Prediction]) -> None:
        path, made = answer
        self._report.written.append(made.case)
        self._count()
        self.written.emit(path, made)
        self._next()

    def _fail(self, failed: Failed) -> None:
        now, self._now = self._now, None
        if now is None:
            return
        now.job.remove()
        if self._stopped.is_set():
            self._end()
        else:
            self._miss(now.files, failure_text(failed))

    def _miss(self, files: CaseFiles, why: str) -> None:
        """Note a case that could not be segmented, and go on."""
        self._report.failed[self._name(files)] = why
        self._count()
        self._next()

    def _count(self) -> None:
        self._report.seconds += time.monotonic() - self._begun
        self._report.part = 0.0
        self.progressed.emit(self._report)

    def _end(self) -> None:
        self._order = self._now = None
        shutil.rmtree(self._place, ignore_errors=True)
        self.ended.emit(self._report)

    def _name(self, files: CaseFiles) -> str:
        return self._order.chosen.folder.name(files) if self._order else ""

    def _ask(
        self, work: Callable[[], Any], then: Callable[[Any], None], files: CaseFiles
    ) -> None:
        """Do something beside the viewer, then go on with what it returns."""
        self._asked = self._answer = run_beside(work), then, files
        self._look.start()

    def _fetch(self) -> None:
        """Go on once the thread has answered; what a person can mend is a miss."""
        if self._answer is None or not self._answer[0].done():
            return
        (answer, then, files), self._answer = self._answer, None
        self._look.stop()
        error = answer.exception()
        if isinstance(error, SpecimenUnetError | OSError):
            self._miss(files, str(error))
        else:
            then(answer.result())


def _prepared(order: Order, files: CaseFiles, copies: Path) -> _Prepared | None:
    """Copy a case to where the engine finds it; None if it was segmented before."""
    folder = order.chosen.folder
    models = models_at(order.model)
    place, made = prediction_of(folder, files, models, order.settings, order.out)
    known = Predictions(place)
    if known.has(made):
        return None
    known.check_free(made)
    image, grid, _ = folder.image(files)
    case = Case(image, spacing=grid.spacing, unit=grid.unit, name=made.case)
    job = SegmentJob.create(copies, case, models.paths, order.settings)
    return _Prepared(files, place, made, job)


def _written(order: Order, now: _Prepared) -> tuple[Path, Prediction]:
    """Write what came of a case where it belongs, and remove the copy."""
    folder = order.chosen.folder
    path = Predictions(now.place).write(
        now.made,
        np.array(now.job.labels()),
        now.job.case().grid,
        folder.listing.root / now.files.images[0],
        folder.answers,
    )
    now.job.remove()
    return path, now.made
