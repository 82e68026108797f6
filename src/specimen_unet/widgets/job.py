"""The engine in a process of its own: commands go in, events come out."""

from __future__ import annotations

import atexit
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ref

from qtpy.compat import isalive
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QCoreApplication,
    QObject,
    QProcess,
    QTimer,
    Signal,
)

from specimen_unet.domain.events import Failed, Finished
from specimen_unet.runs.protocol import command_line, event_from_line
from specimen_unet.widgets.worker import (
    Kind,
    Work,
    crash,
    end_process,
    not_started,
    worker_command,
    worker_environment,
)

if TYPE_CHECKING:
    from specimen_unet.domain.export_settings import ExportSettings

PATIENCE_MS = 6000
"""How long closing waits for a training to save its checkpoint."""

KEPT_LINES = 60
"""Lines of the child's standard error that are kept for a report."""


class Job(QObject):
    """Does the engine's work in a child process, one thing after the other.

    The child is started with the job and waits with its imports done. Work asked
    for while it is busy waits for its turn. After a training the child is let go,
    which gives back its memory; the next work starts another.

    Signals
    -------
    heard : domain.events.Event
        Everything the child tells, as it tells it.
    finished : domain.events.Finished
        The work ended with a result.
    failed : domain.events.Failed
        The work ended without one: an error, a crash, a kill.
    closed
        The child has left.

    Parameters
    ----------
    parent : QObject, optional
        Owner in Qt's sense. Call `shutdown` before it goes.
    command : list of str, optional
        What to run instead of ``python -m specimen_unet worker``.
    """

    heard = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    closed = Signal()

    def __init__(
        self, parent: QObject | None = None, command: list[str] | None = None
    ) -> None:
        super().__init__(parent)
        self._command = command or worker_command()
        self._process: QProcess | None = None
        self._leaving: list[QProcess] = []
        self._work: Work | None = None
        self._waiting: deque[Work] = deque()
        self._last_words: deque[str] = deque(maxlen=KEPT_LINES)
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.shutdown)
        # A script or a notebook may end without an event loop that quits.
        atexit.register(partial(_shut_down, ref(self)))
        self._start()

    @property
    def is_busy(self) -> bool:
        """Whether something asked for is not done yet."""
        return self._work is not None

    @property
    def last_words(self) -> str:
        """The last lines the child wrote that were no events, for a report."""
        return "\n".join(self._last_words)

    def plan(self, run: Path | str) -> None:
        """Ask for the plan of a run folder: a `PlanReady` is heard, or `failed`."""
        self._ask("plan", Path(run), command_line("plan", run=str(run)))

    def train(
        self,
        run: Path | str,
        resume: bool = False,
        more_minutes: float | None = None,
    ) -> None:
        """Train a run folder; with `resume`, go on from its checkpoint.

        With `more_minutes`, go on for so long, also if it had ended.
        """
        line = command_line(
            "train", run=str(run), resume=resume, more_minutes=more_minutes
        )
        self._ask("train", Path(run), line)

    def crossvalidate(self, study: Path | str) -> None:
        """Do what is left of a study; to stop it keeps it for later."""
        line = command_line("crossvalidate", study=str(study))
        self._ask("crossvalidate", Path(study), line)

    def segment(self, job: Path | str) -> None:
        """Segment what lies in a folder that `SegmentJob.create` made."""
        self._ask("segment", Path(job), command_line("segment", job=str(job)))

    def export(
        self, model: Path | str, target: Path | str, settings: ExportSettings
    ) -> None:
        """Write a model file as a folder for another tool."""
        line = command_line(
            "export",
            model=str(model),
            target=str(target),
            settings=settings.model_dump(mode="json"),
        )
        self._ask("export", Path(target), line)

    def judge(self, kind: Kind, folder: Path | str) -> None:
        """Measure the "surfaces" of a `SurfaceJob`, or write the "report" of a run."""
        self._ask(kind, Path(folder), command_line(kind, folder=str(folder)))

    def pause(self) -> None:
        """Let the work save a checkpoint and wait."""
        self._send(command_line("pause"))

    def go_on(self) -> None:
        """Let paused work go on."""
        self._send(command_line("go on"))

    def stop(self) -> None:
        """End the work at its next step and keep what it has."""
        self._send(command_line("stop"))

    def preview(self, case: str, index: int) -> None:
        """Ask how the network sees slice `index` of a case just now."""
        self._send(command_line("preview", case=case, index=index))

    def shutdown(self) -> None:
        """End the child now: a training saves its checkpoint first.

        Nothing is heard of it any more. Later work starts another child.
        """
        if not isalive(self):  # type: ignore[no-untyped-call]  # qtpy has no types
            return  # at the end of Python, in whatever order it clears away
        self.blockSignals(True)
        saves = self._work is not None and self._work.is_training
        self._work = None
        self._waiting.clear()
        if self._process is not None:
            self._let_go(self._process)
        # A copy: those that leave while they are waited for take themselves out.
        for process in list(self._leaving):
            end_process(process, PATIENCE_MS if saves else 0)
        self.blockSignals(False)

    def _start(self) -> QProcess:
        """Start a child; it imports the engine and waits for commands."""
        process = QProcess(self)
        process.setProcessEnvironment(worker_environment())
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._child_left)
        process.errorOccurred.connect(self._child_trouble)
        self._process = process
        process.start(self._command[0], self._command[1:])
        return process

    def _ask(self, kind: Kind, folder: Path, line: str) -> None:
        work = Work(kind, folder, line)
        if self._work is not None:
            self._waiting.append(work)
            return
        self._work = work
        process = self._process or self._start()
        # Qt keeps what is written before the child has started.
        if process.state() != QProcess.ProcessState.NotRunning:
            self._send(line)

    def _send(self, line: str) -> None:
        """Write one line to the child, if there is one."""
        if self._process is not None:
            self._process.write(line.rstrip("\n").encode() + b"\n")

    def _read(self) -> None:
        """Hear every whole line of the child."""
        process = self._process
        while process is not None and process.canReadLine():
            self._hear(process.readLine().data().decode("utf-8", "replace"))
            process = self._process

    def _read_errors(self) -> None:
        process = self._process
        if process is not None:
            text = process.readAllStandardError().data().decode("utf-8", "replace")
            self._last_words.extend(text.splitlines())

    def _hear(self, line: str) -> None:
        try:
            event = event_from_line(line)
        except ValueError:  # a library printed something
            self._last_words.append(line.rstrip())
            return
        ended = self._work is not None and self._work.is_ended_by(event)
        if ended:
            self._end_work()
        self.heard.emit(event)
        if ended and isinstance(event, Finished):
            self.finished.emit(event)
        elif ended and isinstance(event, Failed):
            self.failed.emit(event)

    def _end_work(self) -> None:
        """Begin what waits; a child that has trained gives its memory back."""
        if self._work is not None and self._work.is_training and self._process:
            self._let_go(self._process)
        self._work = None
        if self._waiting:
            work = self._waiting.popleft()
            self._ask(work.kind, work.folder, work.line)

    def _let_go(self, process: QProcess) -> None:
        """Close the child's standard input: it leaves, and nobody listens."""
        self._process = None
        process.readyReadStandardOutput.disconnect(self._read)
        process.readyReadStandardError.disconnect(self._read_errors)
        process.finished.disconnect(self._child_left)
        process.errorOccurred.disconnect(self._child_trouble)
        process.finished.connect(self._child_gone)
        process.closeWriteChannel()
        self._leaving.append(process)
        limit = QTimer(process)
        limit.timeout.connect(process.kill)
        limit.start(PATIENCE_MS)

    def _child_gone(self) -> None:
        """Forget children that were let go and have left."""
        for process in list(self._leaving):
            if process.state() == QProcess.ProcessState.NotRunning:
                self._leaving.remove(process)
                process.deleteLater()
        self.closed.emit()

    def _child_left(self, code: int, status: QProcess.ExitStatus) -> None:
        """Tell of a child that left by itself: what it worked on has failed."""
        self._read()
        self._read_errors()
        crashed = status == QProcess.ExitStatus.CrashExit
        self._forget_child()
        if self._work is not None:
            self._fail(crash(self._work, code, crashed, self.last_words))
        self.closed.emit()

    def _child_trouble(self, error: QProcess.ProcessError) -> None:
        """Tell that the child cannot be started; other troubles end in its leaving."""
        if error == QProcess.ProcessError.FailedToStart:
            self._forget_child()
            # Work may be asked for in the very call that starts the child.
            QTimer.singleShot(0, self._fail_to_start)

    def _fail_to_start(self) -> None:
        self._fail(not_started(self._command))

    def _forget_child(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
        self._process = None

    def _fail(self, event: Failed) -> None:
        if self._work is None:
            return
        self._end_work()
        self.heard.emit(event)
        self.failed.emit(event)


def _shut_down(job: ref[Job]) -> None:
    """Shut a job down, if there still is one."""
    living = job()
    if living is not None:
        living.shutdown()
