"""Something to report: four small cases of two observers, and a model's card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.events import StepDone, Validated
from specimen_unet.domain.grid import Grid
from specimen_unet.runs.curves import Curves
from specimen_unet.runs.report import CaseView, ReportContent, TrainedModel

if TYPE_CHECKING:
    from collections.abc import Callable

GRID = Grid((2.0, 0.5, 0.5), "mm")


def box(start: int, stop: int) -> np.ndarray:
    labels = np.zeros((5, 24, 24), np.uint8)
    labels[1:4, start:stop, start:stop] = 1
    return labels


@pytest.fixture
def views() -> dict[str, CaseView]:
    """Four cases, of which "031" is the worst and "033" nearly right."""
    image = np.random.default_rng(0).normal(size=(1, 5, 24, 24))
    truths = {"EA": box(4, 16), "MG": box(5, 17)}
    predicted = {"030": box(6, 16), "031": box(13, 20), "032": box(4, 13)}
    predicted["033"] = box(4, 16)
    return {
        name: CaseView(image, labels, truths, GRID)
        for name, labels in predicted.items()
    }


@pytest.fixture
def scores(views: dict[str, CaseView]) -> pd.DataFrame:
    """The table of all cases."""
    tables = []
    for name, view in views.items():
        comparison = Comparison(
            "model", view.predicted, view.truths, GRID, label_names={1: "tumour"}
        )
        table = score(comparison).table
        table.insert(0, "case", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def make_content(scores, views, make_card) -> Callable[..., ReportContent]:
    """Make the content of a report; what is not given is that of the fixtures."""
    curves = Curves()
    for step in range(1, 6):
        curves.add(StepDone(step, 1 / step, 0.001, step / 5, 0.1, 0.0))
    curves.add(Validated(5, 0.8, 0.7, {1: 0.8}, {1: 0.7}, {"EA": 0.8}, 0.3, True))

    def make(**changes) -> ReportContent:
        given = {
            "title": "Tumours <of the breast>",
            "compared": "A model against EA & MG.",
            "scores": scores,
            "models": [TrainedModel(make_card(), 12_345, curves)],
            "view_of": views.__getitem__,
        }
        return ReportContent(**{**given, **changes})

    return make
