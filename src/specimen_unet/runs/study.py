"""A study is a folder: the runs of all folds, and what they say about unseen cases."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.settings import Settings, TrainingSettings
from specimen_unet.files.replacing import replaced
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.lock import locked
from specimen_unet.runs.storage import (
    new_folder,
    read_case,
    read_json,
    write_json,
)
from specimen_unet.runs.study_cases import write_study_cases
from specimen_unet.runs.study_record import StudyRecord, record_of
from specimen_unet.runs.unfinished import finished_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from specimen_unet.domain.case import Case
    from specimen_unet.runs.study_record import StudyCase, StudySource

FOLDS = 5
"""When nobody says how many."""

_RECORD = "study.json"


class StudyFolder:
    """A cross-validation in its own folder.

    Made by `StudyFolder.create`, found again by `StudyFolder.open`.

    Parameters
    ----------
    path : Path
        The folder.
    record : StudyRecord
        What it says of itself.
    """

    def __init__(self, path: Path, record: StudyRecord) -> None:
        self.path = path
        self.record = record

    @classmethod
    def create(
        cls,
        path: Path,
        cases: Iterable[Case],
        settings: TrainingSettings,
        *,
        folds: int = FOLDS,
        source: StudySource | None = None,
    ) -> StudyFolder:
        """Write cases, and which of them is held out when, into a new folder.

        Parameters
        ----------
        path : Path
            Missing or empty.
        cases : iterable of Case
            With labels. Each is written once, when it is read; the runs share its
            files. Those marked for test are left out; other marks do not count, since
            every case is held out once.
        settings : TrainingSettings
            Of every fold. Its seed decides which groups go together; its own `folds`
            say which share of what a fold learns from is held out to score it, and
            `fold` which part that is.
        folds : int
            How many.
        source : StudySource, optional
            Where the cases came from.

        Raises
        ------
        RunFolderError
            If something lies in the folder, or cases are missing or share a name.
        PlanError
            If there are fewer groups with labels than folds, or if a group has test
            cases and others.
        NoAnnotationError
            If nobody drew on a case, or all are marked for test.
        """
        path = Path(path).resolve()
        _check_free(path)

        def fill(folder: Path) -> None:
            written = write_study_cases(folder / "cases", cases)
            write_json(folder / _RECORD, record_of(written, settings, folds, source))

        return cls.open(finished_folder(path, fill))

    @classmethod
    def open(cls, path: Path) -> StudyFolder:
        """Open a study that was created before.

        Raises
        ------
        RunFolderError
            If the folder is not a study.
        """
        path = Path(path).resolve()
        if not cls.is_study(path):
            raise RunFolderError(
                f"{path} is not a study (it has no {_RECORD}): choose a folder that "
                "`specimen-unet crossvalidate` made."
            )
        return cls(path, read_json(path / _RECORD, StudyRecord))

    @staticmethod
    def is_study(path: Path) -> bool:
        """Whether a folder looks like a study."""
        return (Path(path) / _RECORD).is_file()

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return self.record.folds

    def cases_of(self, fold: int) -> list[StudyCase]:
        """List the cases that are held out in a fold."""
        return [case for case in self.record.cases if case.fold == fold]

    def read(self, case: StudyCase) -> Case:
        """Open a case as memory maps."""
        return read_case(self.path / "cases" / case.stored)

    def run(self, fold: int) -> RunFolder:
        """Return the run of a fold, which is made when it is missing.

        It holds the cases of the other folds, and is whole without the study: its
        files are those of the study by another name (hard links), or copies where
        the drive has no such thing.
        """
        path = self.path / f"fold-{fold}"
        if RunFolder.is_run(path):
            return RunFolder(path)

        def fill(folder: Path) -> None:
            for case in self.record.cases:
                if case.fold != fold:
                    shutil.copytree(
                        self.path / "cases" / case.stored,
                        folder / "cases" / case.stored,
                        copy_function=_link_or_copy,
                    )
            write_json(folder / "settings.json", self.record.settings)

        return RunFolder(new_folder(self.path, path.name, fill))

    def remove_leftovers(self) -> None:
        """Delete runs that a killed process was making."""
        for path in self.path.glob(".fold-*"):
            shutil.rmtree(path, ignore_errors=True)

    def prediction_path(self, case: StudyCase) -> Path:
        """Return where the labels of a case are, once its fold has segmented it."""
        return self.path / "predictions" / case.prediction

    def image_path(self, case: StudyCase) -> Path | None:
        """Return the file that a case was read from, if it is known and still there."""
        source = self.record.source
        image = source.images.get(case.name) if source else None
        return image if image is not None and image.exists() else None

    def is_done(self, fold: int) -> bool:
        """Whether a fold has its model and all its predictions."""
        return (self.path / f"fold-{fold}" / "model.safetensors").exists() and all(
            self.prediction_path(case).exists() for case in self.cases_of(fold)
        )

    @property
    def is_finished(self) -> bool:
        """Whether all folds are done and the tables are there."""
        tables = (self.scores_path, self.summary_path)
        return all(path.exists() for path in tables) and all(
            map(self.is_done, range(self.folds))
        )

    @property
    def model_paths(self) -> list[Path]:
        """Models of the folds that have one, in their order."""
        paths = [
            self.path / f"fold-{fold}" / "model.safetensors"
            for fold in range(self.folds)
        ]
        return [path for path in paths if path.exists()]

    def all_models(self) -> list[Path]:
        """Return the models of all folds, in their order.

        Raises
        ------
        RunFolderError
            If some fold has none yet.
        """
        found = self.model_paths
        if len(found) < self.folds:
            raise RunFolderError(
                f"The study {self.name} has {len(found)} of {self.folds} models: go on "
                f"with it first (specimen-unet crossvalidate '{self.path}')."
            )
        return found

    @property
    def scores_path(self) -> Path:
        """Where the table of scores is."""
        return self.path / "scores.csv"

    @property
    def summary_path(self) -> Path:
        """Where the scores are summed up."""
        return self.path / "summary.csv"

    def write_table(self, path: Path, table: pd.DataFrame) -> None:
        """Write a table, whole or not at all."""
        with replaced(path) as temporary:
            table.to_csv(temporary, index=False)

    def read_table(self, path: Path) -> pd.DataFrame:
        """Read a table; RunFolderError if the study has not come so far."""
        if not path.exists():
            raise RunFolderError(
                f"The study {self.name} has no {path.name} yet: go on with it first."
            )
        # A label may be called "NA"; only what is empty is undefined.
        return pd.read_csv(path, keep_default_na=False, na_values=[""])

    def lock(self) -> AbstractContextManager[None]:
        """Hold the study for this process; RunBusyError if another one does."""
        return locked(self.path)

    def check_same(
        self, settings: TrainingSettings, folds: int, source: StudySource | None
    ) -> None:
        """Refuse to go on with a study that was made for something else.

        Raises
        ------
        RunFolderError
            Naming what differs.
        """
        differences = [
            f"{name} ({getattr(self.record.settings, name)} there, "
            f"{getattr(settings, name)} here)"
            for name in TrainingSettings.model_fields
            if getattr(self.record.settings, name) != getattr(settings, name)
        ]
        if self.folds != folds:
            differences.append(f"folds ({self.folds} there, {folds} here)")
        if source is not None and _asked(self.record.source) != _asked(source):
            differences.append("the folder of cases, or how it is read")
        if differences:
            raise RunFolderError(
                f"In {self.path} lies a study of other {', '.join(differences)}: "
                "choose another folder, or leave the options out to go on with it."
            )


def _asked(source: StudySource | None) -> Settings | None:
    """Return what a person said of the source, without what was found there."""
    return source.model_copy(update={"images": {}}) if source else None


def _check_free(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunFolderError(
            f"{path} is not empty: choose another folder for the study."
        )


def _link_or_copy(source: str, target: str) -> None:
    """Give a file a second name; copy it where that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
