"""Several layers, or one layer with an axis of channels, as one image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import ImageError
from specimen_unet.viewer.layer_checks import (
    COLOURS,
    FRAME,
    check_image_layer,
    check_same_place,
    frame_value,
    level_zero,
    spatial_shape,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = ("red", "green", "blue")
# More channels than this are rather slices: the axis was mistaken.
_MOST_CHANNELS = 64
_EVERY = 997  # no divisor of what rows are long


def channels_of(image: Any, channel_axis: int | None = None) -> list[Any]:
    """List the channels of an image, each as a layer of its own.

    Parameters
    ----------
    image : layer, or sequence of layers
        Layers of one shape and place are one channel each.
    channel_axis : int, optional
        Which axis of a single layer are channels; -1 for the colours of an RGB layer.

    Returns
    -------
    list of layer or alike
        With the voxels of the layers, not copies.

    Raises
    ------
    ImageError
        If there is no layer, or no such axis.
    """
    layers = list(image) if isinstance(image, list | tuple) else [image]
    if not layers:
        raise ImageError("No image layer was given: give one, or one for each channel.")
    if channel_axis is None:
        return layers
    if len(layers) > 1:
        raise ImageError(
            f"{len(layers)} layers and channel_axis={channel_axis} were given: give "
            "one layer with an axis of channels, or several layers without."
        )
    return _along(layers[0], channel_axis)


def channels_in(layers: Sequence[Any]) -> list[Any]:
    """List the channels of layers: three of an RGB layer, one of any other.

    An RGB layer whose colours are alike is really gray, and one channel. Colours that
    are not loaded yet (dask, zarr) are taken to differ.

    Parameters
    ----------
    layers : sequence of layer
        Of one image.

    Returns
    -------
    list of layer or alike
        With the voxels of the layers, not copies.
    """
    return [channel for layer in layers for channel in _colours(layer)]


def check_channels(layers: Sequence[Any]) -> None:
    """Check that layers can be the channels of one image.

    Raises
    ------
    ImageError, GridMismatchError
        If one of them is no image, is there twice, or has another shape, scale or
        place than the first.
    """
    for number, layer in enumerate(layers):
        check_image_layer(layer)
        if any(layer is other for other in layers[:number]):
            raise ImageError(
                f"The layer {layer.name!r} was chosen for two channels: choose another "
                "one for each."
            )
        check_same_channel(layer, layers[0])


def check_same_channel(layer: Any, first: Any) -> None:
    """Check that a layer lies on the first channel voxel by voxel.

    Raises
    ------
    ImageError
        If it has another shape.
    GridMismatchError
        If it has another scale or place.
    """
    if spatial_shape(layer) != spatial_shape(first):
        raise ImageError(
            f"The channel {layer.name!r} is {spatial_shape(layer)} voxels but "
            f"{first.name!r} is {spatial_shape(first)}: choose channels of one image."
        )
    if layer is not first:
        check_same_place(layer, first, "The channel")


def _colours(layer: Any) -> list[Any]:
    """Return the colours of an RGB layer, one if they are alike; else the layer."""
    if not getattr(layer, "rgb", False):
        return [layer]
    colours = _along(layer, -1)
    if not _are_alike(level_zero(layer)):
        return colours
    colours[0].name = str(layer.name)
    return colours[:1]


def _are_alike(voxels: Any) -> bool:
    """Tell whether all colours (..., 3 or 4) are the same; colours not loaded are not.

    A few voxels tell a real colour image, so that large ones are not searched whole.
    """
    if not isinstance(voxels, np.ndarray):
        return False
    pixels = voxels.reshape(-1, voxels.shape[-1])[:, :COLOURS]
    return all((part == part[:, :1]).all() for part in (pixels[::_EVERY], pixels))


def _along(layer: Any, axis: int) -> list[Any]:
    """Cut a layer into its channels."""
    voxels = level_zero(layer)
    is_rgb = bool(getattr(layer, "rgb", False))
    wanted = axis + voxels.ndim if axis < 0 else axis
    if not 0 <= wanted < voxels.ndim or (is_rgb and wanted != voxels.ndim - 1):
        expected = "-1 (its colours)" if is_rgb else f"0 to {voxels.ndim - 1}"
        raise ImageError(
            f"The layer {layer.name!r} of the shape {tuple(voxels.shape)} has no "
            f"channel_axis {axis}: {expected} was expected."
        )
    count = int(voxels.shape[wanted])
    if count > _MOST_CHANNELS:
        raise ImageError(
            f"The layer {layer.name!r} would have {count} channels along axis {axis}: "
            "choose the axis of its channels."
        )
    names = _NAMES if is_rgb else [str(number) for number in range(count)]
    before = (slice(None),) * wanted
    return [
        SimpleNamespace(
            name=f"{layer.name} [{name}]",
            data=voxels[(*before, number)],
            **_frame_without(layer, None if is_rgb else wanted),
        )
        for number, name in enumerate(names)
    ]


def _frame_without(layer: Any, axis: int | None) -> dict[str, Any]:
    """Return where a layer lies, along all axes but one."""
    frame = {key: frame_value(layer, key) for key in FRAME if hasattr(layer, key)}
    if axis is None:
        return frame
    frame.pop("shear", None)  # tells of pairs of axes; sheared channels are unheard of
    for key in ("units", "axis_labels"):
        if isinstance(frame.get(key), tuple | list):
            frame[key] = tuple(v for n, v in enumerate(frame[key]) if n != axis)
    for key, value in frame.items():
        if isinstance(value, np.ndarray):
            for along in range(value.ndim):
                value = np.delete(value, axis, axis=along)
            frame[key] = value
    return frame
