"""Makes a study of chosen cases beside the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from specimen_unet.domain.errors import RunFolderError, SpecimenUnetError
from specimen_unet.runs.study_making import check_chosen, study_of_chosen
from specimen_unet.widgets.latest_task import LatestTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.study_choices import StudyChoices
    from specimen_unet.files.chosen_cases import ChosenCases

_COUNT_MS = 200


@dataclass(slots=True)
class _Reading:
    """How far cases are read, told from one thread to the other."""

    count: int
    read: int = 0
    is_left: bool = False

    def watched(self, cases: Iterable[Case]) -> Iterator[Case]:
        """Count cases until nobody wants them."""
        for case in cases:
            if self.is_left:
                raise RunFolderError("It was stopped.")  # nobody hears it
            yield case
            self.read += 1


class StudyMaking(QObject):
    """Reads cases one after the other, and writes them into a study.

    Signals
    -------
    progressed : int, int
        So many of so many cases are read.
    made : runs.study.StudyFolder
        It can be run.
    refused : str
        Why there is none.
    """

    progressed = Signal(int, int)
    made = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reading = _Reading(0)
        self._task = LatestTask(self)
        self._task.answered.connect(self._tell)
        self._task.refused.connect(self._refuse)
        self._counting = QTimer(self)
        self._counting.setInterval(_COUNT_MS)
        self._counting.timeout.connect(self._tell_count)

    @property
    def is_active(self) -> bool:
        """Whether cases are being read."""
        return self._task.is_busy

    def make(self, chosen: ChosenCases, choices: StudyChoices, path: Path) -> None:
        """Make a study in a folder that is missing; `made` or `refused` is told."""
        try:
            check_chosen(chosen, choices.study_folds)
        except SpecimenUnetError as error:
            self.refused.emit(str(error))
            return
        self._reading = _Reading(len(chosen.files))
        watch = self._reading.watched
        training, folds = choices.training, choices.study_folds
        self._task.ask(partial(study_of_chosen, chosen, training, folds, path, watch))
        self._counting.start()
        self._tell_count()

    def leave(self, *, viewer_goes: bool = False) -> None:
        """Read no further; nothing of it is left behind."""
        self._reading.is_left = True
        if not viewer_goes:  # otherwise Qt has deleted the timers
            self._counting.stop()
            self._task.drop()

    def _tell_count(self) -> None:
        self.progressed.emit(self._reading.read, self._reading.count)
        if not self._task.is_busy:  # an error that is a bug is shown by napari
            self._refuse("The cases could not be read: the error is shown apart.")

    def _tell(self, study: object) -> None:
        self._counting.stop()
        self.made.emit(study)

    def _refuse(self, message: str) -> None:
        self._counting.stop()
        self.refused.emit(message)
