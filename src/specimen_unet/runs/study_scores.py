"""How well the models of a study do on cases that they have not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.summary import summarise
from specimen_unet.files.images import read_labels, write_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from specimen_unet.domain.case import Array
    from specimen_unet.runs.study import StudyFolder
    from specimen_unet.runs.study_record import StudyCase

_PAIR = ["first", "second"]
_SHOWN = ("dice", "iou", "precision", "recall")
_NO_NUMBERS = [*_PAIR, "between_observers", "size_unit", "case"]


def write_prediction(study: StudyFolder, case: StudyCase, labels: Array) -> None:
    """Write the labels of a case, on its grid; they say that it is done."""
    grid = study.read(case).grid
    source = study.record.source
    write_labels(
        study.prediction_path(case),
        labels,
        grid,
        like=study.image_path(case),
        answers=dict(source.answers) if source else {},  # type: ignore[arg-type]
    )


def score_cases(study: StudyFolder, cases: Iterable[StudyCase]) -> pd.DataFrame:
    """Score the predictions of some cases, and the observers against one another.

    Returns
    -------
    DataFrame
        As `domain.comparison.score`, with the case in front.
    """
    tables = [_scored(study, case) for case in cases]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def mean_dice(scores: pd.DataFrame) -> float:
    """Return the mean Dice of predictions, over cases, observers and labels."""
    if scores.empty:
        return float("nan")
    return float(scores.loc[~scores["between_observers"], "dice"].mean())


def write_scores(study: StudyFolder) -> None:
    """Score all predictions of a study and write both tables."""
    scores = score_cases(study, study.record.cases)
    groups = {case.name: case.group for case in study.record.cases}
    study.write_table(study.scores_path, scores)
    study.write_table(study.summary_path, summary_of(scores, groups))


def summary_of(scores: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """Sum scores up for every pair of annotations.

    Parameters
    ----------
    scores : DataFrame
        As `score_cases`.
    groups : mapping of str to str
        Group of every case; intervals draw whole groups.

    Returns
    -------
    DataFrame
        As `domain.summary.summarise`, with ``first, second`` in front. Of a pair count
        the cases on which both drew.
    """
    parts = []
    for (first, second), rows in scores.groupby(_PAIR, sort=False):
        tables = {
            str(case): table.drop(columns=_NO_NUMBERS)
            for case, table in rows.groupby("case", sort=False)
        }
        part = summarise(tables, groups={case: groups[case] for case in tables})
        part.insert(0, "first", str(first))
        part.insert(1, "second", str(second))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def shown_summary(summary: pd.DataFrame) -> str:
    """Show the overlap as text; sizes are in the file."""
    rows = summary[summary["score"].isin(_SHOWN)].drop(columns=["label"])
    return rows.to_string(index=False, float_format="%.3f")


def _scored(study: StudyFolder, stored: StudyCase) -> pd.DataFrame:
    case = study.read(stored)
    labels, _ = read_labels(study.prediction_path(stored))
    comparison = Comparison(
        "prediction",
        labels,
        {observer: np.asarray(drawn) for observer, drawn in case.labels.items()},
        case.grid,
        study.record.settings.annotation,
        study.record.labels,
    )
    table = score(comparison).table
    table.insert(0, "case", stored.name)
    return table
