"""Colours that stand for labels.

Which colour is which label has to be the same in every picture of a folder, so the
table is made of all of them at once, and shown to the person before it is used.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import CaseReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from specimen_unet.domain.case import Array

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

BLACK: Colour = (0, 0, 0)
MOST_COLOURS = 64
"""More colours than this are those of a photograph, or of a mask blurred by JPEG."""


def colour_table(pictures: Iterable[tuple[Path, Array]]) -> dict[Colour, int]:
    """Give every colour of pictures of labels a number.

    Parameters
    ----------
    pictures : iterable of (path, ndarray of uint8, shape (3, Y, X) or (Y, X))
        As `read_image` reads them; a gray picture counts with its grays.

    Returns
    -------
    dict of (red, green, blue) to int
        Black (and so what is transparent) is 0; the others are 1, 2, ... from the
        one that covers most pixels down.

    Raises
    ------
    CaseReadError
        If one of them has more colours than labels have.
    """
    count: Counter[Colour] = Counter()
    for path, picture in pictures:
        codes, pixels = np.unique(_codes(picture, path), return_counts=True)
        if codes.size > MOST_COLOURS:
            raise CaseReadError(
                f"{path} has {codes.size} colours, but a picture of labels has at most "
                f"{MOST_COLOURS}: JPEG blurs colours at edges, so export the labels as "
                "PNG; or choose a picture of labels, not a photograph."
            )
        for code, number in zip(codes.tolist(), pixels.tolist(), strict=True):
            count[_colour(code)] += number
    del count[BLACK]
    ranked = sorted(count, key=lambda colour: (-count[colour], colour))
    return {BLACK: 0} | {colour: label for label, colour in enumerate(ranked, start=1)}


def labels_of_colours(picture: Array, table: Mapping[Colour, int], path: Path) -> Array:
    """Turn colours into labels.

    Parameters
    ----------
    picture : ndarray of uint8, shape (3, Y, X) or (Y, X)
        A picture of labels.
    table : mapping of (red, green, blue) to int
        The label of each colour.
    path : Path
        Named in the error.

    Returns
    -------
    ndarray of uint8 or uint16, shape (Y, X)

    Raises
    ------
    CaseReadError
        If the picture has a colour that the table has not.
    """
    codes, places = np.unique(_codes(picture, path), return_inverse=True)
    missing = [_colour(code) for code in codes.tolist() if _colour(code) not in table]
    if missing:
        raise CaseReadError(
            f"{path} has {len(missing)} colours that stand for no label, such as "
            f"{missing[0]} (red, green, blue): add them to the table, or repaint them."
        )
    labels = [table[_colour(code)] for code in codes.tolist()]
    kind = np.min_scalar_type(max(table.values(), default=0))
    return np.array(labels, kind)[places].reshape(picture.shape[-2:])


def _codes(picture: Array, path: Path) -> Array:
    """Pack the colour of each pixel into one number."""
    if picture.dtype != np.uint8 or (picture.ndim == 3 and len(picture) != 3):
        raise CaseReadError(
            f"{path} holds {picture.dtype} numbers of the shape {picture.shape}, but a "
            "picture of 8-bit red, green and blue was expected: export it as PNG."
        )
    red, green, blue = picture if picture.ndim == 3 else (picture,) * 3
    return red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue


def _colour(code: int) -> Colour:
    return code >> 16, code >> 8 & 255, code & 255
