"""A study of a folder of cases, made or found again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cases import cases_of
from specimen_unet.runs.study import FOLDS, StudyFolder
from specimen_unet.runs.study_record import StudySource

if TYPE_CHECKING:
    from specimen_unet.domain.settings import TrainingSettings
    from specimen_unet.files.case_options import CaseOptions


@dataclass(frozen=True, slots=True)
class Asked:
    """What a study is to find out."""

    folder: Path
    options: CaseOptions
    settings: TrainingSettings
    folds: int | None = None


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
