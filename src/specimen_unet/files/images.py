"""One door to images and labels on disk, whatever the format; the suffix chooses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.tiff import read_tiff, write_tiff
from specimen_unet.files.volumes import read_nifti, write_nifti

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

# Longer ones first: the stem of "032.nii.gz" is "032".
TIFF_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif")
NIFTI_SUFFIXES = (".nii.gz", ".nii")
SUFFIXES = (*TIFF_SUFFIXES, *NIFTI_SUFFIXES)


def image_suffix(name: str) -> str:
    """Return the suffix of an image file as it is written; "" for any other file."""
    known = (suffix for suffix in SUFFIXES if name.lower().endswith(suffix))
    length = len(next(known, ""))
    return name[len(name) - length :]


def image_stem(name: str) -> str:
    """Return the name of an image file without its suffix."""
    return name[: len(name) - len(image_suffix(name))]


def read_image(path: str | Path) -> tuple[Array, Grid]:
    """Read an image with its grid.

    Parameters
    ----------
    path : str or Path
        A TIFF (ImageJ, OME, plain) or NIfTI file.

    Returns
    -------
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as many axes as `grid` has.
    grid : Grid
        In pixels when the file does not say what a voxel measures.

    Raises
    ------
    CaseReadError
        If the file cannot be read, or does not hold one 2D or 3D image.
    """
    path = Path(path)
    return read_tiff(path) if _is_tiff(path) else read_nifti(path)


def read_labels(path: str | Path) -> tuple[Array, Grid]:
    """Read labels with their grid.

    Whole numbers that are stored as real ones become integers. Of a colour picture
    of labels (all channels alike) one channel is taken.

    Parameters
    ----------
    path : str or Path
        A TIFF or NIfTI file.

    Returns
    -------
    labels : ndarray of int, shape (*spatial)
        Whole numbers from 0 up.
    grid : Grid
        In pixels when the file does not say what a voxel measures.

    Raises
    ------
    CaseReadError
        If the file cannot be read, or holds no labels.
    """
    image, grid = read_image(path)
    return as_labels(image, grid, path), grid


def as_labels(image: Array, grid: Grid, path: str | Path) -> Array:
    """Turn what `read_image` read into labels, or say why it is none.

    Raises
    ------
    CaseReadError
        As `read_labels` does; `path` is named in it.
    """
    path = Path(path)
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
        ``.tif`` (ImageJ), ``.ome.tif``, ``.nii`` or ``.nii.gz``.
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as in `grid`.
    grid : Grid
        Spacing and unit; NIfTI keeps lengths as millimetres.

    Raises
    ------
    CaseReadError
        If the suffix is not known, or the numbers do not fit the format.
    GridMismatchError
        If the unit is no length and the format is NIfTI.
    """
    path = Path(path)
    if _is_tiff(path):
        write_tiff(path, image, grid)
    else:
        write_nifti(path, image, grid)


def write_labels(
    path: str | Path, labels: Array, grid: Grid, *, like: str | Path | None = None
) -> None:
    """Write labels, whole or not at all, with their spacing and unit.

    uint8 and uint16 stay what they are; other integers become the smallest type
    that holds them.

    Parameters
    ----------
    path : str or Path
        ``.tif`` (ImageJ), ``.ome.tif``, ``.nii`` or ``.nii.gz``.
    labels : ndarray of int, shape (*spatial)
        Whole numbers from 0 up.
    grid : Grid
        Spacing and unit; NIfTI keeps lengths as millimetres.
    like : str or Path, optional
        The image the labels belong to. When both are NIfTI, its place and direction
        in the scanner are kept too.

    Raises
    ------
    CaseReadError
        If the suffix is not known, or `like` cannot be read.
    GridMismatchError
        If the unit is no length and the format is NIfTI, or `like` has another
        shape.
    """
    path = Path(path)
    if labels.dtype.name not in ("uint8", "uint16"):
        labels = labels.astype(np.min_scalar_type(int(labels.max(initial=0))))
    if _is_tiff(path):
        write_tiff(path, labels, grid, compress=True)
        return
    is_volume = like is not None and image_suffix(Path(like).name) in NIFTI_SUFFIXES
    write_nifti(path, labels, grid, like=like if is_volume else None)


def _is_tiff(path: Path) -> bool:
    """Tell TIFF from NIfTI; anything else is an error."""
    suffix = image_suffix(path.name).lower()
    if not suffix:
        raise CaseReadError(
            f"{path} is of a kind that is not known: images end with "
            f"{', '.join(reversed(SUFFIXES))}. Export it as one of those."
        )
    return suffix in TIFF_SUFFIXES


def _one_channel(labels: Array, path: Path) -> Array:
    if not (labels == labels[:1]).all():
        raise CaseReadError(
            f"{path} has {len(labels)} channels that differ, but labels have none: "
            "choose a file of labels, or save one channel of it."
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
