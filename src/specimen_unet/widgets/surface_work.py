"""Surfaces of open layers, measured in the engine's process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

from specimen_unet.domain.events import Event, Failed, Finished, TileDone
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.surface_job import SurfaceJob
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.latest_task import LatestTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.comparison import Comparison

MEASURING = ".measuring"
"""Folder of the copies, beside the runs."""


class SurfaceWork(QObject):
    """Copies what is compared, has it measured, and removes the copy again.

    The engine is started when surfaces are first asked for: a dock that only
    compares by overlap needs none.

    Signals
    -------
    progressed : domain.events.TileDone
        How many pairs are measured.
    done : pandas.DataFrame
        As `runs.surface_scores.with_surfaces` returns it.
    ended : str
        It ended without a result: why, or nothing when it was stopped.
    """

    progressed = Signal(object)
    done = Signal(object)
    ended = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self._folder: SurfaceJob | None = None
        self._is_active = False
        self._is_stopped = False
        self._copying = LatestTask(self)
        self._copying.answered.connect(self._begin)
        self._copying.refused.connect(self._end)

    @property
    def is_active(self) -> bool:
        """Whether surfaces are being measured."""
        return self._is_active

    def start(
        self, compared: Callable[[], Comparison], tolerance: float | None
    ) -> None:
        """Measure what `compared` returns, as it is now."""
        self._is_active, self._is_stopped = True, False
        if self.job is None:
            self.job = Job(self)
            self.job.heard.connect(self._hear)
            self.job.finished.connect(self._finish)
            self.job.failed.connect(self._fail)
        self._copying.ask(partial(_copied, compared, tolerance))

    def stop(self) -> None:
        """End it after the pair that is being measured."""
        self._is_stopped = True
        if self.job is not None and self._folder is not None:
            self.job.stop()

    def leave(self, *, viewer_goes: bool = False) -> None:
        """Drop everything: the dock was closed."""
        if not viewer_goes:  # otherwise Qt has deleted the timers
            self._copying.drop()
        self._is_active = False
        self._remove()
        if self.job is not None:
            self.job.shutdown()

    def _begin(self, folder: SurfaceJob) -> None:
        self._folder = folder
        if self._is_stopped or self.job is None:
            self._end("")
            return
        self.job.judge("surfaces", folder.path)

    def _hear(self, event: Event) -> None:
        if self._folder is not None and isinstance(event, TileDone):
            self.progressed.emit(event)

    def _finish(self, finished: Finished) -> None:
        if self._folder is None:
            return
        if finished.stopped_early or self._is_stopped:
            self._end("")
            return
        table = self._folder.table()
        self._is_active = False
        self._remove()
        self.done.emit(table)

    def _fail(self, failed: Failed) -> None:
        if self._folder is not None:
            self._end(failure_text(failed))

    def _end(self, message: str) -> None:
        self._is_active = False
        self._remove()
        self.ended.emit(message)

    def _remove(self) -> None:
        if self._folder is not None:
            self._folder.remove()
        self._folder = None


def _copied(compared: Callable[[], Comparison], tolerance: float | None) -> SurfaceJob:
    """Copy what is compared to where the engine finds it; beside the viewer."""
    return SurfaceJob.create(runs_folder() / MEASURING, compared(), tolerance)
