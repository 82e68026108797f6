"""The report of label files against what observers drew."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.files.images import image_stem, read_labels
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.compare_files import nothing_compared, score_table
from specimen_unet.runs.drawn_files import (
    drawn_by_case,
    groups_of_cases,
    image_drawn_on,
    predicted_files,
)
from specimen_unet.runs.report import (
    CaseView,
    ReportContent,
    trained_model,
    write_report,
)
from specimen_unet.runs.report.wording import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.files.case_options import CaseOptions

FILE = "report.html"
_OVERLAP = ComparisonSettings()


def report_of_files(
    predicted: Path,
    truths: Sequence[Path],
    out: Path | None = None,
    settings: ComparisonSettings = _OVERLAP,
    options: CaseOptions = AS_FOUND,
    *,
    model: Path | None = None,
) -> Answer:
    """Report how label files agree with what observers drew.

    Parameters
    ----------
    predicted, truths, settings, options
        As `compare_files.compare_files` takes them.
    out : Path, optional
        Of the HTML; by default ``report.html`` here.
    model : Path, optional
        The model file that predicted.

    Raises
    ------
    CaseReadError
        If nothing could be compared.
    """
    scores, failed = score_table(predicted, truths, settings, options)
    if scores.empty:
        raise nothing_compared(predicted, failed)
    known = groups_of_cases(truths, options)
    groups = {case: known.get(case, case) for case in map(str, scores["case"])}
    content = ReportContent(
        title=f"Comparison of {predicted.resolve().name}",
        compared=f"The labels in {predicted} against those in "
        f"{listed(map(str, truths))}.",
        scores=scores,
        groups=groups,
        models=() if model is None else (trained_model(model),),
        view_of=partial(_view_of_files, predicted, truths, options),
        annotation=settings.annotation,
        tolerance=settings.tolerance,
        failed={Path(name).name: why for name, why in failed.items()},
    )
    answer = report_answer(write_report(content, out or Path(FILE)))
    return replace(answer, status=Status.SOME_FILES_FAILED) if failed else answer


def _view_of_files(
    predicted: Path, truths: Sequence[Path], options: CaseOptions, case: str
) -> CaseView:
    """Read one case again; all of them at once may be more than memory holds."""
    (path,) = (
        file for file in predicted_files(predicted) if image_stem(file.name) == case
    )
    labels, grid = read_labels(path, options.answers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were told when it was scored
        drawn = drawn_by_case(truths, [case], options)[case]
    image = image_drawn_on(truths, case, options)
    if image is not None and image.shape[-labels.ndim :] != labels.shape:
        image = None
    return CaseView(image, labels, {one.observer: one.labels for one in drawn}, grid)


def report_answer(written: Sequence[Path]) -> Answer:
    """Say what was written."""
    page, *tables = map(str, written)
    lines = [f"Report: {page}", *(f"Table:  {table}" for table in tables)]
    return Answer("\n".join(lines), {"report": page, "tables": tables})
