"""What a TIFF file says about the size of its voxels.

ImageJ: width and height of a pixel from the resolution tags, distance of slices
from ``spacing``, the unit from ``unit``. OME: ``PhysicalSizeX`` and so on. A plain
TIFF says nothing: its resolution tags are meant for printers (72 dots per inch),
so that a voxel is 1 pixel.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.grid import Grid, short_unit
from specimen_unet.files.cautions import SpacingWarning

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile

Calibration = dict[str, tuple[float, str]]
"""Axis letter -> size of a voxel along it, and the unit of that."""

_SOME_AXES = "tells the size of a voxel for some axes only"
_NO_UNIT = 1  # the value of the tag ResolutionUnit when there is none


def grid_of_tiff(tiff: tifffile.TiffFile, axes: str, path: Path) -> tuple[Grid, str]:
    """Read the grid of the first image of a TIFF file.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        The open file.
    axes : str
        The spatial axes as stored, "YX" or "ZYX"; the slices of "TYX", "QYX" or
        "CYX" were told to be something else.
    path : Path
        Named in warnings.

    Returns
    -------
    grid : Grid
        In pixels when the file says nothing.
    why : str
        What is not known of it, "does not say ..."; "" when the file says it all.

    Warns
    -----
    SpacingWarning
        If the file tells the size of a voxel along some axes only.
    """
    if tiff.is_imagej:
        known = _imagej(tiff)
    elif tiff.is_ome:
        known = _ome(tiff.ome_metadata or "")
    else:
        known = {}
    if not known:
        return _one_pixel(axes), "does not say what a voxel measures"
    why = ""
    if len(axes) == 3 and "Z" in known:
        axes = f"Z{axes[1:]}"
    if {unit for _, unit in known.values()} == {"pixel"}:
        known.setdefault(axes[0], (1.0, "pixel"))
        why = "names no unit of length"
    elif axes[0] == "Z" and "Z" not in known and tiff.is_imagej:
        known["Z"] = (1.0, _imagej_default(known["X"][1], path))
        why = "does not say how far its slices are apart"
    grid = _grid(known, axes, path)
    return (grid, why) if grid else (_one_pixel(axes), _SOME_AXES)


def _one_pixel(axes: str) -> Grid:
    return Grid((1.0,) * len(axes))


def _grid(known: Calibration, axes: str, path: Path) -> Grid | None:
    """Bring what is known to one unit, or say that it is not enough."""
    try:
        return Grid.of_axes(
            [known[axis][0] for axis in axes], [known[axis][1] for axis in axes]
        )
    except (KeyError, GridMismatchError):
        told = ", ".join(
            f"{axis} {step:g} {unit}" for axis, (step, unit) in known.items()
        )
        _warn(
            f"{path} tells the size of a voxel for some axes only ({told}): taken as "
            "1 pixel along every axis. Set the scale in the program that made it."
        )
    return None


def _imagej_default(unit: str, path: Path) -> str:
    """Say that slices are 1 unit apart, as ImageJ does without ``spacing``."""
    _warn(
        f"{path} does not say how far its slices are apart: taken as 1 {unit}, as "
        "ImageJ does. If that is wrong, set Voxel depth in ImageJ (Image > Properties)."
    )
    return unit


def _warn(message: str) -> None:
    warnings.warn(message, SpacingWarning, stacklevel=2)


def _imagej(tiff: tifffile.TiffFile) -> Calibration:
    metadata: dict[str, Any] = tiff.imagej_metadata or {}
    unit = _unescaped(str(metadata.get("unit", "")))
    units = {
        axis: short_unit(_unescaped(str(metadata.get(f"{axis.lower()}unit", unit))))
        for axis in "XYZ"
    }
    known: Calibration = {}
    for axis in "XY":
        step = _pixel_size(tiff, f"{axis}Resolution", units[axis])
        if step:
            known[axis] = (step, units[axis])
    spacing = metadata.get("spacing", 0)
    if isinstance(spacing, int | float) and spacing:
        known["Z"] = (abs(float(spacing)), units["Z"])
    return known if {"X", "Y"} <= known.keys() else {}


def _pixel_size(tiff: tifffile.TiffFile, tag: str, unit: str) -> float | None:
    """Turn pixels per unit into units per pixel; None if the tag makes no sense."""
    tags = tiff.pages.first.tags
    for_print = int(tags.valueof("ResolutionUnit", _NO_UNIT)) != _NO_UNIT
    if tag not in tags or (unit == "pixel" and for_print):
        return 1.0 if unit == "pixel" else None
    pixels, units = tags[tag].value
    # A rational number keeps some ten digits: 0.1 shall come back as 0.1.
    return float(f"{units / pixels:.10g}") if pixels and units else None


def _unescaped(text: str) -> str:
    r"""Undo ImageJ's way of writing what is not ASCII, ``\u00B5m``."""
    return re.sub(
        r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text.strip()
    )


def _ome(xml: str) -> Calibration:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return {}
    sizes = {axis: pixels.get(f"PhysicalSize{axis}") for axis in "XYZ"}
    return {
        axis: (
            float(size),
            short_unit(pixels.get(f"PhysicalSize{axis}Unit", "µm")),
        )
        for axis, size in sizes.items()
        if size is not None
    }
