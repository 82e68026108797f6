"""The training that would be started: a run in a draft place, planned at once."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from specimen_unet.domain.events import Event, Failed, PlanReady
from specimen_unet.files.library import unused_path
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.widgets.amounts import memory_text
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.painting import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan
    from specimen_unet.widgets.draft_choice import Choice
    from specimen_unet.widgets.job import Job

SETTLE_MS = 700
"""How long choices must stay as they are before a plan is made."""

LARGE_BYTES = 100_000_000
"""Voxels beyond this are copied only when a person asks for it."""

_DRAFTS = ".drafts"
_OLD_SECONDS = 86_400.0
_COUNT_MS = 200


class Draft(QObject):
    """Copies what is chosen into a draft run and asks for its plan.

    Choices are waited for until they settle, copying runs beside the viewer, and
    an answer to choices that were overtaken is dropped. What is painted meanwhile
    is written into the draft.

    Signals
    -------
    planned : domain.plan.Plan
        The plan of the choices as they are now.
    refused : str
        Why there is no plan.
    told : str
        What is going on, in plain words.
    taken : runs.folder.RunFolder
        The run that `take` asked for, in its lasting place.
    """

    planned = Signal(object)
    refused = Signal(str)
    told = Signal(str)
    taken = Signal(object)

    def __init__(self, job: Job, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self._folder = runs_folder() / _DRAFTS / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._choice: Choice | None = None
        self._written: Choice | None = None
        self._run: RunFolder | None = None
        self._plan: Plan | None = None
        self._stale: set[Path] = set()
        self._is_painted = False
        self._is_wanted = False
        self._asked = 0
        self._asked_of: RunFolder | None = None
        self._task = LatestTask(self)
        self._task.answered.connect(self._keep)
        self._task.refused.connect(self._refuse)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._go_on)
        self._read = 0
        self._counting = QTimer(self)
        self._counting.setInterval(_COUNT_MS)
        self._counting.timeout.connect(self._tell_count)
        job.heard.connect(self._hear)

    @property
    def is_large(self) -> bool:
        """Whether the choice is too large to be copied without being asked."""
        return self._choice is not None and self._choice.size > LARGE_BYTES

    def choose(self, choice: Choice | None) -> None:
        """Plan this, once it stays; None when the choices are wrong."""
        self._choice = choice
        self._is_wanted = False
        self._settle.stop()
        if choice is not None:
            self._settle.start()

    def painted(self) -> None:
        """Take over what was painted on the ground truth since it was copied."""
        self._is_painted = True
        if self._choice is not None:
            self._settle.start()

    def make(self) -> None:
        """Copy and plan now, however large the choice is."""
        self._settle.stop()
        self._write()

    def take(self) -> None:
        """Hand the run over to be trained, as soon as it is up to date."""
        self._is_wanted = True
        self._settle.stop()
        if not self._hand_over():
            self._write()

    def leave(self) -> None:
        """Forget the choice, and remove what was copied for it."""
        self._settle.stop()
        self._counting.stop()
        self._task.drop()
        self._choice = self._written = self._run = self._plan = None
        self._is_wanted = False
        shutil.rmtree(self._folder, ignore_errors=True)

    def _go_on(self) -> None:
        """Begin with choices that have settled, unless they are large."""
        if self._choice is None:
            return
        if self.is_large and not self._is_current():
            size = memory_text(self._choice.size)
            self.told.emit(f"{size} would be copied for a plan: press Show the plan.")
        else:
            self._write()

    def _is_current(self) -> bool:
        return self._written == self._choice and not self._is_painted

    def _write(self) -> None:
        """Bring the draft up to date, beside the viewer."""
        choice = self._choice
        if choice is None:
            return
        if self._is_current():
            self._ask_plan()
            return
        self.told.emit("Copying the images…")
        earlier = self._run if choice.has_cases_of(self._written) else None
        self._is_painted = False
        self._read = 0
        if choice.chosen is not None and earlier is None:
            self._counting.start()
        self._task.ask(partial(_up_to_date, self._folder, choice, earlier, self._count))

    def _count(self, cases: Iterable[Case]) -> Iterator[Case]:
        """Count cases while they are read, beside the viewer."""
        for case in cases:
            yield case
            self._read += 1

    def _tell_count(self) -> None:
        chosen = self._choice.chosen if self._choice is not None else None
        if not self._task.is_busy or chosen is None:
            self._counting.stop()
            return
        self.told.emit(f"Copying: {self._read} of {len(chosen.files)} cases…")

    def _keep(self, answer: tuple[Choice, RunFolder]) -> None:
        """Keep what was written, and plan it unless it was overtaken."""
        earlier = self._run
        self._written, self._run = answer
        self._plan = None
        if earlier is not None:
            self._stale.add(earlier.path)
        self._remove_stale()
        if not self._is_current():
            if not self._settle.isActive():
                self._settle.start()
            return
        if not self._hand_over():
            self._ask_plan()

    def _remove_stale(self) -> None:
        """Remove drafts that neither a copy nor a plan in the making still reads."""
        if self._run is None or self._task.is_busy or self._asked:
            return
        for path in self._stale - {self._run.path}:
            shutil.rmtree(path, ignore_errors=True)
        self._stale.clear()

    def _ask_plan(self) -> None:
        if self._plan is not None:
            self.planned.emit(self._plan)
        elif self._run is not None and not self._is_wanted:
            self._asked += 1
            self._asked_of = self._run
            self.told.emit("Making a plan…")
            self._job.plan(self._run.path)

    def _hear(self, event: Event) -> None:
        """Take the answer to the last question; earlier ones were overtaken."""
        if not self._asked or not isinstance(event, PlanReady | Failed):
            return
        self._asked -= 1
        if self._asked:
            return
        self._remove_stale()
        is_answer = self._asked_of is self._run and self._is_current()
        if is_answer and isinstance(event, PlanReady):
            self._plan = event.plan
        if self._is_wanted:
            # Once everybody has heard this: a failure is not the training's.
            QTimer.singleShot(0, self._hand_over)
        elif is_answer and isinstance(event, PlanReady):
            self.planned.emit(event.plan)
        elif is_answer and isinstance(event, Failed):
            self.refused.emit(failure_text(event))

    def _refuse(self, message: str) -> None:
        self._is_wanted = False
        self.refused.emit(message)

    def _hand_over(self) -> bool:
        """Hand over the run if it is wanted, up to date and in nobody's hands."""
        is_free = not self._asked and not self._task.is_busy
        if not (self._is_wanted and is_free and self._is_current() and self._run):
            return False
        run = _moved(self._run, self._plan)
        self._is_wanted = False
        self._run = self._written = self._plan = None
        self.taken.emit(run)
        return True


