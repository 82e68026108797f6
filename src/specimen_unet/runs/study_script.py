"""Cross-validation for scripts: ``specimen_unet.crossvalidate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.events import Event, FoldBegun, FoldDone
from specimen_unet.domain.marked_splits import without_tests
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.engine.narration import Narrator
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.runs.crossvalidation import check_reachable, crossvalidating
from specimen_unet.runs.study import FOLDS, StudyFolder
from specimen_unet.runs.study_making import Asked, new_study_path, study_of
from specimen_unet.runs.study_progress import done_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from specimen_unet.domain.case import Case


class Study:
    """A cross-validation that is finished.

    Attributes
    ----------
    folder : Path
        Where everything is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._study = StudyFolder.open(folder)

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of every case by the model that has not seen it.

        A row a case, pair of annotations (``first, second``) and label; pairs of
        observers stand beside those with the prediction.
        """
        return self._study.read_table(self._study.scores_path)

    @property
    def summary(self) -> pd.DataFrame:
        """Those scores summed up, as by `summarise`, for every pair of annotations."""
        return self._study.read_table(self._study.summary_path)

    @property
    def models(self) -> list[Path]:
        """Model files, one a fold; together they are an ensemble."""
        return self._study.model_paths

    @property
    def predictions(self) -> dict[str, Path]:
        """Label file of every case, by the model that has not seen it."""
        study = self._study
        return {case.name: study.prediction_path(case) for case in study.record.cases}

    def __repr__(self) -> str:
        return f"<Study {str(self.folder)!r}, {self._study.folds} folds>"


def crossvalidate(  # noqa: PLR0913 (what, how, where, and by whom)
    cases: Sequence[Case] | str | Path,
    settings: TrainingSettings | None = None,
    *,
    folds: int = FOLDS,
    folder: str | Path | None = None,
    devices: Sequence[str] = (),
    scheduler: str | None = None,
    progress: Callable[[str], object] | None = None,
    **changes: Any,
) -> Study:
    """Score every case with a model that has not seen it.

    Groups of cases are dealt out to folds; for each fold a model is trained on the
    others (part of which is held out to score it) and segments the cases of the fold.

    Parameters
    ----------
    cases : sequence of Case, or path
        What to learn from and to score on, labelled; or the folder they are in.
    settings : TrainingSettings, optional
        Of the training of every fold. Its seed also deals out the groups.
    folds : int, optional
        How many models are trained.
    folder : path, optional
        Where the study is kept; a new one among the runs without. If the same study
        lies there already, it is gone on with: what is done is not done again.
    devices : sequence of str, optional
        Run folds side by side, one on each: ``["cuda:0", "cuda:1"]``. One after the
        other without.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work, ``"tcp://host:8786"``.
        They must see `folder` under the same name.
    progress : callable, optional
        Called with a line of text now and then, e.g. `print`.
    **changes
        Fields of `TrainingSettings`, e.g. ``minutes=5``.

    Returns
    -------
    Study
        Its tables, models and predictions.

    Raises
    ------
    SpecimenUnetError
        As `plan` and `training`; and if there are fewer groups with labels than folds,
        or another study lies in the folder.
    """
    chosen = changed(settings or TrainingSettings(), **changes)
    check_reachable(chosen, devices, scheduler)
    if isinstance(cases, str | Path):
        path = Path(folder) if folder else new_study_path(Path(cases).resolve().name)
        study = study_of(Asked(Path(cases), AS_FOUND, chosen, folds), path)
    else:
        path = Path(folder) if folder else new_study_path("cases")
        study = _study_of_cases(cases, chosen, folds, path)
    narrator = Narrator(progress or _ignore)
    for event in crossvalidating(study, devices=devices, scheduler=scheduler):
        _tell(event, narrator, progress or _ignore)
    return Study(study.path)


def _study_of_cases(
    cases: Sequence[Case], settings: TrainingSettings, folds: int, path: Path
) -> StudyFolder:
    """Make a study, or open the one that is there if it is of these very cases."""
    if not StudyFolder.is_study(path):
        return StudyFolder.create(path, cases, settings, folds=folds)
    study = StudyFolder.open(path)
    study.check_same(settings, folds, None)
    cases, _ = without_tests(cases)
    stored = study.record.cases
    is_same = len(stored) == len(cases) and all(
        _is_same(study.read(there), here)
        for there, here in zip(stored, cases, strict=True)
    )
    if not is_same:
        raise RunFolderError(
            f"In {study.path} lies a study of other cases: choose another folder."
        )
    return study


def _is_same(stored: Case, case: Case) -> bool:
    return (
        (stored.name, stored.group, stored.grid) == (case.name, case.group, case.grid)
        and np.array_equal(stored.image, case.image)
        and list(stored.labels) == list(case.labels)
        and all(
            np.array_equal(stored.labels[observer], drawn)
            for observer, drawn in case.labels.items()
        )
    )


def _tell(event: Event, narrator: Narrator, progress: Callable[[str], object]) -> None:
    if isinstance(event, FoldBegun):
        progress(f"fold {event.fold + 1} of {event.folds}")
    elif isinstance(event, FoldDone):
        progress(done_in_words(event))
    else:
        narrator.tell(event)


def _ignore(line: str) -> None:
    """Say nothing."""
