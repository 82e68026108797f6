"""napari saves layers as TIFF and NIfTI with their spacing and unit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import ImageError
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.viewer.layer_checks import (
    grid_of_layer,
    level_zero,
    spatial_shape,
)

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid


def write_image_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save an image layer; napari calls this.

    Parameters
    ----------
    path : str
        ``.tif`` (ImageJ), ``.ome.tif`` or ``.nii.gz``.
    data : array-like, shape (Y, X), (Z, Y, X) or either with colours last
        The layer's voxels; of a multiscale layer the full resolution is saved.
    attributes : dict
        The layer's, of which `scale` and `units` are kept.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    ImageError
        If the layer has more than three axes.
    CaseReadError, GridMismatchError
        If the format cannot hold its numbers or its unit.
    """
    values, grid = _voxels(data, attributes)
    write_image(path, values, grid)
    return [path]


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a labels layer; napari calls this. See `write_image_layer`."""
    values, grid = _voxels(data, attributes)
    write_labels(path, values, grid)
    return [path]


def _voxels(data: Any, attributes: dict[str, Any]) -> tuple[Array, Grid]:
    """Load the voxels of a layer, channels in front, with the grid they lie on."""
    layer = SimpleNamespace(data=data, **dict(attributes))
    values = np.asarray(level_zero(layer))
    shape = spatial_shape(layer)
    if len(shape) not in (2, 3):
        raise ImageError(
            f"The layer {attributes.get('name', '')!r} has {len(shape)} axes {shape}, "
            "but files of 2 (Y, X) or 3 (Z, Y, X) can be saved: right-click it > "
            "Split Stack, and save the parts."
        )
    channels: tuple[int, ...] = ()
    if getattr(layer, "rgb", False):
        values = np.moveaxis(values, -1, 0)
        channels = values.shape[:1]
    return values.reshape(*channels, *shape), grid_of_layer(layer)
