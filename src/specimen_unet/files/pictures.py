"""Pictures of cameras and screens: PNG, JPEG and BMP, through Pillow.

Pillow is what imageio reads these formats with, and comes with matplotlib anyway; it
alone tells the palette of a picture, which labels are kept in.

A picture says nothing of spacing: its resolution is meant for screens and printers.
What is written here carries it in a text of its own (``Spacing: 0.2 0.1 mm``), which
is read again. Voxels are taken as stored: 4-bit samples are 0 to 15, and nothing is
turned by a camera's orientation tag.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.questions import (
    NO_ANSWERS,
    Answers,
    Reading,
    ask_spacing,
    grid_of_text,
    text_of_grid,
)
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array

_FORMATS = ("PNG", "JPEG", "BMP")
_FAULTS = (
    *(UnidentifiedImageError, Image.DecompressionBombError, OSError, EOFError),
    *(SyntaxError, ValueError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, AssertionError, RuntimeError, struct.error, zlib.error),
)
_SPACING = "Spacing"
_PNG = b"\x89PNG\r\n\x1a\n"
# zlib makes voxels at most 1032 times smaller, JPEG keeps one bit of 64 pixels.
_MOST_PACKED = 1600
# Pillow spreads samples of 2 and 4 bits over 0 to 255; this undoes it.
_STEP_OF_DEPTH = {2: 85, 4: 17}


def read_picture(path: str | Path, answers: Answers = NO_ANSWERS) -> Reading:
    """Read a picture, gray when its colours are.

    Parameters
    ----------
    path : str or Path
        A PNG, JPEG or BMP file.
    answers : mapping, optional
        Of no use here; every format's reader takes them.

    Returns
    -------
    image : ndarray, shape (Y, X) or (3, Y, X)
        One channel when red, green and blue are alike everywhere. Transparent
        pixels are black; transparency itself is left out.
    grid : Grid
        In pixels, unless `write_picture` wrote the file.
    questions : tuple of Question
        "spacing" unless the file tells it.

    Raises
    ------
    CaseReadError
        If the file is missing, empty, truncated, foreign, or would lose something.
    """
    del answers
    return _read(Path(path), _gray_or_colours)


def read_picture_labels(path: str | Path, answers: Answers = NO_ANSWERS) -> Reading:
    """Read a picture of labels: of a palette its numbers, else as `read_picture`.

    Programs that paint labels into a palette mean the number of each colour, which
    is the same in every file, not the colour.
    """
    del answers
    return _read(Path(path), _numbers_or_colours)


def write_picture(path: str | Path, image: Array, grid: Grid) -> None:
    """Write a PNG, whole or not at all, with its spacing as a text in it.

    Parameters
    ----------
    path : str or Path
        Ends with ``.png``; JPEG would change the numbers.
    image : ndarray of uint8 or uint16, shape (Y, X), or of uint8, shape (3, Y, X)
        A gray or a colour picture.
    grid : Grid
        Spacing and unit.

    Raises
    ------
    CaseReadError
        If the suffix is another, or PNG cannot hold the numbers.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise CaseReadError(
            f"{path} would not keep numbers as they are: give it a name that ends with "
            ".png, .tif or .nii.gz."
        )
    if image.dtype.kind == "b":
        image = image.astype(np.uint8)
    kinds = {(2, "uint8"), (2, "uint16")}
    is_colour = image.ndim == 3 and len(image) == 3 and image.dtype == np.uint8
    if grid.dimensions != 2 or not (
        is_colour or (image.ndim, image.dtype.name) in kinds
    ):
        raise CaseReadError(
            f"{path} cannot hold {image.dtype} numbers of the shape {image.shape}, "
            "but 8- or 16-bit numbers of one slice: give it a name that ends with "
            ".tif or .nii.gz."
        )
    picture = Image.fromarray(
        np.ascontiguousarray(np.moveaxis(image, 0, -1) if is_colour else image)
    )
    text = PngImagePlugin.PngInfo()
    text.add_text(_SPACING, text_of_grid(grid))
    with replaced(path) as temporary:
        picture.save(temporary, pnginfo=text)


