"""Layers that show how far the surface of a specimen lies from its tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import ndimage

from specimen_unet.domain.margins import distances_to
from specimen_unet.domain.surfaces import softened
from specimen_unet.viewer.layers import frame_of, labels_layer
from specimen_unet.viewer.provenance import mark_layer

if TYPE_CHECKING:
    import napari.layers
    import napari.viewer

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.margins import Margin
    from specimen_unet.viewer.measured_labels import MeasuredMargin

CLOSER, NOT_CLOSER = 1, 2
# Red and blue of equal weight, told apart by colour-blind people.
COLOURS = {CLOSER: "#f0483e", NOT_CLOSER: "#58a6e8"}
"""Value in the outline -> colour, which is also that of the surface."""

# Where the colours of the surface end, in thresholds: beyond, all is alike.
_FULL = 4.0
# Slices along a flat piece of surface are outlined, too, and not painted over.
_CONTOUR = 1


@dataclass(frozen=True, slots=True, eq=False)
class MarginPicture:
    """What layers of margins are made of.

    Attributes
    ----------
    measured : MeasuredMargin
        What is shown.
    margins : ndarray of float, shape (*spatial)
        The margin of every voxel at the surface, NaN elsewhere.
    mesh : tuple of ndarray or None
        Vertices in voxels, (N, 3), triangles, (M, 3), and the distance of each vertex
        to the tumour, (N,); None in 2D and for a single slice.
    """

    measured: MeasuredMargin
    margins: Array
    mesh: tuple[Array, Array, Array] | None


def picture_of(measured: MeasuredMargin) -> MarginPicture:
    """Work out the layers of a margin; takes a second or so."""
    shape = measured.margin.tissue.shape
    is_body = len(shape) == 3 and min(shape) > 1
    mesh = _mesh(measured.margin) if is_body else None
    return MarginPicture(measured, measured.margin.as_map(), mesh)


class MarginLayers:
    """A coloured surface for the view in 3D, and an outline for that in slices.

    Only the one that belongs to the present view is shown: they would cover each other.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layers are added. No other layer is touched, and the one that was
        selected stays so: a person may be painting on it.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._outline: napari.layers.Labels | None = None
        self._surface: napari.layers.Surface | None = None
        self._picture: MarginPicture | None = None
        viewer.dims.events.ndisplay.connect(self._show_for_view)

    @property
    def are_shown(self) -> bool:
        """Whether any of them is in the viewer."""
        return bool(self._present())

    def show(self, picture: MarginPicture, threshold: float) -> None:
        """Add the layers, or let those that are there show this margin."""
        before = self._picture.measured if self.are_shown and self._picture else None
        after = picture.measured
        self._picture = picture
        if before and (before.specimen, before.tumour) == (
            after.specimen,
            after.tumour,
        ):
            self._renew(picture)
        else:
            self.remove()
            self._add(picture, threshold)
        self.show_threshold(threshold)

    def show_threshold(self, threshold: float) -> None:
        """Colour by another threshold, in the unit of the margin."""
        if self._picture is None:
            return
        present = self._present()
        if self._outline in present and self._outline is not None:
            shape = self._outline.data.shape
            self._outline.data = _outline(self._picture, threshold).reshape(shape)
            self._outline.features = _legend(threshold, self._picture)
            self._outline.editable = False  # which new data have undone
        if self._surface in present and self._surface is not None:
            self._surface.contrast_limits_range = (0, _FULL * threshold)
            self._surface.contrast_limits = (0, _FULL * threshold)

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        for layer in self._present():
            self._viewer.layers.remove(layer)
        self._outline = self._surface = None

    def release(self) -> None:
        """Hear nothing of the viewer any more; the layers stay."""
        self._viewer.dims.events.ndisplay.disconnect(self._show_for_view)

    def _present(self) -> list[Any]:
        made = (self._surface, self._outline)
        return [layer for layer in made if layer in self._viewer.layers]

    def _add(self, picture: MarginPicture, threshold: float) -> None:
        """Add layers without touching what is selected."""
        chosen = self._viewer.layers.selection
        selected, active = set(chosen), chosen.active
        self._outline = _outline_layer(picture, threshold)
        if picture.mesh is not None:
            self._surface = _surface_layer(picture, threshold)
            self._surface.visible = self._viewer.dims.ndisplay == 3
            self._outline.visible = self._viewer.dims.ndisplay == 2
            self._viewer.add_layer(self._surface)
        self._viewer.add_layer(self._outline)
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

    def _renew(self, picture: MarginPicture) -> None:
        """Give the surface its new shape; the outline is drawn with the threshold."""
        surface = self._surface
        if surface in self._present() and surface and picture.mesh is not None:
            surface.data = _as_layer_data(picture)

    def _show_for_view(self, event: Any = None) -> None:
        """Swap surface and outline with the view, unless a person hid both."""
        present = self._present()
        if len(present) == 2 and any(layer.visible for layer in present):
            surface, outline = present
            surface.visible = self._viewer.dims.ndisplay == 3
            outline.visible = not surface.visible


