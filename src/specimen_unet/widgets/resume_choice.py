"""Trainings that were interrupted, and can go on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog, QSizePolicy

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.widgets.note import QUIET, Note


class ResumeChoice(Container[Widget]):
    """Offers unfinished runs, the newest first; any other folder can be chosen.

    Attributes
    ----------
    resumed : Signal
        A person wants this `RunFolder` to go on.
    ended : Signal
        The `RunFolder` a person chose has ended; it can only be prolonged.
    """

    resumed = Signal(object)
    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__(labels=False, name="interrupted")
        self._heading = Note("interrupted_heading")
        self.runs = ComboBox(
            name="interrupted_run",
            choices=[],
            tooltip="Trainings that were closed or cut off before they ended",
        )
        self.runs.native.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
        self.resume = PushButton(
            name="resume", text="Resume", tooltip="Go on from the last checkpoint"
        )
        self.other = PushButton(
            name="resume_other",
            text="Resume another run…",
            tooltip="Choose the folder of a run that is kept elsewhere",
        )
        self.other.native.setStyleSheet(QUIET)
        self._line = Container(
            widgets=[self.runs, self.resume], layout="horizontal", labels=False
        )
        self._line.native.layout().setStretch(0, 1)
        self.problem = Note("resume_problem", "problem")
        self.extend([self._heading, self._line, self.other, self.problem])
        self.margins = self._line.margins = (0, 0, 0, 0)
        self.resume.changed.connect(self._resume_chosen)
        self.other.changed.connect(self._choose_folder)
        self.look()

    def look(self) -> None:
        """Look for unfinished runs anew."""
        runs = unfinished_runs()
        self.runs.choices = [(_title(run), run) for run in runs]
        self._line.visible = bool(runs)
        self._heading.tell("Interrupted trainings" if runs else "")

    def resume_folder(self, path: Path) -> None:
        """Let the run in a folder go on, or say why it cannot."""
        try:
            run = RunFolder.open(path)
        except RunFolderError as error:
            self.problem.tell(str(error))
            return
        self.problem.tell("")
        (self.ended if run.is_finished else self.resumed).emit(run)

    def _resume_chosen(self, _: Any = None) -> None:
        if self.runs.value is not None:
            self.resume_folder(self.runs.value.path)

    def _choose_folder(self, _: Any = None) -> None:
        path = QFileDialog.getExistingDirectory(
            self.native, "Folder of the run", str(runs_folder())
        )
        if path:
            self.resume_folder(Path(path))


def unfinished_runs() -> list[RunFolder]:
    """List runs that were begun and have not ended, the one touched last first."""
    folder = runs_folder()
    paths = folder.iterdir() if folder.is_dir() else ()
    runs = [
        RunFolder(path)
        for path in paths
        if not path.name.startswith(".") and RunFolder.is_run(path)
    ]
    unfinished = [run for run in runs if run.has_checkpoint and not run.is_finished]
    return sorted(unfinished, key=_touched, reverse=True)


def _title(run: RunFolder) -> str:
    """Name a run by its specimen and when it was begun."""
    begun = re.fullmatch(r"(.+)_([\d-]{10})_(\d\d)(\d\d.*)", run.name)
    return "{}, {} {}:{}".format(*begun.groups()) if begun else run.name


def _touched(run: RunFolder) -> float:
    return run.path.stat().st_mtime