def _read(path: Path, voxels: Callable[[Any, Path], Array]) -> Reading:
    try:
        _check_start(path)
        with Image.open(path, formats=_FORMATS) as picture:
            _check_size(picture, path)
            image = voxels(picture, path)
            told = str(picture.info.get(_SPACING, ""))
    except _FAULTS as error:
        if isinstance(error, OSError) and error.strerror:
            raise CaseReadError(
                f"{path} cannot be read ({error.strerror}): choose an image file."
            ) from error
        raise CaseReadError(
            f"{path} is damaged, truncated or no picture ({error}): copy or export it "
            "again."
        ) from error
    grid = grid_of_text(told, 2)
    if grid:
        return Reading(image, grid)
    grid = Grid((1.0, 1.0))
    return Reading(
        image, grid, (ask_spacing(path, grid, "does not say what a pixel measures"),)
    )


def _check_start(path: Path) -> None:
    """Refuse what Pillow would read with a loss, or believe although it is damaged."""
    with path.open("rb") as file:
        start = file.read(26)
        if not start:
            raise CaseReadError(f"{path} is empty (0 bytes): copy or export it again.")
        if not start.startswith(_PNG) or len(start) < 26:
            return
        if start[24] == 16 and start[25] != 0:
            raise CaseReadError(
                f"{path} has colours of 16 bits, of which 8 would be lost: save it as "
                "TIFF."
            )
        _check_chunks(file, path)


def _check_chunks(file: BinaryIO, path: Path) -> None:
    """Follow the pieces of a PNG to the last; Pillow makes room for any length."""
    end = path.stat().st_size
    name, place = b"", len(_PNG)
    while name != b"IEND":
        file.seek(place)
        size, name = struct.unpack(">I4s", file.read(8))
        place += size + 12
        if place > end:
            raise CaseReadError(
                f"{path} is truncated: it ends before its last pixel. Copy or export "
                "it again."
            )


def _check_size(picture: Any, path: Path) -> None:
    """Refuse a picture that claims to be larger than its file can hold."""
    voxels = picture.width * picture.height * len(picture.getbands())
    if voxels > _MOST_PACKED * path.stat().st_size:
        raise CaseReadError(
            f"{path} is damaged: it claims {picture.width} x {picture.height} pixels, "
            "more than it can hold. Copy or export it again."
        )
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format == "PNG":
        raise CaseReadError(
            f"{path} holds {frames} pictures, but one was expected: save the one you "
            "need as a file of its own."
        )


def _gray_or_colours(picture: Any, path: Path) -> Array:
    if picture.mode in ("1", "L") or picture.mode.startswith(("I", "F")):
        return _gray(picture, path)
    colours = np.asarray(picture.convert("RGBA"))
    image = np.where(colours[..., 3:] > 0, colours[..., :3], np.uint8(0))
    is_gray = (image == image[..., :1]).all()
    if is_gray:
        return np.ascontiguousarray(image[..., 0])
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))


def _numbers_or_colours(picture: Any, path: Path) -> Array:
    if picture.mode == "P":
        return np.array(picture)
    return _gray_or_colours(picture, path)


def _gray(picture: Any, path: Path) -> Array:
    image = np.array(picture)
    if image.dtype == np.bool_:
        return image.astype(np.uint8)
    depth = _png_depth(path)
    return (
        image // np.uint8(_STEP_OF_DEPTH[depth]) if depth in _STEP_OF_DEPTH else image
    )


def _png_depth(path: Path) -> int:
    """Return the bits of a gray PNG's sample; 0 for other files."""
    with path.open("rb") as file:
        start = file.read(26)
    return start[24] if start.startswith(_PNG) and start[25] == 0 else 0
