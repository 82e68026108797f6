"""Label files as people keep them: masks of 0 and 255, in parts, in colours, as JPEG.

Colours are numbered once for all files of a folder, so that one colour is one label
in all of them. JPEG blurs what it stores: of it only masks of black and white are
taken, cut in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.colour_labels import BLACK, colour_table, labels_of_colours
from specimen_unet.files.images import (
    TIFF_SUFFIXES,
    image_suffix,
    read_image,
    read_labels,
)
from specimen_unet.files.pairing import MOST_LABELS, says_labels
from specimen_unet.files.tiff import tiff_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.colour_labels import Colour

_JPEG_SUFFIXES = (".jpg", ".jpeg")
_PICTURE_SUFFIXES = (*_JPEG_SUFFIXES, ".png", ".bmp")
# A mask in JPEG: voxels between these are neither black nor white, and at most this
# share of what is drawn may be like that.
_DARK, _BRIGHT, _MOST_BLURRED = 64, 192, 0.05


@dataclass(frozen=True, slots=True)
class LabelReader:
    """Reads the labels of one folder.

    Attributes
    ----------
    root : Path
        The folder.
    colours : dict
        Colour (red, green, blue) -> label; empty unless some file is in colours.
    notes : tuple of str
        What a person should know about how the labels are read.
    """

    root: Path
    colours: dict[Colour, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path, files: Iterable[str]) -> LabelReader:
        """Look into the label files of a folder for colours."""
        files = list(files)
        pictures = [file for file in files if _may_be_in_colours(root / file)]
        notes = []
        colours = {}
        if any(_is_in_colours(root / file) for file in pictures):
            colours = colour_table(_pictures(root / file for file in pictures))
            notes.append(f"labels are colours: {_in_words(colours)}")
        if any(map(_is_jpeg, files)):
            notes.append("masks in JPEG are cut in the middle between black and white")
        return cls(root, colours, tuple(notes))

    def read(self, files: Sequence[str]) -> tuple[Array, Grid]:
        """Read what one observer drew on one image.

        Parameters
        ----------
        files : sequence of str
            One file, or the parts of one mask, which are joined by a logical or.

        Returns
        -------
        labels : ndarray of int, shape (*spatial)
            A mask of 0 and 255 has become 0 and 1.
        grid : Grid
            Of the first file.

        Raises
        ------
        CaseReadError
            If a file cannot be read, is an image, or the parts do not fit together.
        """
        labels, grid = self._one(files[0])
        for file in files[1:]:
            part, _ = self._one(file)
            labels = self._joined(labels, part, files[0], file)
        return labels, grid

    def is_in_colours(self, file: str) -> bool:
        """Tell whether the labels of a file are colours that were given numbers."""
        return bool(self.colours) and _may_be_in_colours(self.root / file)

    def _one(self, file: str) -> tuple[Array, Grid]:
        path = self.root / file
        if self.is_in_colours(file):
            picture, grid = read_image(path)
            colour_table([(path, picture)])  # says what is wrong with a photograph
            return labels_of_colours(picture, self.colours, path), grid
        if _is_jpeg(file):
            picture, grid = read_image(path)
            return _from_jpeg(picture, path), grid
        labels, grid = read_labels(path)
        number = np.unique(labels).size
        if number > MOST_LABELS and not says_labels(file):
            raise CaseReadError(
                f"{path} was taken for labels because of its name, but holds {number} "
                "values and looks like an image. If it is labels, name it "
                "NAME_labels; if not, rename it or move it away."
            )
        return _from_mask(labels), grid

    def _joined(self, labels: Array, part: Array, file: str, part_file: str) -> Array:
        """Join two parts of one mask."""
        if labels.shape != part.shape:
            raise CaseReadError(
                f"{self.root / part_file} is {part.shape} voxels but {file}, which it "
                f"goes on with, is {labels.shape}: use masks of the same image."
            )
        if max(labels.max(initial=0), part.max(initial=0)) > 1:
            raise CaseReadError(
                f"{self.root / part_file} goes on with the mask {file}, but they hold "
                "more than one label: keep them in one file."
            )
        return labels | part


def _from_mask(labels: Array) -> Array:
    """Turn a mask of 0 and 255 into labels 0 and 1."""
    is_mask = labels.max(initial=0) == 255 and np.isin(labels, (0, 255)).all()
    return (labels > 0).astype(np.uint8) if is_mask else labels


def _from_jpeg(picture: Array, path: Path) -> Array:
    """Cut a blurred mask of black and white in the middle."""
    bright = int((picture >= _BRIGHT).sum())
    between = int(((picture >= _DARK) & (picture < _BRIGHT)).sum())
    is_other = bright == 0 and picture.max(initial=0) > 0
    if picture.ndim > 2 or is_other or between > _MOST_BLURRED * bright:
        raise CaseReadError(
            f"{path} is no mask of black and white, and JPEG does not keep the numbers "
            "of labels: export it as PNG or TIFF."
        )
    return (picture >= (_DARK + _BRIGHT) // 2).astype(np.uint8)


def _is_jpeg(file: str) -> bool:
    return image_suffix(file).lower() in _JPEG_SUFFIXES


def _may_be_in_colours(path: Path) -> bool:
    """Tell by the format, without reading the pixels."""
    suffix = image_suffix(path.name).lower()
    if suffix in TIFF_SUFFIXES:
        try:
            return tiff_kind(path) == "colour"
        except CaseReadError:
            return False  # told when it is read
    return suffix in _PICTURE_SUFFIXES


def _is_in_colours(path: Path) -> bool:
    """Tell whether a file has colours that are neither gray nor a palette's numbers."""
    try:
        read_labels(path)
    except CaseReadError:
        picture = _picture(path)
        return picture is not None and picture.ndim > 2
    return False


def _picture(path: Path) -> Array | None:
    """Read a picture; None for what is told when it is read as labels."""
    try:
        return read_image(path)[0]
    except CaseReadError:
        return None


def _pictures(paths: Iterable[Path]) -> Iterator[tuple[Path, Array]]:
    """Read the pictures that have no more colours than labels have."""
    for path in paths:
        picture = _picture(path)
        if picture is None:
            continue
        try:
            colour_table([(path, picture)])
        except CaseReadError:
            continue  # told when it is read as labels
        yield path, picture


def _in_words(colours: dict[Colour, int]) -> str:
    """Write the table of colours: "#ff0000 is 1"."""
    return ", ".join(
        f"{'#{:02x}{:02x}{:02x}'.format(*colour)} is {label}"
        for colour, label in colours.items()
        if colour != BLACK
    )