def remove_old_drafts() -> None:
    """Remove drafts that a viewer left behind when it was killed."""
    folder = runs_folder() / _DRAFTS
    for draft in folder.iterdir() if folder.is_dir() else ():
        if time.time() - draft.stat().st_mtime > _OLD_SECONDS:
            shutil.rmtree(draft, ignore_errors=True)


def _up_to_date(
    folder: Path,
    choice: Choice,
    earlier: RunFolder | None,
    counted: Callable[[Iterable[Case]], Iterable[Case]],
) -> tuple[Choice, RunFolder]:
    """Write a draft run; with an earlier one of the same cases, from its files."""
    cases: Iterable[Case]
    if earlier is None and choice.chosen is not None:
        cases = counted(choice.chosen.read())
    elif earlier is None:
        cases = [pair.case() for pair in choice.pairs]
    else:
        write_labels(earlier, choice.pairs)
        cases = earlier.cases()
        if earlier.settings == choice.settings and not choice.start_from:
            return choice, earlier
    run = RunFolder.create(
        folder, choice.name, cases, choice.settings, choice.start_from
    )
    return choice, run


def _moved(run: RunFolder, plan: Plan | None) -> RunFolder:
    """Move a draft to where runs are kept, under a name that tells what it is."""
    kind = f"-{plan.dimensions}d" if plan else ""
    moment = datetime.now().astimezone()
    stem = run.name.rsplit("_", 2)[0]
    target = unused_path(runs_folder(), f"{stem}{kind}_{moment:%Y-%m-%d_%H%M}", "")
    try:
        run.path.rename(target)
    except PermissionError:  # Windows, while the child still maps a file
        shutil.copytree(run.path, target)
    return RunFolder.open(target)
