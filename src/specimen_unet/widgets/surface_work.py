"""Surfaces of open layers, measured in the engine's process."""

from __future__ import annotations

import shutil
import uuid
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from threading import Event as Flag
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.events import Event, Failed, Finished, TileDone
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.surface_job import SurfaceJob
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.latest_task import LatestTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from specimen_unet.domain.comparison import Comparison

MEASURING = ".measuring"
"""Folder of the copies, beside the runs."""


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """Which case is measured, and its last pair; None when it has just begun."""

    case: str
    number: int
    of: int
    pair: TileDone | None = None


class SurfaceWork(QObject):
    """Copies what is compared, has one case after the other measured.

    The engine is started when surfaces are first asked for: a dock that only
    compares by overlap needs none. All cases are copied before the first is measured,
    so what comes of them is of one moment, whoever paints meanwhile.

    Signals
    -------
    progressed : CaseProgress
        How far it is.
    done : dict of str to runs.surface_job.SurfaceJob
        The copies by case, each with its table. Call `clear` once they were read.
    ended : str
        It ended without a result: why, or nothing when it was stopped.
    """

    progressed = Signal(object)
    done = Signal(object)
    ended = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self._place = _new_place()
        self._copies: dict[str, SurfaceJob] = {}
        self._waiting: deque[str] = deque()
        self._case: CaseProgress | None = None
        self._is_active = False
        self._is_unwanted = Flag()
        self._copying = LatestTask(self)
        self._copying.answered.connect(self._begin)
        self._copying.refused.connect(self._end)

    @property
    def is_active(self) -> bool:
        """Whether surfaces are being measured."""
        return self._is_active

    def start(
        self,
        compared: Callable[[], Iterable[tuple[str, Comparison]]],
        tolerance: float | None,
    ) -> None:
        """Measure the cases that `compared` returns, as they are now.

        Parameters
        ----------
        compared : callable
            Returns names and comparisons; called beside the viewer's thread.
        tolerance : float or None
            Up to which distance surfaces agree.
        """
        self.clear()
        self._is_active = True
        self._place, self._is_unwanted = _new_place(), Flag()
        if self.job is None:
            self.job = Job(self)
            self.job.heard.connect(self._hear)
            self.job.finished.connect(self._finish)
            self.job.failed.connect(self._fail)
        place, unwanted = self._place, self._is_unwanted
        self._copying.ask(partial(_copied, compared, tolerance, place, unwanted))

    def stop(self) -> None:
        """End it after the pair that is being measured."""
        self._is_unwanted.set()
        if self.job is not None and self._case is not None:
            self.job.stop()

    def clear(self) -> None:
        """Remove the copies."""
        self._case = None
        self._copies = {}
        self._waiting.clear()
        shutil.rmtree(self._place, ignore_errors=True)

    def leave(self, *, viewer_goes: bool = False) -> None:
        """Drop everything at once, the engine too; nothing is told of it any more."""
        if not viewer_goes:  # otherwise Qt has deleted the timers
            self._copying.drop()
        self._is_unwanted.set()
        self._is_active = False
        if self.job is not None:
            self.job.shutdown()
        self.clear()

    def _begin(self, copies: dict[str, SurfaceJob]) -> None:
        if self._is_unwanted.is_set():
            self._end("")
            return
        self._copies = copies
        self._waiting.extend(copies)
        self._measure_next()

    def _measure_next(self) -> None:
        assert self.job is not None
        case = self._waiting.popleft()
        of = len(self._copies)
        self._case = CaseProgress(case, of - len(self._waiting), of)
        self.job.judge("surfaces", self._copies[case].path)
        self.progressed.emit(self._case)

    def _hear(self, event: Event) -> None:
        if self._case is not None and isinstance(event, TileDone):
            self.progressed.emit(replace(self._case, pair=event))

    def _finish(self, finished: Finished) -> None:
        if self._case is None:
            return
        if finished.stopped_early or self._is_unwanted.is_set():
            self._end("")
        elif self._waiting:
            self._measure_next()
        else:
            self._case = None
            self._is_active = False
            self.done.emit(self._copies)

    def _fail(self, failed: Failed) -> None:
        if self._case is None:
            return
        text = failure_text(failed)
        self._end(text if self._case.of == 1 else f"{self._case.case}: {text}")

    def _end(self, message: str) -> None:
        self._is_active = False
        self.clear()
        self.ended.emit(message)


def _new_place() -> Path:
    return runs_folder() / MEASURING / uuid.uuid4().hex


def _copied(
    compared: Callable[[], Iterable[tuple[str, Comparison]]],
    tolerance: float | None,
    place: Path,
    unwanted: Flag,
) -> dict[str, SurfaceJob]:
    """Copy what is compared to where the engine finds it; beside the viewer."""
    is_whole = False
    copies = {}
    try:
        for case, comparison in compared():
            if unwanted.is_set():
                break
            copies[case] = SurfaceJob.create(place, comparison, tolerance)
        is_whole = not unwanted.is_set()
    except OSError as error:
        raise RunFolderError(
            f"The labels cannot be copied into {place.parent}: {error.strerror}."
        ) from error
    finally:
        if not is_whole:  # whoever wanted it no more may have removed it too early
            shutil.rmtree(place, ignore_errors=True)
    return copies
