"""Layers whose names say that they are the channels of one image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from specimen_unet.viewer.layer_checks import spatial_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

# "032 DAPI"; "032 [1]", as files of several channels are opened here; "032 layer 1",
# as napari names the parts of a stack. "specimen 1" is a specimen, no channel.
_CHANNEL = re.compile(r"(?P<image>.+?)[\s_-]+(?P<channel>\[\d+\]|layer \d+|[^\W\d_]+)")


def channels_of_labels(labels: Any, images: Sequence[Any]) -> tuple[Any, ...]:
    """Return the layers that are the channels of the image labels were drawn on.

    Parameters
    ----------
    labels : napari.layers.Labels or alike
        Their name holds the image's: "032 EA" for "032 DAPI" and "032 GFP".
    images : sequence of layer
        Of which those of the labels' shape count.

    Returns
    -------
    tuple of layer
        Two or more; empty where names do not say so, or say so of several images.
    """
    shape = spatial_shape(labels)
    found: dict[str, list[Any]] = {}
    for layer in images:
        match = _CHANNEL.fullmatch(str(layer.name))
        if match and spatial_shape(layer) == shape:
            found.setdefault(match["image"].lower(), []).append(layer)
    own = words_of(str(labels.name).lower())
    groups = [
        layers
        for name, layers in found.items()
        if len(layers) > 1 and set(words_of(name)).issubset(own)
    ]
    return tuple(groups[0]) if len(groups) == 1 else ()


def channel_like(name: str, first: Any, layers: Sequence[Any]) -> Any | None:
    """Return the layer that is most likely a channel of an image.

    Parameters
    ----------
    name : str
        What the channel was called in training: "032 GFP".
    first : layer
        Another channel of the image: "033 DAPI".
    layers : sequence of layer
        All that may be chosen.

    Returns
    -------
    layer or None
        "033 GFP"; or else one of the first's shape with the channel's name in its own,
        or any of that shape, or any.
    """
    image, wanted = _parts(str(first.name))[0], _parts(name)[1]

    def likeness(layer: Any) -> tuple[bool, bool, bool]:
        its_image, channel = _parts(str(layer.name))
        return (
            spatial_shape(layer) == spatial_shape(first),
            channel == wanted or wanted in str(layer.name).lower(),
            bool(image) and its_image == image,
        )

    return max(layers, key=likeness, default=None)


def _parts(name: str) -> tuple[str, str]:
    """Return the image and the channel that a name bears, in small letters."""
    match = _CHANNEL.fullmatch(name.lower())
    return (match["image"], match["channel"]) if match else ("", name.lower())


def words_of(name: str) -> list[str]:
    """Cut a name into words."""
    return [word for word in re.split(r"[\W_]+", name) if word]
