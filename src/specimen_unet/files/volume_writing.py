"""Volumes written through SimpleITK, in millimetres and where their image lies."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.volumes import Place

# Where NIfTI-1 has the unit, and the codes of its two kinds of coordinates.
_UNIT_AT, _CODES_AT = 123, 252


def write_volume(
    path: str | Path,
    image: Array,
    grid: Grid,
    *,
    compress: bool = False,
    place: Place | None = None,
) -> None:
    """Write a volume, whole or not at all, with its spacing in millimetres.

    Parameters
    ----------
    path : str or Path
        Ends with ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``.
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as in `grid`.
    grid : Grid
        Spacing and unit. In pixels, the file names no unit.
    compress : bool
        Without loss; of NIfTI the suffix alone decides.
    place : Place, optional
        Where the image lies that the labels belong to, so that other programs show
        the two on one another.

    Raises
    ------
    GridMismatchError
        If the unit is no length, or `place` is that of another shape.
    """
    path = Path(path)
    has_channels = image.ndim > grid.dimensions
    if has_channels:
        image = np.moveaxis(image, 0, -1)
    volume: Any = SimpleITK.GetImageFromArray(_storable(image), isVector=has_channels)
    if place is not None:
        _put(volume, place)
    in_mm = grid if grid.unit == "pixel" else grid.in_unit("mm")
    volume.SetSpacing(tuple(reversed(in_mm.spacing)))
    with replaced(path) as temporary:
        SimpleITK.WriteImage(volume, str(temporary), compress)
        suffix = path.suffix.lower()
        if suffix == ".nrrd":
            names = " ".join([f'"{in_mm.unit}"'] * grid.dimensions)
            _insert(temporary, b"\n\n", f"\nspace units: {names}")
        elif suffix == ".mha":
            unit = "?" if in_mm.unit == "pixel" else "mm"
            _insert(temporary, b"ElementDataFile", f"DistanceUnits = {unit}\n")
        elif in_mm.unit == "pixel":
            _forget_unit(temporary)


def _storable(image: Array) -> Array:
    """Bring numbers to a type that NIfTI knows, without changing them."""
    if image.dtype.kind == "b":
        return image.astype(np.uint8)
    if image.dtype == np.float16:
        return image.astype(np.float32)
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def _put(volume: Any, place: Place) -> None:
    if place.size != volume.GetSize():
        raise GridMismatchError(
            f"The volume is {volume.GetSize()} voxels (X first) but its image is "
            f"{place.size}: name the image that the labels belong to."
        )
    volume.SetOrigin(place.origin)
    volume.SetDirection(place.direction)


def _insert(path: Path, before: bytes, text: str) -> None:
    """Put a line into a header that is text, in front of the first `before`."""
    whole = path.with_name(f"{path.name}-whole")
    path.replace(whole)
    try:
        with whole.open("rb") as file, path.open("wb") as out:
            start = file.read(2**12)
            head, mark, rest = start.partition(before)
            out.write(head + text.encode() + mark + rest)
            shutil.copyfileobj(file, out)
    finally:
        whole.unlink(missing_ok=True)


def _forget_unit(path: Path) -> None:
    """Have a NIfTI file name no unit; ITK always writes millimetres."""
    is_packed = path.suffix.lower() == ".gz"
    content = path
    if is_packed:
        content = path.with_name(f"{path.name}-plain")
        with gzip.open(path) as packed, content.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    try:
        with content.open("r+b") as file:
            file.seek(_UNIT_AT)
            file.write(b"\0")
            file.seek(_CODES_AT)
            file.write(struct.pack("<2h", 0, 0))
        if is_packed:
            with content.open("rb") as plain, gzip.open(path, "wb", 6) as packed:
                shutil.copyfileobj(plain, packed)
    finally:
        if is_packed:
            content.unlink(missing_ok=True)
