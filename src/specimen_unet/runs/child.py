"""The engine in a process of its own: commands come in, events go out.

``python -m specimen_unet worker`` imports the engine, says that it is ready, and
does what it is told, one thing after the other. When its standard input closes,
whoever started it is gone: a training is saved where it stands, and it leaves.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from specimen_unet.domain.control import Control, PreviewRequest, StudyControl, WorkLeft
from specimen_unet.domain.events import Finished, PlanReady, Ready, Warned
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.protocol import Command, command_from_line, event_to_line
from specimen_unet.runs.segment_job import SegmentJob
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.surface_job import SurfaceJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from specimen_unet.domain.events import Event

_OF_STUDIES = ("crossvalidate", "fold")
WORK = ("plan", "train", "segment", "export", "surfaces", "report", *_OF_STUDIES)


def main() -> int:
    """Obey standard input until it ends; return the exit status."""
    commands, answers = _take_standard_streams()
    faulthandler.enable()
    _give_way()
    worker = Worker(answers)
    threading.Thread(target=worker.listen, args=(commands,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: worker.leave())
    # Ctrl-C in the terminal of napari is for napari, whose end ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    # Some seconds, in which commands already wait in the queue.
    from specimen_unet.engine.quick_start import import_monai_without_extras

    import_monai_without_extras()
    import specimen_unet.runs.work  # noqa: F401
    from specimen_unet.engine.devices import choose_device, device_name, settle_heap

    settle_heap()
    worker.say(Ready(device_name(choose_device())))
    worker.work()
    return 0


class Worker:
    """Does what it is told, one thing after the other.

    One thread listens and raises flags, another one works.

    Parameters
    ----------
    answers : text file
        Where events are written, a line each.
    """

    def __init__(self, answers: IO[str]) -> None:
        self._answers = answers
        self._speaking = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[Command, Control] | None]
        self._waiting = queue.SimpleQueue()
        self._controls: deque[Control] = deque()
        self._is_leaving = False

    def listen(self, lines: Iterable[bytes]) -> None:
        """Take commands until there are no more; then leave."""
        for line in lines:
            text = line.decode("utf-8", "replace")
            if not text.strip():
                continue
            try:
                self._take(command_from_line(text))
            except (ValueError, KeyError, TypeError) as error:
                self.say(Warned(f"The command was not understood: {error}"))
        self.leave()

    def leave(self) -> None:
        """Save where the work stands, drop what waits, and go."""
        self._is_leaving = True
        for control in list(self._controls):
            control.leave()
        self._waiting.put(None)

    def work(self) -> None:
        """Do what comes in until it is time to leave."""
        while (task := self._waiting.get()) and not self._is_leaving:
            command, control = task
            self._carry_out(command, control)
            self._controls.popleft()
            if command.name == "plan":
                _import_for_training()

    def say(self, event: Event, folder: Path | None = None) -> None:
        """Tell an event; with nobody to tell it to, leave.

        `folder` is where the labels of a preview are kept.
        """
        line = event_to_line(event, folder or Path())
        try:
            with self._speaking:
                self._answers.write(line)
                self._answers.flush()
        except OSError:
            self.leave()

    def _take(self, command: Command) -> None:
        """Queue work; hand the rest to the work under way."""
        if command.name in WORK:
            control = StudyControl() if command.name in _OF_STUDIES else Control()
            self._controls.append(control)
            self._waiting.put((command, control))
        elif command.name == "quit":
            self.leave()
        elif self._controls:
            _ask(self._controls[0], command)

    def _carry_out(self, command: Command, control: Control) -> None:
        """Do one thing; whatever goes wrong is told, and the next thing can come."""
        from specimen_unet.runs.work import failure

        try:
            self._obey(command, control)
        except WorkLeft:
            return
        except Exception as error:  # noqa: BLE001 (the other process reports it)
            self.say(failure(error))

    def _obey(self, command: Command, control: Control) -> None:
        from specimen_unet.runs.work import plan_run, train_run

        if isinstance(control, StudyControl):
            self._study(command, control)
            return
        if command.name not in ("plan", "train"):
            for event in _done_aside(command, control):
                self.say(event)
                if control.is_left:
                    return
            return
        run = RunFolder.open(Path(command.arguments["run"]))
        with _output_to(run.path / "log.txt"):
            if command.name == "plan":
                self.say(PlanReady(plan_run(run)))
                return
            events = train_run(
                run,
                resume=bool(command.arguments.get("resume", False)),
                more_minutes=command.arguments.get("more_minutes"),
                control=control,
            )
            for event in events:
                self.say(event, run.path)

    def _study(self, command: Command, control: StudyControl) -> None:
        """Do a study, or one fold of it; one that is stopped can be gone on with."""
        from specimen_unet.runs.crossvalidation import crossvalidating
        from specimen_unet.runs.fold import run_fold

        arguments = command.arguments
        study = StudyFolder.open(Path(arguments["study"]))
        with _output_to(study.path / "log.txt"):
            try:
                if command.name == "fold":
                    fold, device = int(arguments["fold"]), str(arguments["device"])
                    for event in run_fold(study, fold, control, device):
                        self.say(event, study.path)
                    self.say(Finished(str(study.path)))
                    return
                devices = [str(name) for name in arguments.get("devices") or ()]
                for event in crossvalidating(study, control=control, devices=devices):
                    self.say(event, study.path)
            except WorkLeft:
                self.say(Finished(str(study.path), stopped_early=True))


def _done_aside(command: Command, control: Control) -> Iterator[Event]:
    """Do what is no training: segment, export, measure surfaces, report a run."""
    place = command.arguments
    if command.name == "segment":
        from specimen_unet.runs.work import segment_job

        yield from segment_job(SegmentJob.open(Path(place["job"])), control)
    elif command.name == "surfaces":
        from specimen_unet.runs.surface_scores import measure_job

        yield from measure_job(SurfaceJob(Path(place["folder"])), control)
    elif command.name == "report":
        yield from _reporting(Path(place["folder"]), control)
    else:
        from specimen_unet.runs.export_file import export_as_asked

        yield Finished(str(export_as_asked(place)))


def _reporting(folder: Path, control: Control) -> Iterator[Event]:
    """Write the report of a run or of a study."""
    from specimen_unet.runs.reporting import reporting_run
    from specimen_unet.runs.study_report import report_study

    if StudyFolder.is_study(folder):
        written = report_study(StudyFolder.open(folder))
    else:
        written = yield from reporting_run(RunFolder.open(folder), control=control)
    yield Finished(str(written[0]))


def _import_for_training() -> None:
    """Import, while a person looks at the plan, what PyTorch's optimisers import.

    They do so when the first one is made, which would be after Train was pressed, and
    it takes longer than all else before the first step.
    """
    import torch._dynamo  # noqa: F401


def _ask(control: Control, command: Command) -> None:
    """Raise the flag that a command stands for."""
    if command.name == "preview":
        case, index = command.arguments["case"], command.arguments["index"]
        control.ask_preview(PreviewRequest(str(case), int(index)))
        return
    {"pause": control.pause, "go on": control.go_on, "stop": control.stop}[
        command.name
    ]()


def _take_standard_streams() -> tuple[IO[bytes], IO[str]]:
    """Keep standard input and output for the protocol alone.

    Whatever else is printed, by a library or below Python, goes to standard error.
    """
    sys.stdout.flush()
    # Unbuffered: a thread that waits in a buffered read blocks the exit of Python.
    commands = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115
    answers = open(os.dup(1), "w", encoding="utf-8", newline="\n")  # noqa: SIM115
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return commands, answers


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Append to a file what is printed meanwhile, also below Python."""
    kept = [os.dup(1), os.dup(2)]
    with path.open("ab", buffering=0) as log:
        _redirect(log.fileno(), log.fileno())
    try:
        yield
    finally:
        _redirect(*kept)
        for descriptor in kept:
            os.close(descriptor)


def _redirect(output: int, errors: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(output, 1)
    os.dup2(errors, 2)


def _give_way() -> None:
    """Let the viewer go first where cores are few."""
    if hasattr(os, "nice"):
        os.nice(10)
    elif sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
