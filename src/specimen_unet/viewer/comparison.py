"""Labels layers that are compared: whether they go together, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.comparison import Comparison
from specimen_unet.domain.errors import (
    GridMismatchError,
    NoAnnotationError,
    SpecimenUnetError,
)
from specimen_unet.viewer.layer_checks import (
    check_labels_layer,
    grid_of_layer,
    level_zero,
    spatial_shape,
)
from specimen_unet.viewer.layers import names_of_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.domain.grid import Grid


@dataclass(slots=True)
class ComparedLayers:
    """Layers that can be compared, and what the person should know of the others.

    Attributes
    ----------
    prediction : napari.layers.Labels or alike
        What is judged.
    truths : list of napari.layers.Labels or alike
        Those of the chosen layers that it can be judged against.
    remarks : list of str
        Why other layers are left out, and what is odd about those that are not.
    """

    prediction: Any
    truths: list[Any] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def comparison(self, annotation: Annotation) -> Comparison:
        """Return what is compared. Voxels are not copied: they change as one paints.

        Raises
        ------
        SpecimenUnetError
            If the scale of the prediction makes no grid.
        """
        return Comparison(
            name=self.prediction.name,
            predicted=voxels_of(self.prediction),
            truths={layer.name: voxels_of(layer) for layer in self.truths},
            grid=grid_of_layer(self.prediction),
            annotation=annotation,
            label_names=names_of_labels([self.prediction, *self.truths]),
        )


def check_compared_layers(prediction: Any, truths: Sequence[Any]) -> ComparedLayers:
    """Sort out which layers a prediction can be compared with.

    Parameters
    ----------
    prediction : napari.layers.Labels or alike, or None
        The layer that is judged.
    truths : sequence of napari.layers.Labels or alike
        The layers of the observers.

    Returns
    -------
    ComparedLayers
        At least one truth among them.

    Raises
    ------
    SpecimenUnetError
        If nothing can be compared: what is missing, or why every layer is left out.
    """
    if prediction is None:
        raise NoAnnotationError(
            "There is no labels layer yet: segment an image, or open its labels."
        )
    if not truths:
        raise NoAnnotationError(
            "Tick the ground truth to compare with. It is a labels layer beside the "
            "prediction: open one (File ▸ Open), or draw one."
        )
    compared = ComparedLayers(prediction)
    for truth in truths:
        try:
            _check_pair(prediction, truth)
        except SpecimenUnetError as error:
            compared.remarks.append(str(error))
        else:
            compared.truths.append(truth)
    if not compared.truths:
        raise SpecimenUnetError("\n".join(compared.remarks))
    compared.remarks += _place_remarks(prediction, compared.truths)
    if not _holds_labels(prediction):
        compared.remarks.append(f"Nothing is labelled in {prediction.name!r} yet.")
    return compared


def check_surfaces(annotation: Annotation, otherwise: str = "") -> None:
    """Refuse to measure surfaces of labels that were not drawn everywhere.

    `otherwise` says what else a person can do.

    Raises
    ------
    NoAnnotationError
        Where slices were left out there is no surface.
    """
    if annotation != "everywhere":
        reason = (
            "Surfaces can be measured only where everything is annotated: choose "
            "above that unlabelled (0) means background, if that is so."
        )
        raise NoAnnotationError(f"{reason} {otherwise}".rstrip())


def _check_pair(prediction: Any, truth: Any) -> None:
    """Refuse a truth that cannot be laid upon the prediction voxel by voxel."""
    if truth is prediction:
        raise GridMismatchError(
            f"{truth.name!r} is the prediction itself: tick another layer."
        )
    if spatial_shape(prediction) != spatial_shape(truth):
        raise GridMismatchError(
            f"{truth.name!r} is {_size(truth)} voxels, but {prediction.name!r} is "
            f"{_size(prediction)}: tick labels that were drawn on the same image."
        )
    if not _holds_labels(truth):
        raise NoAnnotationError(
            f"Nothing is painted in {truth.name!r} yet: paint, or tick another layer."
        )


def _place_remarks(prediction: Any, truths: Sequence[Any]) -> list[str]:
    """Say which layers of one shape lie elsewhere, those of one fault together."""
    faults: dict[str, list[str]] = {}
    for truth in truths:
        fault = _misplacement(prediction, truth)
        if fault:
            faults.setdefault(fault, []).append(repr(str(truth.name)))
    return [
        f"Of {' and '.join(names)}, {fault} Voxels are compared one by one all the "
        "same: make sure that they belong to one image."
        for fault, names in faults.items()
    ]


def _misplacement(prediction: Any, truth: Any) -> str:
    """Say how two layers of one shape lie in different places; empty if not."""
    try:
        check_labels_layer(truth, prediction, may_be_empty=True)
    except GridMismatchError:
        here, there = grid_of_layer(prediction), grid_of_layer(truth)
        if here.same_spacing(there):
            return f"the place is moved or turned against {prediction.name!r}."
        return (
            f"voxels are {_spacing(there)}, but those of {prediction.name!r} are "
            f"{_spacing(here)}."
        )
    return ""


def voxels_of(layer: Any) -> Array:
    """Return the voxels at full resolution, without leading axes of length 1."""
    data: Array = np.asarray(level_zero(layer))
    return data.reshape(spatial_shape(layer))


def _holds_labels(layer: Any) -> bool:
    """Tell whether anything is painted; of data on disk that is taken for granted."""
    data = level_zero(layer)
    return not isinstance(data, np.ndarray) or bool(data.any())


def _size(layer: Any) -> str:
    return " × ".join(map(str, spatial_shape(layer)))


def _spacing(grid: Grid) -> str:
    steps = " × ".join(f"{step:g}" for step in grid.spacing)
    return f"{steps} {grid.unit.replace('um', 'µm')}"
