"""A new labels layer: what several observers say together."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.files.consensus import ConsensusMethod, consensus
from specimen_unet.viewer.comparison import voxels_of
from specimen_unet.viewer.layers import labels_layer, names_of_labels
from specimen_unet.viewer.provenance import mark_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.layers

    from specimen_unet.domain.case import Array

METHODS: dict[ConsensusMethod, tuple[str, str]] = {
    "majority": (
        "Majority",
        "The label that most gave; background where the first place is shared.",
    ),
    "union": ("Union", "What anyone labelled."),
    "intersection": ("Intersection", "What all labelled alike."),
    "staple": (
        "STAPLE",
        "The most probable label, when votes count by how reliable each observer is. "
        "Of two observers it cannot tell who is: take three or more.",
    ),
}
"""Method -> what people read, and what it does."""


def consensus_of(layers: Sequence[Any], method: ConsensusMethod) -> Array:
    """Merge what observers drew; layers are only read.

    Raises
    ------
    NoAnnotationError
        If there are fewer than two.
    GridMismatchError
        If they differ in shape.
    """
    if len(layers) < 2:
        raise NoAnnotationError(
            "Tick at least two ground truths above: a consensus is of several."
        )
    return consensus([voxels_of(layer) for layer in layers], method)


def consensus_layer(
    merged: Array, layers: Sequence[Any], method: ConsensusMethod
) -> napari.layers.Labels:
    """Make the layer; its name and metadata tell where it is from.

    Parameters
    ----------
    merged : ndarray of int, shape (*spatial)
        What `consensus_of` returned.
    layers : sequence of napari.layers.Labels
        Of whom. The first one gives the place and the colours.
    method : str
        How.
    """
    names = [str(layer.name) for layer in layers]
    how = "STAPLE" if method == "staple" else method
    layer = labels_layer(
        merged,
        layers[0],
        name=f"{_common_words(names)}{how} of {_own(names)}",
        label_names=names_of_labels(layers),
    )
    layer.opacity = layers[0].opacity
    mark_layer(layer, "consensus", method=method, of=", ".join(names))
    return layer


def _common_words(names: Sequence[str]) -> str:
    """Return what all names begin with, up to a border of words: the image."""
    first, last = min(names), max(names)
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = "".join(letter for letter, _ in alike)
    end = max(common.rfind(mark) for mark in " _-")
    return common[: end + 1]


def _own(names: Sequence[str]) -> str:
    length = len(_common_words(names))
    return ", ".join(name[length:] or name for name in names)
