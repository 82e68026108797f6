"""``specimen-unet compare``: label files against what observers drew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.errors import (
    CaseReadError,
    GridMismatchError,
    SpecimenUnetError,
)
from specimen_unet.domain.score_tables import SURFACE_SCORES
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.files.images import image_stem, read_labels
from specimen_unet.runs.answers import Answer, Status, records
from specimen_unet.runs.drawn_files import Drawn, drawn_by_case, predicted_files
from specimen_unet.runs.surface_scores import in_words, with_surfaces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.files.questions import Answers

# What people read first; the rest is in the JSON.
_SHOWN = ("case", "first", "second", "label", "dice", "iou", "precision", "recall")
_OVERLAP = ComparisonSettings()


def compare_files(
    predicted: Path,
    truths: Sequence[Path],
    settings: ComparisonSettings = _OVERLAP,
    options: CaseOptions = AS_FOUND,
) -> Answer:
    """Score label files, and beside them the observers against one another.

    Parameters
    ----------
    predicted : Path
        A label file, or a folder of them.
    truths : sequence of Path
        Folders of cases, or folders of label files of the same names (one for each
        observer); for one predicted file also the label file of each observer.
    settings : ComparisonSettings
        What 0 means in the ground truth, and whether surfaces are measured.
    options : CaseOptions
        How folders of cases are to be understood.

    Returns
    -------
    Answer
        A row for each case, pair of annotations and label.

    Raises
    ------
    CaseReadError
        If nothing could be compared.
    """
    table, failed = score_table(predicted, truths, settings, options)
    if table.empty:
        raise nothing_compared(predicted, failed)
    return _answer(table, failed)


def nothing_compared(predicted: Path, failed: Mapping[str, str]) -> CaseReadError:
    """Say why there is no score at all."""
    found = "\n".join(f"  {path}: {reason}" for path, reason in failed.items())
    return CaseReadError(
        f"Nothing in {predicted} could be compared:\n{found or '  no label files'}"
    )


def score_table(
    predicted: Path,
    truths: Sequence[Path],
    settings: ComparisonSettings = _OVERLAP,
    options: CaseOptions = AS_FOUND,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Score a label file, or every one of a folder.

    Returns
    -------
    table : DataFrame
        As `domain.comparison.score`, with the case in front.
    failed : dict of str to str
        Files that could not be compared, and why.
    """
    paths = {image_stem(path.name): path for path in predicted_files(predicted)}
    drawn = drawn_by_case(truths, paths, options)
    tables, failed = [], {}
    for name, path in paths.items():
        if name not in drawn:
            failed[str(path)] = "there is no ground truth of this name"
            continue
        try:
            tables.append(_scored(path, drawn[name], settings, options.answers))
        except (SpecimenUnetError, OSError) as error:
            failed[str(path)] = str(error)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return table, failed


def _scored(
    path: Path,
    drawn: Sequence[Drawn],
    settings: ComparisonSettings,
    answers: Answers,
) -> pd.DataFrame:
    """Score one file against every observer."""
    labels, grid = read_labels(path, answers)
    truths = {each.observer: each.labels for each in drawn}
    _check_shapes(path, labels, grid, truths)
    names = {value: name for each in drawn for value, name in each.label_names.items()}
    comparison = Comparison(
        "prediction", labels, truths, grid, settings.annotation, names
    )
    table = score(comparison).table
    if settings.wants_surfaces:
        table = with_surfaces(table, comparison, settings.tolerance)
    table.insert(0, "case", image_stem(path.name))
    return table


def _check_shapes(
    path: Path, labels: Array, grid: Grid, drawn: Mapping[str, Array]
) -> None:
    for observer, truth in drawn.items():
        if truth.shape != labels.shape:
            raise GridMismatchError(
                f"{path.name} is {labels.shape} ({grid.dimensions}D) but the labels of "
                f"{observer} are {truth.shape}: give labels of the same image."
            )


def _answer(table: pd.DataFrame, failed: dict[str, str]) -> Answer:
    columns = [*_SHOWN, *(name for name in SURFACE_SCORES if name in table)]
    lines = [table[columns].to_string(index=False, float_format="%.3f")]
    lines += in_words(table)
    if failed:
        lines.append(f"{len(failed)} files could not be compared:")
        lines += [f"  {name}: {message}" for name, message in failed.items()]
    status = Status.SOME_FILES_FAILED if failed else Status.OK
    return Answer(
        "\n".join(lines), {"scores": records(table), "failed": failed}, status
    )
