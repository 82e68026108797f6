"""Folds side by side, each in a process of its own and on its device.

The processes are those of the docks (`runs.child`). Each leaves, with its training
saved, when its standard input closes: so does everything when this process is killed.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

from specimen_unet.domain import errors
from specimen_unet.domain.control import WorkLeft
from specimen_unet.domain.events import (
    Event,
    Failed,
    Finished,
    FoldBegun,
    FoldDone,
    FoldProgress,
    Warned,
)
from specimen_unet.runs.protocol import command_line, event_from_line

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from specimen_unet.domain.control import StudyControl
    from specimen_unet.runs.protocol import CommandName
    from specimen_unet.runs.study import StudyFolder

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 60.0
_TOLD = FoldBegun | FoldProgress | FoldDone | Warned


def side_by_side(
    study: StudyFolder,
    folds: Sequence[int],
    devices: Sequence[str],
    control: StudyControl,
) -> Generator[Event, None, None]:
    """Run folds, as many at once as there are devices.

    Parameters
    ----------
    study : StudyFolder
        Its runs are made.
    folds : sequence of int
        Which to do.
    devices : sequence of str
        One name for each process.
    control : StudyControl
        Pauses all of them, or lets all leave.

    Yields
    ------
    FoldBegun, FoldProgress, FoldDone, Warned
        Of all folds, as they come.

    Raises
    ------
    WorkLeft
        If `control` was left, once all have saved where they stand.
    SpecimenUnetError
        The first failure, once the others have ended.
    """
    team = _Team(study, devices)
    waiting = deque(folds)
    try:
        while waiting or team.is_busy:
            if control.is_left or team.failure is not None:
                waiting.clear()
            while waiting and team.has_room:
                team.begin(waiting.popleft())
            team.obey(control)
            yield from team.heard()
        if control.is_left:
            raise WorkLeft
        if team.failure is not None:
            raise team.failure
    finally:
        team.disband()


class _Team:
    """Processes at work, each with a thread that listens to it."""

    def __init__(self, study: StudyFolder, devices: Sequence[str]) -> None:
        self._study = study
        self._free = deque(devices)
        self._workers: dict[int, _Worker] = {}
        self._queue: queue.SimpleQueue[tuple[int, Event | None]] = queue.SimpleQueue()
        self._threads = max((os.cpu_count() or 1) // len(devices), 1)
        self._is_paused = False
        self.failure: Exception | None = None

    @property
    def is_busy(self) -> bool:
        return bool(self._workers)

    @property
    def has_room(self) -> bool:
        return bool(self._free)

    def begin(self, fold: int) -> None:
        device = self._free.popleft()
        worker = _Worker(self._study, fold, device, self._threads, self._queue)
        self._workers[fold] = worker

    def obey(self, control: StudyControl) -> None:
        """Hand on what is asked for."""
        if control.is_left:
            for worker in self._workers.values():
                worker.leave()
        elif control.is_paused != self._is_paused:
            self._is_paused = control.is_paused
            for worker in self._workers.values():
                worker.tell("pause" if self._is_paused else "go on")

    def heard(self) -> Generator[Event, None, None]:
        """Give what was told meanwhile, if anything."""
        try:
            fold, event = self._queue.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return
        if event is None:
            self._take_back(fold)
        elif isinstance(event, Failed):
            self.failure = self.failure or error_of(event)
            self._workers[fold].leave()
        elif isinstance(event, Finished):
            self._workers[fold].leave()
        elif isinstance(event, _TOLD):
            yield event

    def disband(self) -> None:
        """Let all leave, and wait until they have saved."""
        for worker in self._workers.values():
            worker.leave()
        for worker in self._workers.values():
            worker.end()

    def _take_back(self, fold: int) -> None:
        """Free the device of a process that has left."""
        worker = self._workers.pop(fold)
        status = worker.end()
        self._free.append(worker.device)
        if self.failure is None and not worker.is_leaving:
            self.failure = errors.RunFolderError(
                f"The process of fold {fold} ended by itself (exit code {status}), "
                "perhaps because memory ran out. Go on with the study to resume it; "
                f"its last words are in {self._study.path / 'log.txt'}."
            )


class _Worker:
    """One process that does one fold."""

    def __init__(
        self,
        study: StudyFolder,
        fold: int,
        device: str,
        threads: int,
        heard: queue.SimpleQueue[tuple[int, Event | None]],
    ) -> None:
        self.device = device
        self.is_leaving = False
        environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
        with (study.path / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "specimen_unet", "worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**environment, "PYTHONIOENCODING": "utf-8"},
                encoding="utf-8",
            )
        self._listener = threading.Thread(
            target=self._listen, args=(fold, heard), daemon=True
        )
        self._listener.start()
        self.tell("fold", study=study.path, fold=fold, device=device)

    def tell(self, command: CommandName, **arguments: object) -> None:
        """Send a command; one that has gone hears nothing."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        try:
            stdin.write(command_line(command, **arguments))
            stdin.flush()
        except OSError:
            self.leave()

    def leave(self) -> None:
        """Close its standard input: it saves, and leaves."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            self.is_leaving = True
            try:
                stdin.close()
            except OSError:
                return

    def end(self) -> int:
        """Wait until it has gone; one that does not go is killed."""
        try:
            status = self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._listener.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status

    def _listen(
        self, fold: int, heard: queue.SimpleQueue[tuple[int, Event | None]]
    ) -> None:
        for line in self._process.stdout or ():
            try:
                heard.put((fold, event_from_line(line)))
            except ValueError:  # a library printed something
                continue
        heard.put((fold, None))


def error_of(event: Failed) -> Exception:
    """Make the error again that another process told."""
    kind = getattr(errors, event.kind, None)
    if isinstance(kind, type) and issubclass(kind, errors.SpecimenUnetError):
        return kind(event.message)
    return RuntimeError(event.message)
