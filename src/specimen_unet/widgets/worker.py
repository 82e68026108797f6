"""The engine's process: how it is started, ended, and what it died of."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qtpy.QtCore import QProcess, QProcessEnvironment

from specimen_unet.domain.events import Event, Failed, Finished, PlanReady

Kind = Literal[
    "plan", "train", "segment", "export", "surfaces", "report", "crossvalidate"
]

_NOUNS: dict[Kind, str] = {
    "plan": "planning",
    "train": "training",
    "segment": "segmentation",
    "export": "export",
    "surfaces": "measuring",
    "report": "report",
    "crossvalidate": "cross-validation",
}
_KILL_MS = 2000


@dataclass(frozen=True, slots=True)
class Work:
    """One thing the engine was asked to do, in which folder, by which command."""

    kind: Kind
    folder: Path
    line: str

    @property
    def is_training(self) -> bool:
        """Whether it saves a checkpoint before it leaves, and takes much memory."""
        return self.kind in ("train", "crossvalidate")

    def is_ended_by(self, event: Event) -> bool:
        """Tell whether nothing more will be heard of it."""
        is_planned = self.kind == "plan" and isinstance(event, PlanReady)
        return is_planned or isinstance(event, Finished | Failed)


def worker_command() -> list[str]:
    """Return the command that starts the engine, also from a bundled application.

    A bundled application's `sys.executable` is the application itself, which
    would open a second viewer: the Python beside it is looked for.
    """
    candidates = [
        Path(sys.prefix, "bin", "python3"),
        Path(sys.prefix, "python.exe"),
        Path(sys.prefix, "Scripts", "python.exe"),
    ]
    own = Path(sys.executable or "missing")
    if own.stem.lower() == "pythonw":
        own = own.with_name("python.exe")
    if own.stem.lower().startswith(("python", "pypy")):
        candidates.insert(0, own)
    for python in candidates:
        if python.is_file():
            # -P: a file torch.py in the folder napari was started in is not torch.
            return [str(python), "-P", "-m", "specimen_unet", "worker"]
    return [shutil.which("specimen-unet") or "specimen-unet", "worker"]


def worker_environment() -> QProcessEnvironment:
    """Return what the engine is told beside its command: to tell everything at once."""
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("PYTHONUNBUFFERED", "1")
    environment.insert("PYTHONIOENCODING", "utf-8")
    return environment


def end_process(process: QProcess, patience_ms: int) -> None:
    """Wait for a process that was asked to leave, and kill it when it does not."""
    if process.state() == QProcess.ProcessState.NotRunning:
        return
    if not (patience_ms and process.waitForFinished(patience_ms)):
        process.kill()
        process.waitForFinished(_KILL_MS)


def not_started(command: list[str]) -> Failed:
    """Say that there is no such command, and what to do."""
    return Failed(
        "RunFolderError",
        f"The engine could not be started with {' '.join(command)}: "
        "reinstall specimen-unet in the Python that runs napari.",
    )


def crash(work: Work, code: int, crashed: bool, words: str) -> Failed:
    """Say in plain words what the engine died of, and where its work lies.

    Parameters
    ----------
    work : Work
        What it was doing.
    code : int
        Its exit code; the number of the signal when it crashed.
    crashed : bool
        Whether it was ended by a signal.
    words : str
        What it last wrote, besides events.
    """
    noun = _NOUNS[work.kind]
    where = ""
    if work.is_training:
        where = f" It can be resumed from its last checkpoint, in {work.folder}."
    # Out of memory, Linux kills with this signal; Windows and macOS do not tell.
    if crashed and os.name == "posix" and code == signal.SIGKILL:
        return Failed(
            "MemoryExceededError",
            f"The system ended the {noun}, most likely because memory ran out: close "
            f"other programs, or choose a smaller patch or batch.{where}",
        )
    how = f"crashed (signal {code})" if crashed else f"ended (exit code {code})"
    last = f" Its last words: {words.splitlines()[-1].strip()}" if words else ""
    return Failed("RunFolderError", f"The process of the {noun} {how}.{where}{last}")
