"""Snapshots of napari's layers, and layers that lie exactly on them.

Reading is duck-typed: whatever has ``.data``, ``.scale``, ``.units`` and ``.name``
is a layer here, so scripts need no viewer. napari is imported where a layer is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import ImageError, SpecimenUnetError
from specimen_unet.viewer.channels import (
    channels_in,
    channels_of,
    check_channels,
)
from specimen_unet.viewer.layer_checks import (
    FRAME,
    check_image_layer,
    check_labels_layer,
    frame_value,
    grid_of_layer,
    level_zero,
    spatial_shape,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari.layers

    from specimen_unet.domain.case import Array

__all__ = [
    "case_from_layers",
    "check_image_layer",
    "check_labels_layer",
    "frame_of",
    "grid_of_layer",
    "labels_layer",
    "names_of_labels",
    "probability_layers",
]

# What a label looks like that the model does not know but a person paints.
_UNNAMED_COLOUR = "gray"


def case_from_layers(
    image: Any,
    *labels: Any,
    name: str | None = None,
    group: str | None = None,
    channel_axis: int | None = None,
) -> Case:
    """Copy an image layer, and the labels layers drawn on it, into a case.

    The layers may change afterwards; the case does not. Leading axes of length 1
    are left out when there are more than three, and of a multiscale layer the full
    resolution is taken. Lazily loaded data (dask, zarr) is loaded here.

    Parameters
    ----------
    image : napari.layers.Image or alike, or a list of them
        Gray values, (Y, X) or (Z, Y, X), with `scale`, `units` and `name`. Several
        layers of one shape and place are the channels of one image. An RGB layer is
        three channels, and one where its colours are alike.
    *labels : napari.layers.Labels or alike
        One layer an observer; the layer's name becomes the observer's.
    name : str, optional
        Name of the case; the image layer's, when not given.
    group : str, optional
        Group of the case; its name, when not given.
    channel_axis : int, optional
        Which axis of a single layer are channels; -1 takes the colours of an RGB
        layer as three channels even where they are alike.

    Returns
    -------
    Case
        With copies of the voxels, and the spacing of the image layer.

    Raises
    ------
    ImageError
        If the image is 4D (without `channel_axis`), constant, or holds NaN, or its
        channels have different shapes.
    GridMismatchError
        If labels have another shape, scale or place than the image, or are not
        whole numbers; or channels another scale or place.
    NoAnnotationError
        If nothing is painted on a labels layer.
    SpecimenUnetError
        If two labels layers bear one name.
    """
    layers = channels_of(image, channel_axis)
    # Loaded once: the checks then see the very voxels that are kept.
    copies = [_Snapshot(layer) for layer in layers]
    first = copies[0]
    check_channels(copies)
    channels = channels_in(copies)
    drawn: dict[str, Array] = {}
    for layer in map(_Snapshot, labels):
        check_labels_layer(layer, first)
        if layer.name in drawn:
            raise SpecimenUnetError(
                f"Two labels layers are called {layer.name!r}: rename one of them, "
                "so that their observers can be told apart."
            )
        drawn[layer.name] = layer.data
    grid = grid_of_layer(first)
    is_one = channel_axis is None and len(channels) == 1
    whole = image if channel_axis is not None else layers[0]
    return Case(
        channels[0].data
        if is_one
        else np.stack([channel.data for channel in channels]),
        drawn,
        spacing=grid.spacing,
        unit=grid.unit,
        name=name if name is not None else str(whole.name),
        group=group,
        channel_names=() if is_one else tuple(channel.name for channel in channels),
        label_names=names_of_labels(labels),
    )


def names_of_labels(layers: Sequence[Any]) -> dict[int, str]:
    """Return what tables of features call labels; the first layer to name one counts.

    Parameters
    ----------
    layers : sequence of napari.layers.Labels or alike
        With columns "index" and "label" in their features, or without.
    """
    names: dict[int, str] = {}
    for layer in reversed(layers):
        features: Mapping[str, Any] = getattr(layer, "features", {})
        if "index" in features and "label" in features:
            pairs = zip(features["index"], features["label"], strict=True)
            names |= {int(value): str(name) for value, name in pairs if value}
    return names


class _Snapshot:
    """A layer whose voxels are copied, without leading axes of length 1."""

    def __init__(self, layer: Any) -> None:
        self.name = str(layer.name)
        self.rgb = bool(getattr(layer, "rgb", False))
        voxels: Array = np.array(level_zero(layer))
        colours = voxels.shape[-1:] if self.rgb else ()
        self.data = voxels.reshape(*spatial_shape(layer), *colours)
        for key, value in frame_of(layer).items():
            setattr(self, key, value)


def frame_of(layer: Any) -> dict[str, Any]:
    """Return where a layer lies: whatever of `FRAME` it has, as copies.

    Given to a new layer of the same shape, the two lie exactly on one another.

    Parameters
    ----------
    layer : napari.layers.Layer or alike
        Any layer.

    Returns
    -------
    dict
        Of scale, translate, rotate, shear, affine, units and axis_labels.
    """
    return {key: frame_value(layer, key) for key in FRAME if hasattr(layer, key)}


def labels_layer(
    labels: Array,
    image_layer: Any,
    *,
    name: str,
    label_names: Mapping[int, str] | None = None,
    colours: Mapping[int, str] | None = None,
) -> napari.layers.Labels:
    """Make a labels layer that lies exactly on an image layer.

    Parameters
    ----------
    labels : ndarray of int, shape (*spatial)
        Labels of the image's voxels, (Y, X) or (Z, Y, X).
    image_layer : napari.layers.Image
        The layer that `labels` were computed from.
    name : str
        Name of the new layer.
    label_names : mapping of int to str, optional
        Name of each label value; the status bar shows them.
    colours : mapping of int to str, optional
        Colour of each label value, ``#rrggbb``; napari's own when not given.

    Returns
    -------
    napari.layers.Labels
        Not yet in any viewer.

    Raises
    ------
    ImageError
        If `labels` do not have the shape of the image.
    """
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    options: dict[str, Any] = {}
    if label_names:
        options["features"] = {
            "index": list(label_names),
            "label": list(label_names.values()),
        }
    if colours:
        options["colormap"] = DirectLabelColormap(
            color_dict={**colours, 0: "transparent", None: _UNNAMED_COLOUR}
        )
    return Labels(
        _on_image(labels, image_layer), name=name, **frame_of(image_layer), **options
    )


def probability_layers(
    probabilities: Array, image_layer: Any, *, names: Sequence[str]
) -> list[napari.layers.Image]:
    """Make one image layer of each probability map, hidden, exactly on the image.

    Parameters
    ----------
    probabilities : ndarray of float, shape (K, *spatial)
        From 0 to 1.
    image_layer : napari.layers.Image
        The layer that `probabilities` were computed from.
    names : sequence of str
        Names of the K layers. Leave out the background by giving
        ``probabilities[1:]`` and the names of the other classes.

    Returns
    -------
    list of napari.layers.Image
        Not yet in any viewer.

    Raises
    ------
    ImageError
        If a map does not have the shape of the image.
    """
    from napari.layers import Image

    return [
        Image(
            _on_image(probability, image_layer),
            name=name,
            colormap="inferno",
            contrast_limits=(0, 1),
            blending="additive",
            visible=False,
            **frame_of(image_layer),
        )
        for probability, name in zip(probabilities, names, strict=True)
    ]


def _on_image(values: Array, image_layer: Any) -> Array:
    """Give values the leading axes of length 1 that the snapshot left out."""
    if values.shape != spatial_shape(image_layer):
        raise ImageError(
            f"A result of the shape {values.shape} does not fit the layer "
            f"{image_layer.name!r}, which is {spatial_shape(image_layer)}: choose "
            "the layer that it was computed from."
        )
    shape: tuple[int, ...] = tuple(level_zero(image_layer).shape)
    return values.reshape(shape[:-1] if getattr(image_layer, "rgb", False) else shape)
