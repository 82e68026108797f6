"""All cases that are open: which prediction belongs to which image and observers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from specimen_unet.domain.comparison import score
from specimen_unet.domain.errors import NoAnnotationError, SpecimenUnetError
from specimen_unet.viewer.comparison import check_compared_layers, voxels_of
from specimen_unet.viewer.layer_checks import level_zero, spatial_shape
from specimen_unet.viewer.pairing import pair_layers
from specimen_unet.viewer.provenance import (
    image_of_segmentation,
    kind_of_layer,
    model_of_segmentation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import napari.viewer

    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.domain.comparison import Comparison
    from specimen_unet.viewer.comparison import ComparedLayers
    from specimen_unet.viewer.pairing import Pair

PREDICTION = "prediction"


@dataclass(frozen=True, slots=True, eq=False)
class OpenCase:
    """The layers of one case.

    Attributes
    ----------
    image : napari.layers.Image or None
        What was segmented, if it is open.
    prediction : napari.layers.Labels
        What is judged.
    truths : dict of str to napari.layers.Labels
        By observer, named alike in all cases.
    """

    image: Any
    prediction: Any
    truths: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the case: that of its image, or else of the prediction."""
        return str((self.image or self.prediction).name)

    @property
    def layers(self) -> list[Any]:
        """All of them, the image first."""
        layers = [*self.truths.values(), self.prediction]
        return layers if self.image is None else [self.image, *layers]

    def gray_values(self) -> Array | None:
        """Return the image as (C, *spatial), at full resolution; None without one."""
        if self.image is None:
            return None
        colours = (-1,) if getattr(self.image, "rgb", False) else ()
        shape = spatial_shape(self.image)
        voxels: Array = np.asarray(level_zero(self.image)).reshape(*shape, *colours)
        return np.moveaxis(voxels, -1, 0) if colours else voxels[np.newaxis]


@dataclass(frozen=True, slots=True, eq=False)
class OpenScores:
    """Scores of all open cases, as `domain.score_tables` takes them.

    `judged` is what the prediction is called in all of them; `remarks` say what was
    left out.
    """

    table: pd.DataFrame
    cases: dict[str, OpenCase]
    judged: str
    remarks: list[str] = field(default_factory=list)


def open_cases(
    prediction: Any, images: Sequence[Any], labels: Sequence[Any]
) -> list[OpenCase]:
    """Find what belongs to every image as the prediction belongs to its own.

    Of a segmentation these are the segmentations of the same model, the newest of
    each image; of an observer's labels those of the same observer.

    Parameters
    ----------
    prediction : napari.layers.Labels
        What is judged on one image.
    images, labels : sequence of layer
        All that are open, the topmost last.

    Returns
    -------
    list of OpenCase
        Those that have a prediction and at least one observer.
    """
    pairs = pair_layers(images, labels)
    role = _role(prediction, pairs)
    found = []
    for pair in pairs:
        observers = pair.observers()
        if kind_of_layer(prediction) == "segmentation":
            own = _segmentation_of(pair.image, prediction, labels)
        else:
            own = observers.pop(role, None)
        if own is not None and observers:
            found.append(OpenCase(pair.image, own, observers))
    return found


def score_open_cases(
    prediction: Any,
    images: Sequence[Any],
    labels: Sequence[Any],
    annotation: Annotation,
) -> OpenScores:
    """Score every open case; layers are only read.

    Raises
    ------
    NoAnnotationError
        If no open image has both a prediction and ground truth.
    """
    if prediction is None:
        raise NoAnnotationError("Choose a prediction above: there is none yet.")
    judged = _role(prediction, pair_layers(images, labels))
    tables, cases, remarks = [], {}, []
    for case in open_cases(prediction, images, labels):
        try:
            table = _scored(case, judged, annotation)
        except SpecimenUnetError as error:
            remarks.append(f"{case.name}: {error}")
            continue
        tables.append(table)
        cases[case.name] = case
    if not tables:
        raise NoAnnotationError(
            "No open image has both a prediction and ground truth of its name and "
            "shape: segment the images, and open their labels.\n" + "\n".join(remarks)
        )
    return OpenScores(pd.concat(tables, ignore_index=True), cases, judged, remarks)


def show_case(
    viewer: napari.viewer.Viewer, case: OpenCase, cases: Iterable[OpenCase]
) -> None:
    """Show the layers of a case and select them; hide those of the other cases."""
    own = case.layers
    for layer in (layer for other in cases for layer in other.layers):
        # To show what is shown would draw it anew, which looks like a change of it.
        if layer in viewer.layers and layer.visible != (layer in own):
            layer.visible = layer in own
    viewer.layers.selection = {layer for layer in own if layer in viewer.layers}
    if case.prediction in viewer.layers:
        viewer.layers.selection.active = case.prediction


def score_what_is_there(
    compared: ComparedLayers,
    images: Sequence[Any],
    labels: Sequence[Any],
    annotation: Annotation,
) -> OpenScores:
    """Score all open cases; where the shown one is not among them, that one alone."""
    prediction = compared.prediction
    try:
        found = score_open_cases(prediction, images, labels, annotation)
    except NoAnnotationError:
        pass
    else:
        if any(case.prediction is prediction for case in found.cases.values()):
            return found
    truths = {str(layer.name): layer for layer in compared.truths}
    case = OpenCase(None, prediction, truths)
    table = _scored(case, PREDICTION, annotation)
    return OpenScores(table, {case.name: case}, PREDICTION, compared.remarks)


def comparison_of(case: OpenCase, judged: str, annotation: Annotation) -> Comparison:
    """Return what is compared in one case, under the names that all cases share.

    Voxels are not copied: they change as one paints.

    Raises
    ------
    SpecimenUnetError
        If its layers cannot be compared.
    """
    compared = check_compared_layers(case.prediction, list(case.truths.values()))
    names = {layer: name for name, layer in case.truths.items()}
    return replace(
        compared.comparison(annotation),
        name=judged,
        truths={names[layer]: voxels_of(layer) for layer in compared.truths},
    )


def _role(prediction: Any, pairs: Sequence[Pair]) -> str:
    """Return the observer whose labels the prediction is, the same in all cases."""
    for pair in pairs:
        for name, layer in pair.observers().items():
            if layer is prediction:
                return name
    return PREDICTION


def _segmentation_of(image: Any, prediction: Any, labels: Sequence[Any]) -> Any | None:
    """Return the newest segmentation of an image by the model of the prediction."""
    made = [
        layer
        for layer in labels
        if kind_of_layer(layer) == "segmentation"
        and image_of_segmentation(layer) == str(image.name)
        and model_of_segmentation(layer) == model_of_segmentation(prediction)
    ]
    if prediction in made:
        return prediction
    return made[-1] if made else None


def _scored(case: OpenCase, judged: str, annotation: Annotation) -> pd.DataFrame:
    table = score(comparison_of(case, judged, annotation)).table
    table.insert(0, "case", case.name)
    return table
