"""A layer that shows where a prediction and a ground truth disagree."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.overlap import ADDED, AGREED, MISSED, OTHER_LABEL, error_map
from specimen_unet.viewer.comparison import voxels_of
from specimen_unet.viewer.layers import labels_layer
from specimen_unet.viewer.provenance import mark_layer
from specimen_unet.viewer.renewed_layer import RenewedLayer

if TYPE_CHECKING:
    import napari.layers
    import napari.viewer

    from specimen_unet.domain.case import Annotation, Array

# Told apart by colour-blind people, and from the colours models give their labels.
ERRORS = {
    AGREED: ("agreed", "#00b894"),
    MISSED: ("missed", "#ff4d4d"),
    ADDED: ("added", "#4d7cff"),
    OTHER_LABEL: ("another label", "#f6e05e"),
}
"""Value -> name and colour of each kind of error."""


class ErrorLayer:
    """One labels layer of errors, which lies exactly on the prediction.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layer is added, as `RenewedLayer` does.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._shown = RenewedLayer(viewer)

    @property
    def sources(self) -> tuple[Any, ...] | None:
        """Prediction and truth while the layer shows them; None when it is gone."""
        return self._shown.sources

    def show(self, errors: Array, prediction: Any, truth: Any) -> None:
        """Add the layer, or let the one that is there show these errors.

        Parameters
        ----------
        errors : ndarray of uint8, shape (*spatial)
            What `domain.overlap.error_map` returned.
        prediction, truth : napari.layers.Labels
            The layers it was computed from.
        """
        make = partial(_made, errors, prediction, truth)
        self._shown.show(errors, (prediction, truth), make)


def errors_between(prediction: Any, truth: Any, annotation: Annotation) -> Array:
    """Map the errors of one labels layer against another.

    Raises
    ------
    GridMismatchError
        If they differ in shape.
    """
    return error_map(voxels_of(prediction), voxels_of(truth), annotation=annotation)


def _made(errors: Array, prediction: Any, truth: Any) -> napari.layers.Labels:
    """Make the layer."""
    layer = labels_layer(
        errors,
        prediction,
        name=f"errors: {prediction.name} against {truth.name}",
        label_names={value: name for value, (name, _) in ERRORS.items()},
        colours={value: colour for value, (_, colour) in ERRORS.items()},
    )
    mark_layer(layer, "errors", prediction=prediction.name, truth=truth.name)
    return layer
