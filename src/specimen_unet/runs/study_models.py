"""Studies to segment with: the models of all folds together."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.files.model_files import ModelFiles
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_scores import mean_dice

if TYPE_CHECKING:
    from pathlib import Path


def models_at(path: Path) -> ModelFiles:
    """Find what to segment with: a model file, or all models of a study.

    Parameters
    ----------
    path : Path
        A model file, which is not looked at, or a folder.

    Raises
    ------
    RunFolderError
        If a folder is no study, or a study has not all its models yet.
    """
    if not path.is_dir():
        return ModelFiles.one(path)
    study = StudyFolder.open(path)
    return ModelFiles(
        study.name,
        {
            f"{study.name}, fold {fold}": model
            for fold, model in enumerate(study.all_models(), start=1)
        },
    )


def whole_studies() -> list[Path]:
    """List the studies among the runs that have all their models, the newest first."""
    folder = runs_folder()
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.startswith(".") and StudyFolder.is_study(path):
            with suppress(RunFolderError):  # damaged, or still under way
                StudyFolder.open(path).all_models()
                found.append(path)
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def unseen_dice(path: Path) -> float:
    """Return the mean Dice of a study on cases not seen; NaN while it has no scores."""
    study = StudyFolder.open(path)
    if not study.scores_path.exists():
        return float("nan")
    return mean_dice(study.read_table(study.scores_path))
