"""What a report says of open layers, with distances between surfaces or without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from specimen_unet.domain.errors import GridMismatchError, SpecimenUnetError
from specimen_unet.runs.report import (
    CaseView,
    ReportContent,
    TrainedModel,
    trained_model,
)
from specimen_unet.runs.report.wording import listed
from specimen_unet.viewer.comparison import (
    check_compared_layers,
    check_surfaces,
    voxels_of,
)
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.viewer.open_cases import comparison_of, score_what_is_there
from specimen_unet.viewer.provenance import model_of_segmentation
from specimen_unet.viewer.slice_position import slice_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari.layers import Labels

    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.domain.comparison import Comparison
    from specimen_unet.domain.grid import Grid
    from specimen_unet.runs.surface_job import SurfaceJob
    from specimen_unet.viewer.open_cases import OpenCase, OpenScores

WITHOUT_SURFACES = "Or untick surface distances, to write the report without them."


@dataclass(frozen=True, slots=True, eq=False)
class ReportedLayers:
    """What a report is asked of: what is chosen, and all that is open beside it."""

    prediction: Labels | None
    truths: Sequence[Labels]
    images: Sequence[Any]
    labels: Sequence[Any]
    annotation: Annotation

    def check_surfaces(self) -> None:
        """Raise NoAnnotationError if their surfaces cannot be measured."""
        check_surfaces(self.annotation, WITHOUT_SURFACES)

    def scored(self) -> OpenScores:
        """Score all cases; raise SpecimenUnetError if nothing can be compared."""
        compared = check_compared_layers(self.prediction, self.truths)
        return score_what_is_there(compared, self.images, self.labels, self.annotation)


def content_of_layers(layers: ReportedLayers) -> ReportContent:
    """Compare what is open and make the content of a report; layers are only read.

    Raises
    ------
    SpecimenUnetError
        If nothing can be compared.
    """
    return _content(layers, layers.scored())


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceReport:
    """A report whose cases are still to be copied and measured.

    Attributes
    ----------
    content : ReportContent
        All but what comes of measuring the copies.
    cases : mapping of str to OpenCase
        What is to be copied, by name.
    judged : str
        What the prediction is called in all of them.
    tolerance : float or None
        Up to which distance surfaces agree.
    """

    content: ReportContent
    cases: Mapping[str, OpenCase]
    judged: str
    tolerance: float | None

    def comparisons(self) -> Iterator[tuple[str, Comparison]]:
        """Return the cases one by one: images on disk need not fit the memory."""
        for name, case in self.cases.items():
            yield name, comparison_of(case, self.judged, self.content.annotation)

    def measured(self, copies: Mapping[str, SurfaceJob]) -> ReportContent:
        """Return what the report says: scores, distances and pictures of the copies."""
        tables = []
        for name, copy in copies.items():
            table = copy.table()
            table.insert(0, "case", name)
            tables.append(table)
        return replace(
            self.content,
            scores=pd.concat(tables, ignore_index=True),
            view_of=partial(_view_of_copy, self.cases, copies),
            tolerance=self.tolerance,
        )


def surface_report(layers: ReportedLayers, tolerance: float | None) -> SurfaceReport:
    """Find what is to be measured for a report.

    Parameters
    ----------
    layers : ReportedLayers
        They are only read.
    tolerance : float or None
        Up to which distance surfaces agree, in the unit of the prediction.

    Raises
    ------
    SpecimenUnetError
        If nothing can be compared, or surfaces cannot be measured.
    """
    layers.check_surfaces()
    found = layers.scored()
    _check_units(found.cases)
    return SurfaceReport(_content(layers, found), found.cases, found.judged, tolerance)


def _content(layers: ReportedLayers, found: OpenScores) -> ReportContent:
    assert layers.prediction is not None
    observers = dict.fromkeys(
        name for case in found.cases.values() for name in case.truths
    )
    name = str(layers.prediction.name)
    return ReportContent(
        title=f"Comparison of {name}",
        compared=f"{name} and what goes with it on {listed(found.cases)}, against "
        f"{listed(observers)}: labels layers as they were open in napari.",
        scores=found.table,
        models=_models(layers.prediction),
        view_of=partial(_view, found.cases),
        annotation=layers.annotation,
        cautions=found.remarks,
    )


def _check_units(cases: Mapping[str, OpenCase]) -> None:
    """Refuse distances that have no mean, and that one tolerance does not fit."""
    by_unit: dict[str, list[str]] = {}
    for name, case in cases.items():
        by_unit.setdefault(grid_of_layer(case.prediction).unit, []).append(name)
    if len(by_unit) > 1:
        told = "; ".join(f"{unit} ({listed(names)})" for unit, names in by_unit.items())
        raise GridMismatchError(
            f"Distances of all cases need one unit, but here are {told}: give all "
            f"layers the voxel size of their image. {WITHOUT_SURFACES}"
        )


def _models(prediction: Any) -> list[TrainedModel]:
    """Return the model that predicted, if its file is still there."""
    path = model_of_segmentation(prediction)
    if path is None:
        return []
    try:
        return [trained_model(Path(path))]
    except SpecimenUnetError:
        return []


def _view(cases: Mapping[str, OpenCase], name: str) -> CaseView:
    """View a case as it is open."""
    case = cases[name]
    truths = {observer: voxels_of(layer) for observer, layer in case.truths.items()}
    grid = grid_of_layer(case.prediction)
    return _pictured(case, voxels_of(case.prediction), truths, grid)


def _view_of_copy(
    cases: Mapping[str, OpenCase], copies: Mapping[str, SurfaceJob], name: str
) -> CaseView:
    """View a case as it was measured."""
    compared = copies[name].comparison()
    # Copied again: Windows removes no file that is mapped.
    truths = {observer: np.array(drawn) for observer, drawn in compared.truths.items()}
    return _pictured(cases[name], np.array(compared.predicted), truths, compared.grid)


def _pictured(
    case: OpenCase, predicted: Array, truths: Mapping[str, Array], grid: Grid
) -> CaseView:
    image = case.gray_values()
    if image is not None and image.shape[1:] != predicted.shape:
        image = None
    word = "Slice" if predicted.ndim == 2 else slice_word(case.prediction)
    return CaseView(image, predicted, truths, grid, slice_word=word)
