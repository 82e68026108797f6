"""DICOM: a folder of slices, or one file, read through SimpleITK (GDCM).

A folder gives one volume a series. Which series is meant when there are several, and
whether slices with gaps between them are taken as if there were none, are questions.
Numbers are what the scanner means by them (rescale slope and intercept applied), not
turned into gray for a screen (MONOCHROME1 stays dark where it was stored so).

DICOM is read only: labels of it are written as NIfTI, NRRD or MHA that lie on it
(`place_of_dicom`).
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.cautions import SpacingWarning
from specimen_unet.files.dicom_header import check_dicom, is_dicom
from specimen_unet.files.dicom_slices import (
    Slice,
    in_order,
    read_slice_header,
    uneven,
    usual_gap,
)
from specimen_unet.files.questions import (
    NO_ANSWERS,
    Answers,
    Question,
    Reading,
    ask_spacing,
    chosen,
)
from specimen_unet.files.volumes import Place, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array


def read_dicom(path: str | Path, answers: Answers = NO_ANSWERS) -> Reading:
    """Read the volume of a series, or the image of one file.

    Parameters
    ----------
    path : str or Path
        A folder (not those within it), or one file.
    answers : mapping, optional
        ``{"series": UID}`` where a folder holds several, ``{"gaps": "ignore"}``
        where slices are not evenly apart.

    Returns
    -------
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X); colours that are alike are one channel.
    grid : Grid
        In mm; in pixels when the headers do not tell all of it.
    questions : tuple of Question
        "spacing" then.

    Raises
    ------
    UnansweredError
        If there are several series, or gaps, and no answer.
    CaseReadError
        If there is no DICOM, or it is damaged or no volume.

    Warns
    -----
    SpacingWarning
        If the headers tell the size of a pixel, but not how far slices are apart.
    """
    path = Path(path)
    slices, gaps = _slices(path, answers)
    image = _stacked(path, slices)
    grid, why = _grid(path, slices[0], gaps, image)
    if grid.dimensions == 2:
        image = image[..., 0, :, :]
    return Reading(image, grid, (ask_spacing(path, grid, why),) if why else ())


def place_of_dicom(path: str | Path, answers: Answers = NO_ANSWERS) -> Place | None:
    """Read where the volume of a series lies; None for a single slice.

    Raises
    ------
    CaseReadError
        As `read_dicom` does.
    """
    slices, _ = _slices(Path(path), answers)
    width, height, frames = (*slices[0].size, 1)[:3]
    depth = max(frames, len(slices))
    if depth == 1:
        return None
    return Place((width, height, depth), slices[0].origin, slices[0].matrix)


def is_dicom_folder(path: Path) -> bool:
    """Tell whether a folder holds a DICOM file, whatever its name."""
    return path.is_dir() and any(map(is_dicom, path.iterdir()))


def _slices(path: Path, answers: Answers) -> tuple[list[Slice], Array]:
    """Find the slices of the one series, in order, with the gaps between them."""
    if not path.is_dir():
        check_dicom(path)
        return [read_slice_header(path)], np.empty(0)
    files = [each for each in sorted(path.iterdir()) if is_dicom(each)]
    if not files:
        raise CaseReadError(
            f"{path} holds no DICOM files: choose the folder that the slices are in."
        )
    by_series: dict[str, list[Slice]] = defaultdict(list)
    for file in files:
        check_dicom(file)
        header = read_slice_header(file)
        by_series[header.series].append(header)
    slices, gaps = in_order(_one_series(path, by_series, answers))
    fault = uneven(gaps)
    if fault and chosen(_ask_gaps(path, fault), answers) != "ignore":
        raise CaseReadError(f"{path}: {fault}. Export the series again.")
    return slices, gaps


def _one_series(
    path: Path, by_series: dict[str, list[Slice]], answers: Answers
) -> Sequence[Slice]:
    if len(by_series) == 1:
        return next(iter(by_series.values()))
    choices = {
        name: f"{slices[0].description or 'without a description'}, "
        f"{len(slices)} files of {' x '.join(map(str, slices[0].size[:2]))} pixels"
        for name, slices in by_series.items()
    }
    question = Question("series", f"{path} holds {len(by_series)} series.", choices, "")
    return by_series[chosen(question, answers)]


def _ask_gaps(path: Path, fault: str) -> Question:
    return Question(
        "gaps",
        f"In {path} {fault}. Slices may be missing: export the series again, or read "
        "it as it is.",
        {"ignore": "take all slices as evenly apart", "refuse": "do not read it"},
        "",
    )


def _stacked(path: Path, slices: Sequence[Slice]) -> Array:
    """Read the voxels slice by slice into one array, (Z, Y, X) or (C, Z, Y, X)."""
    first = _voxels(slices[0])
    if len(slices) == 1:
        return _gray_if_alike(first)
    depth_axis = first.ndim - 3
    if first.shape[depth_axis] != 1:
        raise CaseReadError(
            f"{path} holds {len(slices)} files of {first.shape[depth_axis]} slices "
            "each, but one volume was expected: choose one of the files."
        )
    shape = list(first.shape)
    shape[depth_axis] = len(slices)
    image = np.empty(shape, first.dtype)
    for place, each in enumerate(slices):
        voxels = _voxels(each) if place else first
        if not np.can_cast(voxels.dtype, image.dtype):
            image = image.astype(np.promote_types(voxels.dtype, image.dtype))
        image[..., place, :, :] = voxels[..., 0, :, :]
    return _gray_if_alike(image)


def _voxels(each: Slice) -> Array:
    try:
        volume: Any = SimpleITK.ReadImage(str(each.path), imageIO="GDCMImageIO")
    except RuntimeError as error:
        raise unreadable(each.path, error) from error
    voxels: Array = SimpleITK.GetArrayFromImage(volume)
    if volume.GetNumberOfComponentsPerPixel() > 1:
        voxels = np.ascontiguousarray(np.moveaxis(voxels, -1, 0))
    if volume.GetDimension() == 2:
        voxels = voxels[..., np.newaxis, :, :]
    return voxels


def _gray_if_alike(image: Array) -> Array:
    """Take one of red, green and blue when they are alike, as for pictures."""
    if image.ndim > 3 and (image == image[:1]).all():
        return np.ascontiguousarray(image[0])
    return image


def _grid(path: Path, first: Slice, gaps: Array, image: Array) -> tuple[Grid, str]:
    """Put together what headers tell of spacing, and what they do not."""
    depth = image.shape[-3]
    steps = [float(f"{step:.6g}") for step in reversed(first.spacing[:2])]
    if depth > 1:
        steps = [_step(first, gaps), *steps]
    if not first.has_spacing:
        return Grid((1.0,) * len(steps)), "does not say what a voxel measures"
    if np.isnan(steps[0]):
        _warn(path, steps)
        why = "does not say how far its slices are apart"
        return Grid((1.0,) * len(steps)), why
    try:
        return Grid(tuple(steps), "mm"), ""
    except GridMismatchError as error:
        raise CaseReadError(f"{path} has a wrong header. {error}") from error


def _step(first: Slice, gaps: Array) -> float:
    """Return the distance of slices, mm; NaN when it is not told."""
    if gaps.size:
        return float(f"{usual_gap(gaps):.6g}")
    return float(f"{first.spacing[2]:.6g}") if first.has_depth else float("nan")


def _warn(path: Path, steps: Sequence[float]) -> None:
    warnings.warn(
        f"{path} tells the size of a pixel (Y {steps[-2]:g} mm, X {steps[-1]:g} mm), "
        "but not how far its slices are apart: taken as 1 pixel along every axis.",
        SpacingWarning,
        stacklevel=4,
    )
