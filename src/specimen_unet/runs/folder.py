"""A run is a folder: all that viewer, terminal and cluster share of a training."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.plan import Plan
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.journal import append_event, read_events
from specimen_unet.runs.lock import locked
from specimen_unet.runs.storage import (
    StoredCase,
    allow_open_cases,
    check_names,
    copy_file,
    file_name,
    name_of_case,
    new_folder,
    read_case,
    read_json,
    write_case,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from contextlib import AbstractContextManager

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.events import Event


def runs_folder() -> Path:
    """Return where runs are kept when nobody says where.

    The environment variable ``SPECIMEN_UNET_RUNS`` names another folder.
    """
    chosen = os.environ.get("SPECIMEN_UNET_RUNS")
    if chosen:
        return Path(chosen)
    return platformdirs.user_data_path("specimen-unet", appauthor=False) / "runs"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One training in its own folder, trained by one process at a time.

    Made by `RunFolder.create`, found again by `RunFolder.open`.
    """

    path: Path

    @classmethod
    def create(
        cls,
        parent: Path,
        name: str,
        cases: Iterable[Case],
        settings: TrainingSettings,
        start_from: Path | None = None,
    ) -> RunFolder:
        """Write cases and settings into a new folder ``NAME_DATE_TIME``.

        Parameters
        ----------
        parent : Path
            Where the run's folder is made, e.g. `runs_folder()`.
        name : str
            What people call this training.
        cases : iterable of Case
            What to learn from; written once, each when it is read.
        settings : TrainingSettings
            What a person chose.
        start_from : Path, optional
            Model file to fine-tune; copied, so that the run needs nothing else.

        Raises
        ------
        RunFolderError
            If there are no cases, or two of one name.
        """

        def fill(folder: Path) -> None:
            names: Counter[str] = Counter()
            for number, case in enumerate(cases):
                write_case(folder / "cases" / f"{number:03d}", case)
                names[case.name] += 1
            check_names(names)
            write_json(folder / "settings.json", settings)
            if start_from is not None:
                copy_file(start_from, folder / "start.safetensors")

        moment = datetime.now().astimezone()
        full_name = f"{file_name(name)}_{moment:%Y-%m-%d_%H%M}"
        return cls(new_folder(parent, full_name, fill))

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run that was created before.

        Raises
        ------
        RunFolderError
            If the folder is not a run.
        """
        if not cls.is_run(path):
            raise RunFolderError(
                f"{path} is not a run (it has no settings.json and cases): choose a "
                "folder that `specimen-unet train` or the Train dock made."
            )
        return cls(Path(path))

    @staticmethod
    def is_run(path: Path) -> bool:
        """Whether a folder looks like a run."""
        path = Path(path)
        return (path / "settings.json").is_file() and (path / "cases").is_dir()

    @property
    def name(self) -> str:
        """Name of the folder, ``NAME_DATE_TIME``."""
        return self.path.resolve().name

    @property
    def settings(self) -> TrainingSettings:
        """What a person chose."""
        return read_json(self.path / "settings.json", TrainingSettings)

    @property
    def plan(self) -> Plan | None:
        """What was decided, once the run was planned."""
        path = self.path / "plan.json"
        return read_json(path, Plan) if path.exists() else None

    @property
    def start_path(self) -> Path | None:
        """The model that is fine-tuned, if any."""
        path = self.path / "start.safetensors"
        return path if path.exists() else None

    @property
    def model_path(self) -> Path:
        """Where the model is, once the run is finished."""
        return self.path / "model.safetensors"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a training was begun that can be resumed."""
        return any(self.path.glob("checkpoint*.safetensors"))

    @property
    def is_finished(self) -> bool:
        """Whether the training ended and its model is there."""
        return self.model_path.exists()

    def cases(
        self, *, writable: bool = False, named: Collection[str] | None = None
    ) -> list[Case]:
        """Open the cases as memory maps.

        Parameters
        ----------
        writable : bool
            Whether what is painted into the labels is learnt from by a training
            under way. Images are never writable.
        named : collection of str, optional
            Only those that bear one of these names.
        """
        folders = self._case_folders()
        allow_open_cases(len(folders))
        if named is not None:
            folders = [folder for folder in folders if name_of_case(folder) in named]
        return [read_case(folder, writable=writable) for folder in folders]

    def labels_path(self, case: str, observer: str) -> Path:
        """Return the .npy file that holds what an observer drew on a case.

        Raises
        ------
        RunFolderError
            If there is no such case or observer.
        """
        for folder in self._case_folders():
            stored = read_json(folder / "case.json", StoredCase)
            if stored.name == case and observer in stored.observers:
                return folder / stored.observers[observer]
        raise RunFolderError(f"{self.name} has no labels of {observer!r} on {case!r}.")

    def write_plan(self, plan: Plan) -> None:
        """Keep what was decided."""
        write_json(self.path / "plan.json", plan)

    def record(self, event: Event) -> None:
        """Append an event to events.jsonl."""
        append_event(self.path / "events.jsonl", event)

    def events(self) -> list[Event]:
        """Read what happened so far; a line torn by a kill is left out."""
        return list(read_events(self.path / "events.jsonl"))

    def log(self, text: str) -> None:
        """Append a line to log.txt."""
        moment = datetime.now().astimezone()
        with (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{moment:%Y-%m-%d %H:%M:%S} {text}\n")

    def lock(self) -> AbstractContextManager[None]:
        """Hold the run for this process; RunFolderError if another one does."""
        return locked(self.path)

    def _case_folders(self) -> list[Path]:
        return sorted(path for path in (self.path / "cases").iterdir() if path.is_dir())
