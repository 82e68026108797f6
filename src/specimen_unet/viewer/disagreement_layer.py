"""A layer that shows how many of several annotations marked each voxel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.annotation import annotated_voxels
from specimen_unet.domain.observers import votes_map
from specimen_unet.viewer.comparison import voxels_of
from specimen_unet.viewer.layers import labels_layer
from specimen_unet.viewer.provenance import mark_layer
from specimen_unet.viewer.renewed_layer import RenewedLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.layers
    import napari.viewer

    from specimen_unet.domain.case import Annotation, Array

# From one's own opinion (red) to nearly all (yellow); green is agreement, as in the
# layer of errors.
_FEW, _MANY, _ALL = (213, 62, 79), (254, 224, 80), "#00b894"


def vote_colours(count: int) -> dict[int, tuple[str, str]]:
    """Return the name and the colour of each number of votes.

    Examples
    --------
    >>> vote_colours(2)
    {1: ('1 of 2', '#d53e4f'), 2: ('all 2', '#00b894')}
    """
    colours = {}
    for votes in range(1, count):
        share = (votes - 1) / max(count - 2, 1)
        mixed = [round(a + share * (b - a)) for a, b in zip(_FEW, _MANY, strict=True)]
        colours[votes] = (f"{votes} of {count}", "#{:02x}{:02x}{:02x}".format(*mixed))
    return {**colours, count: (f"all {count}", _ALL)}


class DisagreementLayer:
    """One labels layer of votes, which lies on the layers that are counted.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layer is added, as `RenewedLayer` does.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._shown = RenewedLayer(viewer)

    @property
    def sources(self) -> tuple[Any, ...] | None:
        """The layers that are counted; None when the layer is gone."""
        return self._shown.sources

    def show(self, votes: Array, layers: Sequence[Any]) -> None:
        """Add the layer, or let the one that is there show these votes."""
        self._shown.show(votes, tuple(layers), partial(_made, votes, layers))


def votes_of(
    truths: Sequence[Any], prediction: Any | None, annotation: Annotation
) -> Array:
    """Count the votes of layers for every voxel.

    Parameters
    ----------
    truths : sequence of napari.layers.Labels or alike
        The observers who are counted, all of one shape.
    prediction : napari.layers.Labels or alike, or None
        Who is counted beside them.
    annotation : {"everywhere", "slices", "painted"}
        What 0 means in the truths. Where one of them did not annotate, nothing is
        counted.

    Returns
    -------
    ndarray of uint8, shape (*spatial)
        As `domain.observers.votes_map`.

    Raises
    ------
    GridMismatchError
        If they differ in shape.
    """
    drawn = [voxels_of(layer) for layer in truths]
    others = [] if prediction is None else [voxels_of(prediction)]
    if annotation == "everywhere":
        return votes_map([*drawn, *others])
    is_annotated = np.logical_and.reduce(
        [annotated_voxels(each, annotation) for each in drawn]
    )
    every = [*drawn, *others]
    if annotation == "painted":
        painted = (int(each[each != 0].min()) for each in drawn if each.any())
        background = min(painted, default=0)
        every = [np.where(each == background, 0, each) for each in every]
    votes: Array = votes_map(every) * is_annotated
    return votes


def _made(votes: Array, layers: Sequence[Any]) -> napari.layers.Labels:
    """Make the layer."""
    names = ", ".join(str(layer.name) for layer in layers)
    colours = vote_colours(len(layers))
    layer = labels_layer(
        votes,
        layers[0],
        name=f"disagreement: {names}",
        label_names={value: name for value, (name, _) in colours.items()},
        colours={value: colour for value, (_, colour) in colours.items()},
    )
    mark_layer(layer, "disagreement", of=names)
    return layer
