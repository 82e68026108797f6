"""``specimen-unet compare``: label files against what observers drew."""

from __future__ import annotations

import warnings
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.errors import (
    CaseReadError,
    GridMismatchError,
    SpecimenUnetError,
)
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.files.cases import cases_of
from specimen_unet.files.cautions import UnpairedFilesWarning
from specimen_unet.files.images import image_stem, image_suffix, read_labels
from specimen_unet.files.pairing import divisions
from specimen_unet.runs.answers import Answer, Status, records
from specimen_unet.runs.surface_scores import SURFACE_SCORES, in_words, with_surfaces

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.files.questions import Answers

# What people read first; the rest is in the JSON.
_SHOWN = ("case", "first", "second", "label", "dice", "iou", "precision", "recall")
_OVERLAP = ComparisonSettings()


class _Drawn(NamedTuple):
    """What one observer drew on a case, and what the labels are called."""

    case: str
    observer: str
    labels: Array
    label_names: Mapping[int, str] = MappingProxyType({})


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
        found = "\n".join(f"  {path}: {reason}" for path, reason in failed.items())
        raise CaseReadError(
            f"Nothing in {predicted} could be compared:\n{found or '  no label files'}"
        )
    return _answer(table, failed)


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
    paths = {image_stem(path.name): path for path in _predicted_files(predicted)}
    drawn = _drawn(truths, paths, options)
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


def _predicted_files(predicted: Path) -> list[Path]:
    if not predicted.exists():
        raise CaseReadError(
            f"There is no {predicted}: give a file of labels, or a folder of them."
        )
    return _label_files(predicted) if predicted.is_dir() else [predicted]


def _label_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if image_suffix(file.name)
        and not file.name.startswith(".")
        and not image_stem(file.name).endswith("_probabilities")
    )


def _drawn(
    truths: Sequence[Path], names: Collection[str], options: CaseOptions
) -> dict[str, list[_Drawn]]:
    """Read what observers drew on these cases, by case."""
    drawn: dict[str, list[_Drawn]] = defaultdict(list)
    for path in truths:
        if path.is_dir():
            found = _drawn_in(path, names, options)
        else:
            found = _drawn_as(path, names, options.answers)
        for each in found:
            drawn[each.case].append(each)
    return drawn


def _drawn_as(path: Path, names: Collection[str], answers: Answers) -> Iterator[_Drawn]:
    """Read the labels of one file, which belong to the only case there is."""
    if len(names) != 1:
        raise CaseReadError(
            f"{path} is not a folder, but the predictions are one: give folders, or "
            "compare one file with one file of each observer."
        )
    (name,) = names
    stem = image_stem(path.name)
    observer = path.resolve().parent.name if stem == name else stem
    observer = observer.removeprefix(f"{name}_")
    yield _Drawn(name, observer, read_labels(path, answers)[0])


def _drawn_in(
    folder: Path, names: Collection[str], options: CaseOptions
) -> Iterator[_Drawn]:
    """Read a folder of cases, or else of bare label files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnpairedFilesWarning)
            cases = cases_of(CaseFolder.open(folder, options))
    except CaseReadError:
        yield from _bare_labels(folder, names, options.answers)
        return
    for case in cases:
        for observer, labels in case.labels.items():
            yield _Drawn(case.name, observer, labels, case.label_names)


def _bare_labels(
    folder: Path, names: Collection[str], answers: Answers
) -> Iterator[_Drawn]:
    """Read labels without images: NAME.tif by whom the folder says, or NAME_EA.tif."""
    for file in _label_files(folder):
        stem = image_stem(file.name)
        if stem in names:
            yield _Drawn(stem, folder.name, read_labels(file, answers)[0])
            continue
        for name, observer in divisions(stem):
            if name in names:
                yield _Drawn(name, observer, read_labels(file, answers)[0])
                break


def _scored(
    path: Path,
    drawn: Sequence[_Drawn],
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
