"""The report of a cross-validation: every case by a model that has not seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.files.images import read_labels
from specimen_unet.runs.curves import curves_of
from specimen_unet.runs.report import (
    CaseView,
    ReportContent,
    trained_model,
    write_report,
)
from specimen_unet.runs.report.wording import counted, listed

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.runs.study import StudyFolder

FILE = "report.html"


def report_study(study: StudyFolder, out: Path | None = None) -> list[Path]:
    """Write the report of a finished study, from the scores that it has.

    Parameters
    ----------
    study : StudyFolder
        All folds of which are done.
    out : Path, optional
        Of the HTML; by default ``report.html`` in the study.

    Returns
    -------
    list of Path
        What was written, the HTML first.

    Raises
    ------
    RunFolderError
        If the study is not finished.
    """
    if not study.is_finished:
        raise RunFolderError(
            f"The study {study.name} is not finished: go on with it (specimen-unet "
            f"crossvalidate '{study.path}' --resume), then report it."
        )
    cases = {case.name: case for case in study.record.cases}
    observers = dict.fromkeys(
        observer for case in cases.values() for observer in study.read(case).labels
    )

    def view(name: str) -> CaseView:
        case = study.read(cases[name])
        labels, _ = read_labels(study.prediction_path(cases[name]))
        return CaseView(case.image, labels, case.labels, case.grid)

    content = ReportContent(
        title=f"Cross-validation {study.name}",
        compared=f"{counted(len(cases), 'case')}, each segmented by the one of "
        f"{counted(study.folds, 'model')} that learnt from no case of its group, "
        f"against {listed(observers)}.",
        scores=study.read_table(study.scores_path),
        groups={case.name: case.group for case in cases.values()},
        models=[
            trained_model(path, curves_of(study.run(fold).events()))
            for fold, path in enumerate(study.model_paths)
        ],
        view_of=view,
        annotation=study.record.settings.annotation,
        cautions=study.record.cautions,
    )
    return write_report(content, out or study.path / FILE)
