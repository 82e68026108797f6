"""One segmentation at a time, from a layer to labels, in a process of its own."""

from __future__ import annotations

import shutil
import time
import uuid
from dataclasses import dataclass
from functools import partial
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

from specimen_unet.domain.events import Event, Failed, Finished, TileDone, Warned
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.segment_job import SegmentJob
from specimen_unet.runs.study_models import models_at
from specimen_unet.viewer.layers import case_from_layers
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.surface_work import MEASURING

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.widgets.job import Job

_FOLDER = ".segmenting"
_OLD_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a model saw: labels (*spatial), and probabilities (K, *spatial) or None."""

    labels: Array
    probabilities: Array | None


class SegmentationWork(QObject):
    """Copies a layer, has it segmented, and removes the copy again.

    Signals
    -------
    progressed : domain.events.TileDone
        How far it is.
    warned : str
        Something the person should know; the work goes on.
    done : Result
        What came of it.
    ended : str
        It ended without a result: why, or nothing when it was cancelled.
    """

    progressed = Signal(object)
    warned = Signal(str)
    done = Signal(object)
    ended = Signal(str)

    def __init__(self, job: Job, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self._place = runs_folder() / _FOLDER / uuid.uuid4().hex
        self._folder: SegmentJob | None = None
        self._cancelled = Flag()
        self._is_active = False
        self._copying = LatestTask(self)
        self._copying.answered.connect(self._begin)
        self._copying.refused.connect(self._end)
        job.heard.connect(self._hear)
        job.finished.connect(self._finish)
        job.failed.connect(self._fail)

    @property
    def is_active(self) -> bool:
        """Whether a segmentation is under way."""
        return self._is_active

    def start(
        self, layers: tuple[Any, ...], model: Path, settings: SegmentationSettings
    ) -> None:
        """Segment an image as it is now, a layer a channel, by a model or a study."""
        self._is_active = True
        self._cancelled = Flag()
        self._place = runs_folder() / _FOLDER / uuid.uuid4().hex
        copy = partial(_copied, layers, self._place, model, settings, self._cancelled)
        self._copying.ask(copy)

    def cancel(self) -> None:
        """End it at its next tile; nothing is kept."""
        self._cancelled.set()
        if self._folder is not None:
            self._job.stop()

    def leave(self, *, viewer_goes: bool = False) -> None:
        """Drop everything: the dock was closed. The job is its owner's to end."""
        if not viewer_goes:  # otherwise Qt has deleted the timers
            self._copying.drop()
        self._cancelled.set()
        self._is_active = False
        self._remove()

    def _begin(self, folder: SegmentJob) -> None:
        """Hand the copy to the engine, unless it was cancelled meanwhile."""
        if self._cancelled.is_set():
            self._end("")
            return
        self._folder = folder
        self._job.segment(folder.path)

    def _hear(self, event: Event) -> None:
        if self._folder is None:
            return
        if isinstance(event, TileDone):
            self.progressed.emit(event)
        elif isinstance(event, Warned):
            self.warned.emit(event.message)

    def _finish(self, finished: Finished) -> None:
        if self._folder is None:
            return
        if self._cancelled.is_set():
            self._end("")
            return
        probabilities = self._folder.probabilities()
        result = Result(
            np.array(self._folder.labels()),
            None if probabilities is None else np.array(probabilities),
        )
        del probabilities  # a mapped file cannot be removed on Windows
        self._is_active = False
        self._remove()
        self.done.emit(result)

    def _fail(self, failed: Failed) -> None:
        if self._folder is not None:
            self._end("" if self._cancelled.is_set() else failure_text(failed))

    def _end(self, message: str) -> None:
        self._is_active = False
        self._remove()
        self.ended.emit("" if self._cancelled.is_set() else message)

    def _remove(self) -> None:
        """Remove the copy of the image, and the labels beside it."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._folder = None


def remove_old_copies() -> None:
    """Remove copies that a viewer left behind when it was killed."""
    for folder in (runs_folder() / _FOLDER, runs_folder() / MEASURING):
        for copy in folder.iterdir() if folder.is_dir() else ():
            if time.time() - copy.stat().st_mtime > _OLD_SECONDS:
                shutil.rmtree(copy, ignore_errors=True)


def new_place() -> Path:
    """Return a place for a copy that is not there yet; old ones are removed."""
    return runs_folder() / _FOLDER / uuid.uuid4().hex


def _copied(
    layers: tuple[Any, ...],
    place: Path,
    model: Path,
    settings: SegmentationSettings,
    cancelled: Flag,
) -> SegmentJob:
    """Copy an image to where the engine finds it; runs beside the viewer."""
    try:
        models = models_at(model).paths
        return SegmentJob.create(place, case_from_layers(layers), models, settings)
    finally:
        if cancelled.is_set():  # whoever cancelled may have removed it too early
            shutil.rmtree(place, ignore_errors=True)
