"""The layers that a segmentation adds to the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.files.model_files import model_name
from specimen_unet.viewer.label_colours import colours_beside
from specimen_unet.viewer.layers import labels_layer, probability_layers
from specimen_unet.viewer.provenance import mark_layer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import napari.layers

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.case import Array


def segmentation_layers(
    labels: Array,
    probabilities: Array | None,
    image_layer: Any,
    *,
    card: ModelCard,
    model: Path,
    beside: Iterable[Any] = (),
) -> tuple[napari.layers.Labels, list[napari.layers.Image]]:
    """Make the layers of a segmentation, which lie exactly on the image.

    Parameters
    ----------
    labels : ndarray of int, shape (*spatial)
        What the model saw.
    probabilities : ndarray of float, shape (K, *spatial), or None
        Of every class, the background first.
    image_layer : napari.layers.Image
        The layer that was segmented.
    card : ModelCard
        Names and colours of the labels.
    model : Path
        File of the model, or the folder of a study; kept in the metadata.
    beside : iterable of layer
        What is in the viewer: labels there keep their colours to themselves.

    Returns
    -------
    tuple of napari.layers.Labels and list of napari.layers.Image
        The labels, and a hidden probability layer of each. Not yet in any viewer.

    Raises
    ------
    ImageError
        If the image layer has another shape now.
    """
    plan = card.plan
    name = f"{image_layer.name} - {model_name(model)}"
    colours = colours_beside(card.label_colours, beside, image_layer)
    names = dict(zip(plan.label_values, plan.label_names, strict=True))
    layer = labels_layer(
        labels, image_layer, name=name, label_names=names, colours=colours
    )
    details = {"model": str(model), "image": str(image_layer.name)}
    mark_layer(layer, "segmentation", **details)
    maps: list[napari.layers.Image] = []
    if probabilities is not None:
        titles = [f"{name}: probability of {title}" for title in plan.label_names[1:]]
        maps = probability_layers(probabilities[1:], image_layer, names=titles)
    for one in maps:
        mark_layer(one, "probability", **details)
    return layer, maps
