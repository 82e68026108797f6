"""``specimen-unet report``: of a finished run, or of label files against observers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.errors import NoAnnotationError, RunFolderError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.runs.curves import curves_of
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.report import (
    CaseView,
    ReportContent,
    trained_model,
    write_report,
)
from specimen_unet.runs.report.methods import part_word
from specimen_unet.runs.report.wording import listed
from specimen_unet.runs.report_files import FILE, report_answer, report_of_files
from specimen_unet.runs.storage import file_name, open_array, write_array
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_report import report_study

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.events import TileDone, Warned
    from specimen_unet.domain.plan import Plan
    from specimen_unet.runs.answers import Answer

MODEL = "model"
_OVERLAP = ComparisonSettings()


def report(
    source: str | Path,
    truths: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    model: str | Path | None = None,
    tolerance: float | None = None,
) -> Path:
    """Write a report: one HTML file that needs nothing else, and CSVs beside it.

    Parameters
    ----------
    source : str or Path
        A finished run or study; or a label file, or a folder of them, that `truths`
        belong to.
    truths : str, Path or sequence of them, optional
        Folders of cases, or of the label files of an observer, as ``compare`` takes
        them; none for a run.
    out : str or Path, optional
        Of the HTML; by default ``report.html`` in the run, or here.
    model : str or Path, optional
        The model file that predicted, whose card tells the methods; a run knows it.
    tolerance : float, optional
        Distance up to which surfaces agree, in the unit of the voxels: measures
        surfaces, too.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    SpecimenUnetError
        If the run is not finished, or nothing can be compared.
    """
    source = Path(source)
    settings = ComparisonSettings(tolerance=tolerance)
    if isinstance(truths, str | Path):
        truths = [truths]
    place = None if out is None else Path(out)
    if not truths:
        answer = report_of_folder(source, place, settings)
    else:
        answer = report_of_files(
            source,
            [Path(truth) for truth in truths],
            place,
            settings,
            model=None if model is None else Path(model),
        )
    return Path(answer.content["report"])


def report_of_folder(
    folder: Path, out: Path | None = None, settings: ComparisonSettings = _OVERLAP
) -> Answer:
    """Report a run, or a study; the scores of a study are those that it has.

    Parameters are those of `reporting_run`.
    """
    if StudyFolder.is_study(folder):
        return report_answer(report_study(StudyFolder.open(folder), out))
    if not RunFolder.is_run(folder):
        raise RunFolderError(
            f"{folder} is neither a training nor a study: choose the folder of one, or "
            "name labels and who drew, too: specimen-unet report PREDICTIONS SPECIMENS."
        )
    return report_of_run(RunFolder.open(folder), out, settings)


def report_of_run(
    run: RunFolder, out: Path | None = None, settings: ComparisonSettings = _OVERLAP
) -> Answer:
    """Report a finished run; its held-out cases are segmented for it.

    Parameters are those of `reporting_run`.
    """
    events = reporting_run(run, out, settings)
    while True:
        try:
            next(events)
        except StopIteration as end:
            return report_answer(end.value)


def reporting_run(
    run: RunFolder,
    out: Path | None = None,
    settings: ComparisonSettings = _OVERLAP,
    control: Control | None = None,
) -> Generator[TileDone | Warned, None, list[Path]]:
    """Report a finished run, and tell how far it is.

    Parameters
    ----------
    run : RunFolder
        Whose model segments what was held out; of a single case only the held-out
        slices are scored.
    out : Path, optional
        Of the HTML; by default ``report.html`` in the run.
    settings : ComparisonSettings
        Whether surfaces are measured.
    control : Control, optional
        Asks to stop.

    Yields
    ------
    TileDone, Warned

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    RunFolderError
        If the run has no model yet.
    NoAnnotationError
        If nothing was held out.
    """
    if not run.is_finished:
        raise RunFolderError(
            f"The training {run.name} has no model yet: let it finish "
            f"(specimen-unet train '{run.path}' --resume), then report it."
        )
    curves = curves_of(run.events())
    model = trained_model(run.model_path, curves)
    plan = model.card.plan
    held_out = [
        case
        for case in run.cases()
        if case.name in plan.split.validation and case.labels
    ]
    if not held_out:
        raise NoAnnotationError(
            f"Nothing was held out in {run.name}, so that there is no score to report."
        )
    with tempfile.TemporaryDirectory() as kept:
        views = yield from _segmented(run, held_out, plan, Path(kept), control)
        scores = pd.concat(
            [_scored(case, views[case.name], plan, settings) for case in held_out],
            ignore_index=True,
        )
        observers = listed(dict.fromkeys(n for case in held_out for n in case.labels))
        content = ReportContent(
            title=f"Training {run.name}",
            compared=f"The model of the run {run.name} against {observers}, on what "
            f"was held out: {listed(case.name for case in held_out)}"
            f"{_block(plan)}.",
            scores=scores,
            groups={case.name: case.group for case in held_out},
            models=[model],
            view_of=views.__getitem__,
            annotation=plan.annotation,
            tolerance=settings.tolerance,
        )
        return write_report(content, out or run.path / FILE)


def _segmented(
    run: RunFolder,
    cases: Sequence[Case],
    plan: Plan,
    folder: Path,
    control: Control | None,
) -> Generator[TileDone | Warned, None, dict[str, CaseView]]:
    """Segment cases; their labels are kept in files, as they may be many."""
    # It brings torch and MONAI.
    from specimen_unet.engine.devices import memory_errors
    from specimen_unet.engine.model import load_model
    from specimen_unet.engine.segmentation import segmenting

    settings = SegmentationSettings()
    views = {}
    with memory_errors("Close other programs."):
        model = load_model(run.model_path)
        for number, case in enumerate(cases):
            result = yield from segmenting(case, model, settings, control=control)
            path = folder / f"{number:03d}-{file_name(case.name)}.npy"
            write_array(path, result.labels)
            views[case.name] = _held_out(case, open_array(path), plan)
    return views


def _held_out(case: Case, labels: Array, plan: Plan) -> CaseView:
    """Leave of a single case only the slices that were held out."""
    first, end = plan.split.held_out or (0, case.shape[0])
    return CaseView(
        case.image[:, first:end],
        labels[first:end],
        {observer: drawn[first:end] for observer, drawn in case.labels.items()},
        case.grid,
        first_slice=first,
        slice_word=part_word(plan).removesuffix("s").capitalize(),
    )


def _scored(
    case: Case, view: CaseView, plan: Plan, settings: ComparisonSettings
) -> pd.DataFrame:
    names = dict(zip(plan.label_values[1:], plan.label_names[1:], strict=True))
    comparison = Comparison(
        MODEL,
        np.asarray(view.predicted),
        {observer: np.asarray(drawn) for observer, drawn in view.truths.items()},
        case.grid,
        plan.annotation,
        names,
    )
    table = score(comparison).table
    if settings.wants_surfaces:
        from specimen_unet.runs.surface_scores import with_surfaces

        table = with_surfaces(table, comparison, settings.tolerance)
    table.insert(0, "case", case.name)
    return table


def _block(plan: Plan) -> str:
    if plan.split.held_out is None:
        return ""
    first, end = plan.split.held_out
    return f", {part_word(plan)} {first} to {end - 1}"
