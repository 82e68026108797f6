"""Volumes of scanners, through SimpleITK: NIfTI, NRRD and MetaImage (MHA).

In memory the axes are (Z, Y, X) as the file stores its voxels: nothing is turned
towards left, right, front or back. A grid holds spacing and unit, not the place and
direction in the scanner: `place_of_volume` reads those of the image that labels
belong to, and `volume_writing` keeps them, from any of the formats to any other.

**Units.** SimpleITK knows none. NIfTI names one, or says that the volume lies in
scanner coordinates, which are millimetres. NRRD may name one (``space units``), and
so may MetaImage (``DistanceUnits``), but most programs leave it out and mean
millimetres. So without a unit a volume that somebody placed (any spacing, origin or
direction that is not ITK's own default) is taken as millimetres and asked about; one
with nothing but defaults is in pixels. What is written here always names its unit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import SimpleITK

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.meta_header import read_meta_header
from specimen_unet.files.nifti_header import read_nifti_header
from specimen_unet.files.nrrd_header import read_nrrd_header
from specimen_unet.files.questions import (
    NO_ANSWERS,
    Answers,
    Question,
    Reading,
    ask_spacing,
    chosen,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.files.volume_header import VolumeHeader

_NO_UNIT = "names no unit of length"
_HEADERS = {".nrrd": read_nrrd_header, ".nhdr": read_nrrd_header}
_HEADERS |= {".mha": read_meta_header, ".mhd": read_meta_header}


class Place(NamedTuple):
    """Where a volume lies in its scanner, X first, in millimetres.

    Attributes
    ----------
    size : tuple of int
        Voxels along each axis.
    origin, direction : tuple of float
        Centre of the first voxel, and the axes as columns of a matrix, as ITK has
        them (left, posterior, superior).
    """

    size: tuple[int, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]


def read_volume(path: str | Path, answers: Answers = NO_ANSWERS) -> Reading:
    """Read a volume with its grid.

    Parameters
    ----------
    path : str or Path
        A ``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd`` file.
    answers : mapping, optional
        ``{"stack": "channels"}`` takes the volumes of a file with four axes for the
        channels of one image.

    Returns
    -------
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X); leading axes of length 1 beyond three are
        left out.
    grid : Grid
        In millimetres or the unit that the file names; in pixels when nothing says
        that a voxel measures anything.
    questions : tuple of Question
        "spacing" when the file names no unit.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, foreign, or holds more than one
        2D or 3D image.
    """
    path = Path(path)
    header = _header_of(path)
    volume = _read(path)
    # Stored as float32: 0.1 comes as 0.10000000149 and shall be 0.1.
    spacing = [float(f"{step:.6g}") for step in reversed(volume.GetSpacing())]
    is_default = _is_default(volume)
    image = _array(volume)
    del volume
    while len(spacing) > 3 and image.shape[image.ndim - len(spacing)] == 1:
        image = np.squeeze(image, image.ndim - len(spacing))
        spacing = spacing[1:]
    if len(spacing) == 4 and image.ndim == 4:
        _check_channels(path, image.shape, answers)
        spacing = spacing[1:]
    if len(spacing) not in (2, 3):
        raise CaseReadError(
            f"{path} has {len(spacing)} axes {image.shape}, but one 2D or 3D image "
            "was expected: split it into one file a volume."
        )
    try:
        return _reading(path, image, spacing, header, is_default=is_default)
    except GridMismatchError as error:
        raise CaseReadError(f"{path} has a wrong header. {error}") from error


def place_of_volume(path: str | Path, answers: Answers = NO_ANSWERS) -> Place:
    """Read where a volume lies, not its voxels; no answer changes that.

    Raises
    ------
    CaseReadError
        As `read_volume` does.
    """
    del answers
    path = Path(path)
    _header_of(path)
    reader = read_information(path)
    return Place(reader.GetSize(), reader.GetOrigin(), reader.GetDirection())


def read_information(path: Path, image_io: str = "") -> Any:
    """Read what SimpleITK knows of a file without its voxels.

    Raises
    ------
    CaseReadError
        If it cannot.
    """
    reader = cast("Any", SimpleITK).ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise unreadable(path, error) from error
    return reader


def unreadable(path: Path, error: RuntimeError) -> CaseReadError:
    """Make the error for what SimpleITK cannot read."""
    # The last line says what happened; before it come places in ITK's source.
    fault = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ")
    return CaseReadError(
        f"{path} cannot be read ({fault}): export it again, with real or whole numbers "
        "as voxels."
    )


def _header_of(path: Path) -> VolumeHeader:
    return _HEADERS.get(path.suffix.lower(), read_nifti_header)(path)


def _read(path: Path) -> Any:
    try:
        return SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise unreadable(path, error) from error


def _array(volume: Any) -> Array:
    """Copy the voxels once, channels in front."""
    view = SimpleITK.GetArrayViewFromImage(volume)
    if volume.GetNumberOfComponentsPerPixel() > 1:
        view = np.moveaxis(view, -1, 0)
    return np.array(view, order="C")


def _is_default(volume: Any) -> bool:
    """Tell a volume that nobody placed: ITK's spacing, origin and direction."""
    identity = np.eye(volume.GetDimension()).ravel()
    return (
        set(volume.GetSpacing()) == {1.0}
        and set(volume.GetOrigin()) == {0.0}
        and np.array_equal(volume.GetDirection(), identity)
    )


def _check_channels(path: Path, shape: tuple[int, ...], answers: Answers) -> None:
    """Let a person say that four axes are channels and a volume; never assume it."""
    question = Question(
        "stack",
        f"{path} has 4 axes {shape}, but one 2D or 3D image was expected: is it "
        f"{shape[0]} channels of one image, or points in time?",
        {"channels": "of one image", "times": "cannot be read: split it into volumes"},
        "",
    )
    if chosen(question, answers) != "channels":
        raise CaseReadError(
            f"{path} has 4 axes {shape}, one of them time: split it into one file a "
            "volume."
        )


def _reading(
    path: Path,
    image: Array,
    spacing: Sequence[float],
    header: VolumeHeader,
    *,
    is_default: bool,
) -> Reading:
    """Put together what the header says, what is usual, and what to ask."""
    if len(header.units) >= len(spacing):
        named = list(reversed(header.units[: len(spacing)]))
        grid = Grid.of_axes(spacing, named)
        if grid.unit != "pixel":
            return Reading(image, grid)
        return Reading(image, grid, (ask_spacing(path, grid, _NO_UNIT),))
    unit = "pixel" if is_default else header.convention or "pixel"
    grid = Grid(tuple(spacing), unit)
    meant = "" if is_default or not header.convention else " (most programs mean mm)"
    question = ask_spacing(path, grid, f"{_NO_UNIT}{meant}")
    return Reading(image, grid, (question,))
