"""A study of a folder of cases, or of some of them, made or found again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.folds import Traits, check_folds
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cases import cases_of
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.storage import file_name
from specimen_unet.runs.study import FOLDS, StudyFolder
from specimen_unet.runs.study_record import StudySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.settings import TrainingSettings
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.files.chosen_cases import ChosenCases

    Watch = Callable[[Iterable[Case]], Iterable[Case]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a study is to find out."""

    folder: Path
    options: CaseOptions
    settings: TrainingSettings
    folds: int | None = None


def new_study_path(name: str, parent: Path | None = None) -> Path:
    """Return a folder that is not there yet, ``NAME-study_DATE_TIME``.

    Parameters
    ----------
    name : str
        What the cases are called.
    parent : Path, optional
        Where it shall lie; where runs are kept without.
    """
    moment = datetime.now().astimezone()
    stem = f"{file_name(name)}-study_{moment:%Y-%m-%d_%H%M}"
    path = (parent or runs_folder()) / stem
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{stem}-{number}")
    return path


def check_chosen(chosen: ChosenCases, folds: int) -> None:
    """Refuse what can be seen to fail before anything is read.

    Raises
    ------
    PlanError
        If there are fewer groups with labels than folds.
    """
    traits = [
        Traits(name, chosen.folder.group(files), frozenset({1} if files.labels else ()))
        for name, files in zip(chosen.names, chosen.files, strict=True)
        if chosen.folder.split(files) != "test"
    ]
    check_folds(traits, folds)


def study_of_chosen(
    chosen: ChosenCases,
    settings: TrainingSettings,
    folds: int,
    path: Path,
    watch: Watch = iter,
) -> StudyFolder:
    """Make a study of some cases of a folder.

    Parameters
    ----------
    chosen : ChosenCases
        With labels, and with the groups that hold.
    settings : TrainingSettings
        Of every fold.
    folds : int
        How many.
    path : Path
        Its folder, missing or empty.
    watch : callable
        Given the cases, returns them; what it raises ends the reading, and nothing is
        left behind.

    Raises
    ------
    SpecimenUnetError
        As `StudyFolder.create`, or if a case cannot be read, or nothing be written.
    """
    root = chosen.folder.listing.root.resolve()
    source = StudySource(
        folder=root,
        layout=chosen.folder.layout,
        answers=dict(chosen.folder.answers),
        level=chosen.folder.level,
        images={
            name: root / files.images[0]
            for name, files in zip(chosen.names, chosen.files, strict=True)
        },
    )
    cases = watch(chosen.read())
    try:
        return StudyFolder.create(path, cases, settings, folds=folds, source=source)
    except OSError as error:
        raise RunFolderError(
            f"The study cannot be written to {path} ({error}): choose another folder, "
            "or make room there."
        ) from error


def study_of(asked: Asked, out: Path | None) -> StudyFolder:
    """Make a study of a folder of cases, or go on with the same one.

    Parameters
    ----------
    asked : Asked
        What it is to find out.
    out : Path, optional
        Its folder; ``NAME-study`` in this folder without.

    Raises
    ------
    RunFolderError
        If something else lies there.
    """
    path = out or Path(f"{asked.folder.resolve().name}-study")
    folds = asked.folds or FOLDS
    source = StudySource(
        folder=asked.folder.resolve(),
        layout=asked.options.layout,
        group_pattern=asked.options.group_pattern,
        answers=dict(asked.options.answers),
        level=asked.options.level,
    )
    if StudyFolder.is_study(path):
        study = StudyFolder.open(path)
        study.check_same(asked.settings, folds, source)
        return study
    found = CaseFolder.open(source.folder, asked.options)
    images = {
        found.name(files): source.folder / files.images[0]
        for files in found.cases(needs_labels=True)
    }
    return StudyFolder.create(
        path,
        cases_of(found),
        asked.settings,
        folds=folds,
        source=source.model_copy(update={"images": images}),
    )
