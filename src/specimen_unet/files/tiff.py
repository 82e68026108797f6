"""TIFF stacks: ImageJ's, OME's and plain ones, with spacing and unit kept."""

from __future__ import annotations

import lzma
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

import numpy as np
import tifffile

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.questions import NO_ANSWERS, Answers, Reading, ask_spacing
from specimen_unet.files.replacing import replaced
from specimen_unet.files.tiff_axes import tiff_axes
from specimen_unet.files.tiff_calibration import grid_of_tiff
from specimen_unet.files.tiff_structure import check_voxels, check_whole

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

# What tifffile stumbles over in damaged files; it has no error of its own for them.
_FAULTS = (
    *(tifffile.TiffFileError, ElementTree.ParseError, struct.error),
    *(zlib.error, lzma.LZMAError, EOFError, OSError),
    *(ValueError, TypeError, LookupError, ArithmeticError, RuntimeError),
    *(AttributeError, AssertionError),
)
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
# ImageJ has 32-bit offsets.
_IMAGEJ_LIMIT = 4_000_000_000
_OME_UNITS = {"um": "µm", "inch": "in"}


def read_tiff(path: str | Path, answers: Answers = NO_ANSWERS) -> Reading:
    """Read an image with its grid.

    A stack of pages that are nothing in particular, or points in time, is taken as
    a stack of slices, and asked about.

    Parameters
    ----------
    path : str or Path
        An ImageJ, OME or plain TIFF file.
    answers : mapping, optional
        ``{"stack": "channels"}`` where the file does not say what its pages are.

    Returns
    -------
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X); samples of colour are channels.
    grid : Grid
        In pixels when the file does not say what a voxel measures.
    questions : tuple of Question
        "stack" and "spacing", as far as the file leaves them open.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, foreign, or holds more than one
        2D or 3D image.

    Warns
    -----
    SpacingWarning
        If the file tells the size of a voxel along some axes only.
    """
    path = Path(path)
    check_whole(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            channels, spatial, questions = tiff_axes(tiff, path, answers)
            check_voxels(tiff, path)
            image = tiff.series[0].asarray()
            grid, why = grid_of_tiff(tiff, spatial, path)
            stored = tiff.series[0].axes
    except _FAULTS as error:
        raise _unreadable(path, error) from error
    image = np.transpose(image, [stored.index(axis) for axis in channels + spatial])
    if why:
        questions = (*questions, ask_spacing(path, grid, why))
    contiguous = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    return Reading(contiguous, grid, questions)


def tiff_kind(path: str | Path) -> Literal["gray", "colour", "other"]:
    """Tell by its header what `read_tiff` would find in a file.

    "colour" has red, green and blue (and transparency) for each pixel. "other" are
    files that `read_tiff` refuses although they are whole: movies, several images.
    """
    path = Path(path)
    check_whole(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            channels = tiff_axes(tiff, path, NO_ANSWERS).channels
            colours = channels == "S" and tiff.series[0].keyframe.samplesperpixel
    except CaseReadError:
        return "other"
    except _FAULTS as error:
        raise _unreadable(path, error) from error
    return "colour" if colours in (3, 4) else "gray"


def write_tiff(
    path: str | Path, image: Array, grid: Grid, *, compress: bool = False
) -> None:
    """Write an image, whole or not at all, with its spacing and unit.

    As ImageJ TIFF; as OME-TIFF when the name ends with ``.ome.tif``, when ImageJ
    has no such numbers (int32, float64, ...), or beyond 4 GB.

    Parameters
    ----------
    path : str or Path
        Ends with ``.tif`` or ``.tiff``.
    image : ndarray, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X), as in `grid`.
    grid : Grid
        Spacing and unit.
    compress : bool
        Without loss; worth it for labels.

    Raises
    ------
    CaseReadError
        If numbers do not fit into any type that TIFF readers know.
    """
    path = Path(path)
    image = _storable(image, path)
    is_ome = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    is_imagej = image.dtype.name in _IMAGEJ_TYPES and image.nbytes < _IMAGEJ_LIMIT
    options = _imagej(image, grid) if is_imagej and not is_ome else _ome(image, grid)
    if compress:
        options["compression"] = "zlib"
    with replaced(path) as temporary:
        # Without minisblack tifffile takes the last axis for colours if it is 3 long.
        tifffile.imwrite(temporary, photometric="minisblack", **options)


def _storable(image: Array, path: Path) -> Array:
    """Bring numbers to a type that TIFF readers know, without changing them."""
    if image.dtype.kind == "b":
        return image.astype(np.uint8)
    if image.dtype == np.float16:
        return image.astype(np.float32)
    if image.dtype.itemsize == 8 and image.dtype.kind in "ui":
        smallest = np.min_scalar_type(image.min(initial=0))
        fitting = np.promote_types(smallest, np.min_scalar_type(image.max(initial=0)))
        if fitting.kind not in "ui" or fitting.itemsize > 4:
            raise CaseReadError(
                f"{path} cannot hold {image.dtype} numbers up to {image.max()}: "
                "convert the image to 32-bit integers or real numbers first."
            )
        return image.astype(fitting)
    return image


def _imagej(image: Array, grid: Grid) -> dict[str, Any]:
    """Describe an image to tifffile the way ImageJ does."""
    axes = "".join(grid.axes)
    if image.ndim > grid.dimensions:
        # ImageJ has the channels of a slice together.
        image = np.moveaxis(image, 0, -3)
        axes = f"{axes[:-2]}CYX"
    metadata: dict[str, Any] = {"axes": axes, "unit": _escaped(grid.unit)}
    if grid.dimensions == 3:
        metadata["spacing"] = grid.spacing[0]
    height, width = grid.spacing[-2:]
    return {
        "data": image,
        "imagej": True,
        "resolution": (1 / width, 1 / height),
        "metadata": metadata,
    }


def _escaped(text: str) -> str:
    return "".join(sign if sign.isascii() else f"\\u{ord(sign):04X}" for sign in text)


def _ome(image: Array, grid: Grid) -> dict[str, Any]:
    """Describe an image to tifffile the way OME does."""
    axes = "".join(grid.axes)
    metadata: dict[str, Any] = {"axes": f"C{axes}"[-image.ndim :]}
    for axis, step in zip(axes, grid.spacing, strict=True):
        metadata[f"PhysicalSize{axis}"] = step
        metadata[f"PhysicalSize{axis}Unit"] = _OME_UNITS.get(grid.unit, grid.unit)
    return {"data": image, "ome": True, "metadata": metadata}


def _unreadable(path: Path, error: BaseException) -> CaseReadError:
    """Say in plain words what tifffile stumbled over."""
    if "imagecodecs" in str(error):
        return CaseReadError(
            f"{path} is compressed in a way that needs the package imagecodecs: "
            "python -m pip install imagecodecs, or save it without compression."
        )
    return CaseReadError(
        f"{path} is a TIFF file but damaged or truncated ({error}): copy or export "
        "it again."
    )