def _mesh(margin: Margin) -> tuple[Array, Array, Array]:
    """Find the surface of the tissue, and how far its corners lie from the tumour."""
    from skimage.measure import marching_cubes

    box = tuple(
        slice(max(side.start - 4, 0), side.stop + 4)
        for side in ndimage.find_objects(margin.tissue.astype(np.uint8))[0]
    )
    soft = softened(margin.tissue[box])
    vertices, faces, *_ = marching_cubes(soft, 0.5)  # type: ignore[no-untyped-call]
    vertices = vertices + [side.start for side in box]
    distances = distances_to(margin.tumour, vertices * np.array(margin.grid.spacing))
    return vertices, faces, distances.astype(np.float32)


def _outline(picture: MarginPicture, threshold: float) -> Array:
    """Label the voxels at the surface by their margin."""
    is_surface = np.isfinite(picture.margins)
    is_close = is_surface & (picture.margins < threshold)
    return np.where(is_close, CLOSER, is_surface * NOT_CLOSER).astype(np.uint8)


def _outline_layer(picture: MarginPicture, threshold: float) -> napari.layers.Labels:
    """Make the layer for slices."""
    measured = picture.measured
    layer = labels_layer(
        _outline(picture, threshold),
        measured.specimen.layer,
        name="margins in slices",
        colours=COLOURS,
    )
    layer.features = _legend(threshold, picture)
    layer.contour = _CONTOUR
    layer.opacity = 1.0
    mark_layer(layer, "margins", specimen=str(measured.specimen.layer.name))
    return layer


def _surface_layer(picture: MarginPicture, threshold: float) -> napari.layers.Surface:
    """Make the layer for the view in 3D."""
    from napari.layers import Surface

    source = picture.measured.specimen.layer
    layer = Surface(
        _as_layer_data(picture),
        name="margins in 3D",
        colormap=_colormap(),
        contrast_limits=(0, _FULL * threshold),
        shading="none",  # light and shadow would change what colours mean
        **frame_of(source),
    )
    mark_layer(layer, "margins", specimen=str(source.name))
    return layer


def _as_layer_data(picture: MarginPicture) -> tuple[Array, Array, Array]:
    """Give the corners the leading axes of length 1 that the layer has."""
    assert picture.mesh is not None
    vertices, faces, values = picture.mesh
    more = picture.measured.specimen.layer.ndim - vertices.shape[1]
    return np.pad(vertices, ((0, 0), (more, 0))), faces, values


def _colormap() -> Any:
    """Make colours that jump at the threshold: red below, blue above."""
    from napari.utils.colormaps import Colormap

    edge = 1 / _FULL
    return Colormap(
        ["#8e0f18", "#ff7d6b", "#cfe6fa", "#2f78c4"],
        controls=[0, edge, edge + 1e-3, 1],
        name="margins",
    )


def _legend(threshold: float, picture: MarginPicture) -> pd.DataFrame:
    """Name the values of the outline; the status bar shows them."""
    unit = picture.measured.margin.grid.unit
    return pd.DataFrame(
        {
            "index": [0, CLOSER, NOT_CLOSER],
            "label": [
                "no surface",
                f"closer than {threshold:g} {unit}",
                f"{threshold:g} {unit} or more",
            ],
        }
    )
