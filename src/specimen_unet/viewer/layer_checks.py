"""Whether layers can be worked with, told in the words of who chose them.

Cheap enough to run on every choice: lazily loaded voxels (dask, zarr) are not
touched, their values are checked when they are copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    NoAnnotationError,
)
from specimen_unet.domain.gray_values import check_gray_values
from specimen_unet.domain.grid import LENGTHS, Grid

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

FRAME = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")

COLOURS = 3
"""Of an RGB layer; a fourth value of a pixel is its transparency."""

_COPY_FRAME = (
    "If the two belong together, right-click the image layer > Copy scale and "
    "transforms > Copy all to clipboard, then right-click the other layer > Apply "
    "scale/transforms from Clipboard."
)


def check_image_layer(layer: Any) -> None:
    """Check that a layer holds one 2D or 3D image, gray or in colours.

    Raises
    ------
    ImageError
        If it has other than 2 or 3 axes, or holds no numbers, NaN, infinity, or one
        value everywhere.
    GridMismatchError
        If its scale is not positive or its axes have units that do not go together.
    """
    shape = spatial_shape(layer)
    if len(shape) not in (2, 3):
        raise ImageError(
            f"The layer {layer.name!r} has {len(shape)} axes {shape}, but 2 (Y, X) "
            "or 3 (Z, Y, X) were expected: right-click it > Split Stack, and choose "
            "one of the parts, or all as the channels of one image."
        )
    grid_of_layer(layer)
    _check_kind_of_values(layer)
    data = level_zero(layer)
    if isinstance(data, np.ndarray):
        if getattr(layer, "rgb", False):
            data = data[..., :COLOURS]
        check_gray_values(data, f"The layer {layer.name!r}")


def check_labels_layer(
    layer: Any, image_layer: Any, *, may_be_empty: bool = False
) -> None:
    """Check that a layer holds labels drawn on an image layer.

    Parameters
    ----------
    layer : napari.layers.Labels or alike
        The labels.
    image_layer : napari.layers.Image or alike
        The image; ask `check_image_layer` about it first.
    may_be_empty : bool
        Whether labels on which nothing is painted will do (to be compared, say).

    Raises
    ------
    GridMismatchError
        If shape, scale or place differ from the image's, or the labels are not
        whole numbers from 0 up.
    NoAnnotationError
        If nothing is painted.
    """
    shape, image_shape = spatial_shape(layer), spatial_shape(image_layer)
    if shape != image_shape:
        raise GridMismatchError(
            f"The labels {layer.name!r} are {shape} voxels but the image "
            f"{image_layer.name!r} is {image_shape}: choose labels that were drawn "
            "on this image."
        )
    _check_whole_numbers(layer)
    check_same_place(layer, image_layer, "The labels")
    data = level_zero(layer)
    if isinstance(data, np.ndarray):
        _check_label_values(data, layer.name, may_be_empty)


def level_zero(layer: Any) -> Any:
    """Return the voxels of a layer at full resolution, loaded or not."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def spatial_shape(layer: Any) -> tuple[int, ...]:
    """Return the shape without colours and leading axes of length 1, over three."""
    shape = tuple(int(size) for size in level_zero(layer).shape)
    if getattr(layer, "rgb", False):
        shape = shape[:-1]
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    return shape


def grid_of_layer(layer: Any) -> Grid:
    """Return spacing and unit of the spatial axes of a layer.

    A mirrored axis (negative scale) has a positive spacing, and whatever the
    affine transform stretches counts. Axes in different units are brought to the
    unit of the last one. Without a unit it is "pixel".

    Raises
    ------
    GridMismatchError
        If a scale is 0, or the units do not go together.
    """
    axes = len(spatial_shape(layer))
    scale = getattr(layer, "scale", None)
    spacing = np.abs(np.ones(axes) if scale is None else scale)[-axes:].astype(float)
    affine = frame_value(layer, "affine")
    if affine is not None:
        spacing = spacing * np.linalg.norm(affine[:-1, :-1], axis=0)[-axes:]
    return Grid.of_axes([_rounded(step) for step in spacing], units_of(layer, axes))


def frame_of_grid(grid: Grid) -> dict[str, Any]:
    """Put a grid into napari's words; units that are no length mean nothing to it."""
    unit = grid.unit if grid.unit in LENGTHS else "pixel"
    return {
        "scale": grid.spacing,
        "units": (unit,) * grid.dimensions,
        "axis_labels": tuple(axis.lower() for axis in grid.axes),
    }


