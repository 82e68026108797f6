"""NIfTI volumes, through SimpleITK.

In memory the axes are (Z, Y, X) as the file stores its voxels: nothing is turned
towards left, right, front or back. A grid holds spacing and unit, not the place and
direction in the scanner: to keep those, name the volume that the labels belong to
when writing (`like`).
"""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.nifti_header import read_header
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

# Where NIfTI-1 has the unit, and the codes of its two kinds of coordinates.
_UNIT_AT, _CODES_AT = 123, 252


def read_nifti(path: str | Path) -> tuple[Array, Grid]:
    """Read a volume with its grid.

    Parameters
    ----------
    path : str or Path
        A ``.nii`` or ``.nii.gz`` file.

    Returns
    -------
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X); leading axes of length 1 beyond three are
        left out.
    grid : Grid
        In millimetres; in pixels when the file neither names a unit nor says where
        the volume lies.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, foreign, or holds more than one
        2D or 3D image.
    """
    path = Path(path)
    header = read_header(path)
    volume = _read(path)
    image = SimpleITK.GetArrayFromImage(volume)
    # Stored as float32: 0.1 comes as 0.10000000149 and shall be 0.1.
    spacing = [float(f"{step:.6g}") for step in reversed(volume.GetSpacing())]
    if volume.GetNumberOfComponentsPerPixel() > 1:
        image = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    while len(spacing) > 3 and image.shape[image.ndim - len(spacing)] == 1:
        image = np.squeeze(image, image.ndim - len(spacing))
        spacing = spacing[1:]
    if len(spacing) not in (2, 3):
        raise CaseReadError(
            f"{path} has {len(spacing)} axes {image.shape}, but one 2D or 3D image "
            "was expected: split it into one file a volume."
        )
    try:
        return image, Grid(tuple(spacing), "mm" if header.has_unit else "pixel")
    except GridMismatchError as error:
        raise CaseReadError(f"{path} has a wrong header. {error}") from error


def write_nifti(
    path: str | Path, image: Array, grid: Grid, *, like: str | Path | None = None
) -> None:
    """Write a volume, whole or not at all, with its spacing in millimetres.

    Parameters
    ----------
    path : str or Path
        Ends with ``.nii`` or ``.nii.gz``.
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as in `grid`.
    grid : Grid
        Spacing and unit. In pixels, the file names no unit.
    like : str or Path, optional
        A NIfTI file of the same shape: place and direction are taken from it, so
        that other programs show the two on one another.

    Raises
    ------
    CaseReadError
        If `like` cannot be read.
    GridMismatchError
        If the unit is no length, or `like` has another shape.
    """
    path = Path(path)
    has_channels = image.ndim > grid.dimensions
    if has_channels:
        image = np.moveaxis(image, 0, -1)
    volume = SimpleITK.GetImageFromArray(_storable(image), isVector=has_channels)
    if like is not None:
        _place(volume, Path(like))
    in_mm = grid if grid.unit == "pixel" else grid.in_unit("mm")
    _set_spacing(volume, in_mm)
    with replaced(path) as temporary:
        if grid.unit == "pixel":
            _write_without_unit(volume, temporary)
        else:
            SimpleITK.WriteImage(volume, str(temporary))


def _read(path: Path) -> Any:
    try:
        return SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        # The last line says what happened; before it come places in ITK's source.
        fault = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ")
        raise CaseReadError(
            f"{path} cannot be read as NIfTI ({fault}): export it again, with real or "
            "whole numbers as voxels."
        ) from error


def _storable(image: Array) -> Array:
    """Bring numbers to a type that NIfTI knows, without changing them."""
    if image.dtype.kind == "b":
        return image.astype(np.uint8)
    if image.dtype == np.float16:
        return image.astype(np.float32)
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def _set_spacing(volume: Any, grid: Grid) -> None:
    volume.SetSpacing(tuple(reversed(grid.spacing)))


def _place(volume: Any, like: Path) -> None:
    read_header(like)
    other = _read(like)
    if other.GetSize() != volume.GetSize():
        raise GridMismatchError(
            f"The volume is {volume.GetSize()} voxels (X first) but {like} is "
            f"{other.GetSize()}: name the image that the labels belong to."
        )
    volume.SetOrigin(other.GetOrigin())
    volume.SetDirection(other.GetDirection())


def _write_without_unit(volume: Any, path: Path) -> None:
    """Write a file that names no unit; ITK always writes millimetres."""
    plain = path.with_name(f"{path.name.partition('.nii')[0]}-plain.nii")
    try:
        SimpleITK.WriteImage(volume, str(plain))
        with plain.open("r+b") as file:
            file.seek(_UNIT_AT)
            file.write(b"\0")
            file.seek(_CODES_AT)
            file.write(struct.pack("<2h", 0, 0))
        if path.suffix.lower() != ".gz":
            plain.replace(path)
            return
        with plain.open("rb") as file, gzip.open(path, "wb", 6) as packed:
            shutil.copyfileobj(file, packed)
    finally:
        plain.unlink(missing_ok=True)
