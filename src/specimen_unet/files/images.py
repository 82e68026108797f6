"""One door to images and labels on disk, whatever the format; the suffix chooses.

`read_image` gives an image and its grid, `open_image` also what the file leaves open
(see `questions`). Both take answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.formats import (
    IN_COLOURS,
    NIFTI,
    SUFFIXES,
    TIFF,
    WRITTEN,
    format_of,
    image_suffix,
    is_one_image,
)
from specimen_unet.files.questions import NO_ANSWERS, Answers, Reading, answer_spacing
from specimen_unet.files.tiff import tiff_kind

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.volumes import Place

__all__ = [
    "NIFTI_SUFFIXES",
    "SUFFIXES",
    "TIFF_SUFFIXES",
    "WRITTEN",
    "as_labels",
    "has_colours",
    "image_stem",
    "image_suffix",
    "is_one_image",
    "labels_suffix",
    "open_image",
    "probabilities_suffix",
    "read_image",
    "read_labels",
    "write_image",
    "write_labels",
]

TIFF_SUFFIXES = TIFF.suffixes
NIFTI_SUFFIXES = NIFTI.suffixes


def image_stem(name: str) -> str:
    """Return the name of an image file without its suffix."""
    return name[: len(name) - len(image_suffix(name))]


def labels_suffix(name: str) -> str:
    """Return the suffix for labels of an image: its own, where that keeps numbers.

    Labels of a JPEG are a PNG, those of DICOM (a file or a folder) are NIfTI.
    """
    suffix = image_suffix(name)
    other = format_of(name).labels_suffix if suffix else ".nii.gz"
    return other or suffix


def probabilities_suffix(name: str) -> str:
    """Return the suffix for real numbers on an image: that of its labels, or TIFF."""
    suffix = labels_suffix(name)
    return ".tif" if suffix.lower() == ".png" else suffix


def has_colours(path: str | Path) -> bool:
    """Tell whether the three channels of an image are red, green and blue."""
    kind = format_of(path)
    return tiff_kind(path) == "colour" if kind is TIFF else kind in IN_COLOURS


def read_image(
    path: str | Path, answers: Answers = NO_ANSWERS, *, level: int = 0
) -> tuple[Array, Grid]:
    """Read an image with its grid.

    Parameters
    ----------
    path : str or Path
        A TIFF (ImageJ, OME, plain), NIfTI, NRRD, MetaImage, PNG, JPEG, BMP or DICOM
        file, a folder of DICOM slices, or an OME-Zarr folder (read lazily).
    answers : mapping, optional
        To what the file leaves open: ``{"spacing": "0.5 0.1 0.1 mm"}``,
        ``{"stack": "channels"}``, ``{"series": "1.2.840..."}``.
    level : int
        Of an image in several resolutions (OME-Zarr); 0 is the full one.

    Returns
    -------
    image : ndarray or dask.array.Array, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as many axes as `grid` has.
    grid : Grid
        In pixels when nobody says what a voxel measures.

    Raises
    ------
    CaseReadError
        If the file cannot be read, does not hold one 2D or 3D image, has no such
        level, or an answer is none.
    """
    image, grid, _ = open_image(path, answers, level=level)
    return image, grid


def open_image(
    path: str | Path, answers: Answers = NO_ANSWERS, *, level: int = 0
) -> Reading:
    """Read an image with its grid and with what the file leaves open.

    As `read_image`, for those who can ask a person: `Reading.questions` says what was
    taken without being said.
    """
    path = _at_level(Path(path), level)
    return answer_spacing(format_of(path).read(path, answers), answers)


def read_labels(
    path: str | Path, answers: Answers = NO_ANSWERS, *, level: int = 0
) -> tuple[Array, Grid]:
    """Read labels with their grid.

    Whole numbers that are stored as real ones become integers. Of a picture with a
    palette the numbers are taken; of a colour picture of labels (all channels alike)
    one channel.

    Parameters
    ----------
    path : str or Path
        A file of any format.
    answers, level
        As in `read_image`.

    Returns
    -------
    labels : ndarray of int, shape (*spatial)
        Whole numbers from 0 up.
    grid : Grid
        In pixels when nobody says what a voxel measures.

    Raises
    ------
    CaseReadError
        If the file cannot be read, or holds no labels.
    """
    path = _at_level(Path(path), level)
    kind = format_of(path)
    reading = (kind.read_labels or kind.read)(path, answers)
    image, grid, _ = answer_spacing(reading, answers)
    return as_labels(image, grid, path), grid


def as_labels(image: Array, grid: Grid, path: str | Path) -> Array:
    """Turn what `read_image` read into labels, or say why it is none.

    Raises
    ------
    CaseReadError
        As `read_labels` does; `path` is named in it.
    """
    path = Path(path)
    image = np.asarray(image)  # a store gives it block by block
    labels = _one_channel(image, path) if image.ndim > grid.dimensions else image
    if labels.dtype.kind == "f":
        labels = _whole_numbers(labels, path)
    if labels.dtype.kind not in "bui" or labels.min(initial=0) < 0:
        raise CaseReadError(
            f"{path} holds {labels.dtype} values down to {labels.min()}, but labels "
            "are whole numbers from 0 up: choose a file of labels."
        )
    return labels.view(np.uint8) if labels.dtype.kind == "b" else labels


def write_image(path: str | Path, image: Array, grid: Grid) -> None:
    """Write an image, whole or not at all, with its spacing and unit.

    Parameters
    ----------
    path : str or Path
        ``.tif`` (ImageJ), ``.ome.tif``, ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``
        or ``.png``.
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as in `grid`.
    grid : Grid
        Spacing and unit; all but TIFF and PNG keep lengths as millimetres.

    Raises
    ------
    CaseReadError
        If the suffix is not known or only read, or the numbers do not fit the format.
    GridMismatchError
        If the unit is no length and the format keeps millimetres.
    """
    _write(Path(path), image, grid)


def write_labels(
    path: str | Path,
    labels: Array,
    grid: Grid,
    *,
    like: str | Path | None = None,
    answers: Answers = NO_ANSWERS,
) -> None:
    """Write labels, whole or not at all, with their spacing and unit.

    uint8 and uint16 stay what they are; other integers become the smallest type
    that holds them.

    Parameters
    ----------
    path : str or Path
        As in `write_image`.
    labels : ndarray of int, shape (*spatial)
        Whole numbers from 0 up.
    grid : Grid
        Spacing and unit; all but TIFF and PNG keep lengths as millimetres.
    like : str or Path, optional
        The image the labels belong to. Where both formats know of scanners (NIfTI,
        NRRD, MetaImage; DICOM as the image), its place and direction are kept too.
    answers : mapping, optional
        With which that image is read: a folder may hold several series.

    Raises
    ------
    CaseReadError
        If the suffix is not known or only read, or `like` cannot be read.
    GridMismatchError
        If the unit is no length and the format keeps millimetres, or `like` has
        another shape.
    """
    path = Path(path)
    if labels.dtype.name not in ("uint8", "uint16"):
        labels = labels.astype(np.min_scalar_type(int(labels.max(initial=0))))
    place = None
    if like is not None and format_of(path).place:
        find_place = format_of(like).place
        place = find_place(Path(like), answers) if find_place else None
    _write(path, labels, grid, compress=True, place=place)


def _write(
    path: Path,
    image: Array,
    grid: Grid,
    *,
    compress: bool = False,
    place: Place | None = None,
) -> None:
    kind = format_of(path)
    if kind.write is None:
        raise CaseReadError(
            f"{path} is {kind.name}, which is only read: give it a name that ends with "
            f"{', '.join(reversed(WRITTEN))}."
        )
    kind.write(path, image, grid, compress=compress, place=place)


def _at_level(path: Path, level: int) -> Path:
    """Return where a level of an image lies: its own place for the full one."""
    if level == 0:
        return path
    kind = format_of(path)
    if kind.level is None:
        raise CaseReadError(
            f"{path} is {kind.name}, which has one resolution, but level {level} was "
            "asked for: leave the level out, or choose an OME-Zarr image."
        )
    return kind.level(path, level)


def _one_channel(labels: Array, path: Path) -> Array:
    if not (labels == labels[:1]).all():
        raise CaseReadError(
            f"{path} has {len(labels)} channels that differ, but labels have none: "
            "choose a file of labels, or save one channel of it. A folder of labels "
            "in colours is read as cases, where each colour is given a number."
        )
    return np.ascontiguousarray(labels[0])


def _whole_numbers(labels: Array, path: Path) -> Array:
    odd = labels[~(np.isfinite(labels) & (labels == np.rint(labels)))]
    if odd.size:
        raise CaseReadError(
            f"{path} holds the value {odd[0]:g}, but labels are whole numbers: "
            "choose a file of labels, not of gray values or probabilities."
        )
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    return labels.astype(np.min_scalar_type(high if low >= 0 else low))
