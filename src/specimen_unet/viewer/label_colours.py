"""Colours of labels, chosen by what else lies on the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.viewer.layer_checks import spatial_shape
from specimen_unet.viewer.provenance import image_of_segmentation, kind_of_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from specimen_unet.domain.case import Array

# Okabe and Ito's, which colour-blind people can tell apart; those first that samples
# and models do not begin with.
_OTHERS = (
    "#cc79a7",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#e69f00",
    "#56b4e9",
)
# Of red, green and blue from 0 to 1: orange and yellow are just that far apart.
_APART = 0.35


def colours_beside(
    wanted: Mapping[int, str], layers: Iterable[Any], image_layer: Any
) -> dict[int, str]:
    """Choose colours that tell new labels from those already drawn on an image.

    Parameters
    ----------
    wanted : mapping of int to str
        The colour of each label, ``#rrggbb``, where nothing stands against it.
    layers : iterable of layer
        What is in the viewer. Labels of the image's shape count, but not errors,
        previews and segmentations of other images.
    image_layer : napari.layers.Image or alike
        What the labels lie on.

    Returns
    -------
    dict of int to str
        For each label its own colour, or the first of others that no label of these
        layers has, or the one least like theirs.
    """
    drawn = [layer for layer in layers if _lies_on(layer, image_layer)]
    taken = [colour for layer in drawn for colour in _colours_of(layer, wanted)]
    chosen: dict[int, str] = {}
    for label, colour in wanted.items():
        candidates = (colour, *_OTHERS)
        distances = [_distance(candidate, taken) for candidate in candidates]
        free = [c for c, d in zip(candidates, distances, strict=True) if d >= _APART]
        best = candidates[int(np.argmax(distances))]
        chosen[label] = free[0] if free else best
        taken.append(_values(chosen[label]))
    return chosen


def _lies_on(layer: Any, image_layer: Any) -> bool:
    """Tell whether a layer holds labels that an observer or a model gave an image."""
    if not hasattr(layer, "get_color"):
        return False
    if spatial_shape(layer) != spatial_shape(image_layer):
        return False
    kind = kind_of_layer(layer)
    is_of_image = image_of_segmentation(layer) == str(image_layer.name)
    return kind is None or (kind == "segmentation" and is_of_image)


def _colours_of(layer: Any, labels: Iterable[int]) -> list[Array]:
    """Return red, green and blue of the labels in a layer, where it shows them."""
    found = [layer.get_color(label) for label in labels]
    return [
        np.asarray(colour[:3], float)
        for colour in found
        if colour is not None and colour[3] > 0
    ]


def _distance(colour: str, others: Iterable[Array]) -> float:
    """Return how far a colour is from the nearest of others, of which may be none."""
    own = _values(colour)
    return min((float(np.linalg.norm(own - other)) for other in others), default=2.0)


def _values(colour: str) -> Array:
    """Return red, green and blue of ``#rrggbb`` from 0 to 1."""
    return np.array(list(bytes.fromhex(colour[1:])), float) / 255
