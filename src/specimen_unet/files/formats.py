"""The table of formats: which suffix is read and written by what.

A new format is one row: how it is read, and, where it can be, how it is written and
where in a scanner its volumes lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.dicom import is_dicom_folder, place_of_dicom, read_dicom
from specimen_unet.files.pictures import (
    read_picture,
    read_picture_labels,
    write_picture,
)
from specimen_unet.files.tiff import read_tiff, write_tiff
from specimen_unet.files.volume_writing import write_volume
from specimen_unet.files.volumes import place_of_volume, read_volume
from specimen_unet.files.zarr_format import (
    is_zarr,
    load_zarr_labels,
    read_zarr_image,
    write_zarr_folder,
    zarr_level,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.questions import Answers, Reading
    from specimen_unet.files.volumes import Place

    class Write(Protocol):
        """Writes an image, whole or not at all."""

        def __call__(
            self,
            path: Path,
            image: Array,
            grid: Grid,
            *,
            compress: bool,
            place: Place | None,
        ) -> None:
            """`place` is where the image lies that labels belong to."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to store images.

    Attributes
    ----------
    name : str
        What people call it.
    suffixes : tuple of str
        Longer ones first: the stem of "032.nii.gz" is "032".
    read : callable
        ``(path, answers) -> Reading``.
    read_labels : callable
        The same, where labels are stored in a way of their own.
    write : callable
        ``(path, image, grid, compress=, place=)``; None for what is only read.
    place : callable
        ``(path, answers) -> Place``: where a volume lies; None for what lies nowhere.
    level : callable
        ``(path, level) -> path``: where a resolution lies; None where there is one.
    labels_suffix : str
        What labels of such an image are called; "" when they can be stored alike.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Answers], Reading]
    read_labels: Callable[[Path, Answers], Reading] | None = None
    write: Write | None = None
    place: Callable[[Path, Answers], Place | None] | None = None
    level: Callable[[Path, int], Path] | None = None
    labels_suffix: str = ""


def _write_tiff(
    path: Path, image: Array, grid: Grid, *, compress: bool, place: Place | None
) -> None:
    """TIFF has no place in a scanner."""
    del place
    write_tiff(path, image, grid, compress=compress)


def _write_picture(
    path: Path, image: Array, grid: Grid, *, compress: bool, place: Place | None
) -> None:
    """PNG is always compressed, and lies nowhere."""
    del compress, place
    write_picture(path, image, grid)


TIFF = Format(
    "TIFF",
    (".ome.tiff", ".ome.tif", ".tiff", ".tif"),
    read_tiff,
    write=_write_tiff,
)
NIFTI = Format(
    "NIfTI",
    (".nii.gz", ".nii"),
    read_volume,
    write=write_volume,
    place=place_of_volume,
)
NRRD = Format(
    "NRRD", (".nrrd",), read_volume, write=write_volume, place=place_of_volume
)
NRRD_IN_PARTS = Format(
    "NRRD", (".nhdr",), read_volume, place=place_of_volume, labels_suffix=".nrrd"
)
META = Format(
    "MetaImage", (".mha",), read_volume, write=write_volume, place=place_of_volume
)
META_IN_PARTS = Format(
    "MetaImage", (".mhd",), read_volume, place=place_of_volume, labels_suffix=".mha"
)
PNG = Format("PNG", (".png",), read_picture, read_picture_labels, _write_picture)
PICTURE = Format(
    "JPEG or BMP",
    (".jpeg", ".jpg", ".bmp"),
    read_picture,
    read_picture_labels,
    labels_suffix=".png",
)
DICOM = Format(
    "DICOM",
    (".dicom", ".dcm", ".ima"),
    read_dicom,
    place=place_of_dicom,
    labels_suffix=".nii.gz",
)
ZARR = Format(
    "OME-Zarr",
    (".ome.zarr", ".zarr"),
    read_zarr_image,
    load_zarr_labels,
    write_zarr_folder,
    level=zarr_level,
)
FORMATS = (
    *(TIFF, NIFTI, NRRD, NRRD_IN_PARTS, META, META_IN_PARTS),
    *(PNG, PICTURE, DICOM, ZARR),
)
IN_COLOURS = (PNG, PICTURE, DICOM)
"""Formats whose three channels are red, green and blue."""
SUFFIXES = tuple(suffix for format_ in FORMATS for suffix in format_.suffixes)
WRITTEN = tuple(
    suffix for format_ in FORMATS if format_.write for suffix in format_.suffixes
)
_BY_SUFFIX = {suffix: each for each in FORMATS for suffix in each.suffixes}


def image_suffix(name: str) -> str:
    """Return the suffix of an image file as it is written; "" for any other file."""
    known = (suffix for suffix in SUFFIXES if name.lower().endswith(suffix))
    length = len(next(known, ""))
    return name[len(name) - length :]


def is_one_image(path: Path) -> bool:
    """Tell a file, or a folder that is one image, from a folder of images."""
    return not path.is_dir() or is_zarr(path) or is_dicom_folder(path)


def format_of(path: str | Path) -> Format:
    """Choose the format of a file by its suffix, of a folder: OME-Zarr or DICOM.

    Raises
    ------
    CaseReadError
        If the suffix is that of no format.
    """
    path = Path(path)
    suffix = image_suffix(path.name).lower()
    if suffix:
        return _BY_SUFFIX[suffix]
    if is_zarr(path):  # a level or labels inside of it
        return ZARR
    if path.is_dir():
        return DICOM
    raise CaseReadError(
        f"{path} is of a kind that is not known: images end with "
        f"{', '.join(reversed(SUFFIXES))}. Export it as one of those."
    )
