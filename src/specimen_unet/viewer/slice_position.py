"""Where the viewer stands in the slices of a layer, and how to take it elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.viewer.layer_checks import level_zero

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.layers
    import napari.viewer

_SINGLE_IMAGES = ("image", "images", "picture", "pictures")


def slice_in_view(
    viewer: napari.viewer.Viewer, layer: napari.layers.Layer
) -> int | None:
    """Return which slice of a layer, along its first axis, the viewer shows.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Holds the layer.
    layer : napari.layers.Layer
        With axes (Z, Y, X), scaled and moved in any way.

    Returns
    -------
    int or None
        Nearest slice of the layer; None where the viewer stands beside it.
    """
    axis = slice_axis(layer)
    index = round(float(layer.world_to_data(viewer.dims.point)[axis]))
    return index if 0 <= index < level_zero(layer).shape[axis] else None


def show_slice(
    viewer: napari.viewer.Viewer, layer: napari.layers.Layer, index: int
) -> None:
    """Move the viewer to slice `index` of a layer along its first axis.

    Other layers may be larger, shifted or of more axes: the place is found in
    world coordinates.
    """
    axis = slice_axis(layer)
    place = np.array(layer.world_to_data(viewer.dims.point))
    place[axis] = index
    world = layer.data_to_world(place)  # type: ignore[no-untyped-call]
    viewer.dims.set_point(viewer.dims.ndim - layer.ndim + axis, float(world[axis]))


def show_place(
    viewer: napari.viewer.Viewer, layer: napari.layers.Layer, index: Sequence[int]
) -> None:
    """Show a voxel of a layer in the middle of the view.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Holds the layer. Its zoom and its order of axes stay.
    layer : napari.layers.Layer
        Scaled, moved and turned in any way.
    index : sequence of int
        The voxel, (Y, X) or (Z, Y, X); axes of length 1 may stand before.
    """
    place = np.zeros(layer.ndim)
    place[layer.ndim - len(index) :] = index
    world = layer.data_to_world(place)  # type: ignore[no-untyped-call]
    first = viewer.dims.ndim - layer.ndim
    for axis, position in enumerate(world, start=first):
        viewer.dims.set_point(axis, float(position))
    displayed = [viewer.dims.point[axis] for axis in viewer.dims.displayed[-3:]]
    middle = (*[0.0] * (3 - len(displayed)), *displayed)
    viewer.scene.camera.center = (middle[0], middle[1], middle[2])


def slice_word(layer: napari.layers.Layer) -> str:
    """Return what the slices of a layer are: "Image" of a stack of single ones.

    It is told by the name of their axis, which readers and samples give.
    """
    name = str(layer.axis_labels[slice_axis(layer)]).lower()
    return "Image" if name in _SINGLE_IMAGES else "Slice"


def slice_axis(layer: napari.layers.Layer) -> int:
    """Return the axis across which slices lie; axes of length 1 may stand before."""
    return max(int(layer.ndim) - 3, 0)
