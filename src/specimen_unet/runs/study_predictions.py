"""Labels of cases by models that have not seen them, as a table of cases shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.files.predictions import Prediction, UsedModel

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.runs.study import StudyFolder
    from specimen_unet.runs.study_record import StudyCase


def unseen_predictions(study: StudyFolder) -> dict[str, tuple[Path, Prediction]]:
    """Return the labels of every case whose fold has segmented it.

    Returns
    -------
    dict
        Name of a case -> its file, and which model wrote it.
    """
    paths = {case: study.prediction_path(case) for case in study.record.cases}
    return {
        case.name: (path, _prediction(study, case))
        for case, path in paths.items()
        if path.exists()
    }


def _prediction(study: StudyFolder, case: StudyCase) -> Prediction:
    return Prediction(
        case=case.name,
        labels=case.prediction,
        models=(UsedModel(name=f"{study.name}, fold {case.fold + 1}"),),
    )