def frame_value(layer: Any, key: str) -> Any:
    """Return a copy of one part of a layer's frame; None where it has none.

    napari keeps an affine object that is handed over: two layers would share it.
    """
    value = getattr(layer, key, None)
    if key == "affine" and value is not None:
        return np.array(getattr(value, "affine_matrix", value), dtype=float)
    return np.array(value) if isinstance(value, np.ndarray) else value


def _rounded(step: float) -> float:
    """Undo the noise of a norm: 0.09999999999999999 is meant to be 0.1."""
    return float(f"{step:.12g}")


def units_of(layer: Any, axes: int) -> list[str]:
    """Name the units of the last axes of a layer (pint units, names, or nothing)."""
    units = getattr(layer, "units", None)
    if units is None or isinstance(units, str):
        return [units or "pixel"] * axes
    return [str(unit) for unit in tuple(units)[-axes:]]


def _check_kind_of_values(layer: Any) -> None:
    dtype = np.dtype(level_zero(layer).dtype)
    if dtype.kind not in "buif":
        raise ImageError(
            f"The layer {layer.name!r} holds {dtype} values, but gray values must be "
            "integers or real numbers: choose another layer, or convert this one."
        )


def _check_whole_numbers(layer: Any) -> None:
    dtype = np.dtype(level_zero(layer).dtype)
    if dtype.kind not in "bui":
        raise GridMismatchError(
            f"The layer {layer.name!r} holds {dtype} values, but labels must be whole "
            "numbers: right-click it > Convert to Labels."
        )


def _check_label_values(data: Array, name: str, may_be_empty: bool) -> None:
    if data.size and data.min() < 0:
        raise GridMismatchError(
            f"The labels {name!r} go down to {data.min()}, but labels must be whole "
            "numbers from 0 up: repaint those voxels with another label."
        )
    if not may_be_empty and not data.any():
        raise NoAnnotationError(
            f"Nothing is painted on the labels layer {name!r}: paint the structure to "
            "be found with label 1, or choose another layer."
        )


def check_same_place(layer: Any, image_layer: Any, what: str) -> None:
    """Check that a layer lies on an image of its shape.

    Parameters
    ----------
    layer, image_layer : layer or alike
        Of one shape.
    what : str
        What the layer is, at the start of a sentence: "The labels".

    Raises
    ------
    GridMismatchError
        If scale or place differ.
    """
    grid, image_grid = grid_of_layer(layer), grid_of_layer(image_layer)
    in_one_unit = grid.unit == image_grid.unit
    if grid.can_be_in(image_grid.unit):
        grid = grid.in_unit(image_grid.unit)
    if not grid.same_spacing(image_grid):
        raise GridMismatchError(
            f"{what} {layer.name!r} has the scale {_told(grid)} but the image "
            f"{image_layer.name!r} has {_told(image_grid)}: choose one on the "
            f"scale of the image. {_COPY_FRAME}"
        )
    if in_one_unit and not _lie_together(layer, image_layer, min(grid.spacing)):
        raise GridMismatchError(
            f"{what} {layer.name!r} is moved, turned or sheared against the "
            f"image {image_layer.name!r}: choose one that lies on it. {_COPY_FRAME}"
        )


def _told(grid: Grid) -> str:
    return " x ".join(f"{step:g}" for step in grid.spacing) + f" {grid.unit}"


def _lie_together(first: Any, second: Any, step: float) -> bool:
    """Tell whether two layers in one unit are moved and turned alike."""
    axes = len(spatial_shape(first))
    return all(
        np.allclose(
            _of_last_axes(first, key, axes),
            _of_last_axes(second, key, axes),
            rtol=1e-3,
            atol=1e-2 * step,
        )
        for key in ("translate", "rotate", "shear", "affine")
        if hasattr(first, key) and hasattr(second, key)
    )


def _of_last_axes(layer: Any, key: str, axes: int) -> Array:
    """Return a part of the frame for the last axes; an affine has one row more."""
    value = np.asarray(frame_value(layer, key), dtype=float)
    size = axes + (key == "affine")
    return value[tuple(slice(-size, None) for _ in range(value.ndim))]
