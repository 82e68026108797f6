"""What a table shows of a case: read case by case, when it is looked at.

Image and labels are asked for apart: a picture is there at once, while the labels of a
folder may have to be looked through for colours first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from specimen_unet.domain.counts import labels_present
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.domain.overlap import compare, mean_dice
from specimen_unet.files.images import has_colours
from specimen_unet.files.predictions import read_prediction
from specimen_unet.files.questions import UnansweredError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.questions import Reading

THUMBNAIL = 40
"""Pixels along the longer side of a thumbnail."""

_DARKEST, _BRIGHTEST = 1, 99  # percent of the pixels that may be cut off
Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True, eq=False)
class ImageFacts:
    """What an image says of a case.

    Attributes
    ----------
    shape : tuple of int
        (*spatial).
    channels : int
    spacing : tuple of float
        In `unit`.
    unit : str
    thumbnail : ndarray of uint8, shape (Y, X) or (Y, X, 3), or None
        Of a volume its middle slice.
    problem : str
        Why it cannot be read; "" if it can.
    asked : str
        What its file leaves open: "spacing", "stack", ..., or "".
    """

    shape: tuple[int, ...] = ()
    channels: int = 1
    spacing: tuple[float, ...] = ()
    unit: str = ""
    thumbnail: Array | None = None
    problem: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What labels say of a case.

    Attributes
    ----------
    present : tuple of int
        Labels that any observer drew.
    foreground : int
        Voxels that are labelled, of the observer who labelled most.
    problem : str
        Why they cannot be read; "" if they can.
    """

    present: tuple[int, ...] = ()
    foreground: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """How well a prediction agrees with the observers: NaN where that is undefined."""

    dice: float = float("nan")
    problem: str = ""


def read_image_facts(folder: CaseFolder, files: CaseFiles) -> ImageFacts:
    """Read the image of a case, and keep what a table shows of it."""
    try:
        return _image_facts(folder, files)
    except UnansweredError as error:
        return ImageFacts(problem=str(error), asked=error.question.about)
    except (SpecimenUnetError, OSError) as error:
        return ImageFacts(problem=str(error))


def read_label_facts(folder: CaseFolder, files: CaseFiles) -> LabelFacts:
    """Read what observers drew on a case, and keep what a table shows of it."""
    return _told(partial(_label_facts, folder, files), LabelFacts)


def read_score(folder: CaseFolder, files: CaseFiles, predicted: Path) -> Score:
    """Compare a prediction with what every observer drew."""

    def score() -> Score:
        return Score(dice_of(read_prediction(predicted), folder.drawn(files)))

    return _told(score, Score)


def dice_of(predicted: Array, drawn: Mapping[str, Array]) -> float:
    """Return the mean Dice over labels, then over observers; NaN where undefined."""
    scores = [
        mean_dice(compare(predicted, np.asarray(truth))) for truth in drawn.values()
    ]
    defined = [score for score in scores if not np.isnan(score)]
    return float(np.mean(defined)) if defined else float("nan")


def thumbnail_of(image: Array, dimensions: int, *, is_coloured: bool) -> Array:
    """Make a small picture of an image.

    Parameters
    ----------
    image : ndarray or dask.array.Array, shape (*spatial) or (C, *spatial)
    dimensions : {2, 3}
        Of a volume the middle slice is taken.
    is_coloured : bool
        Whether three channels are red, green and blue.

    Returns
    -------
    ndarray of uint8, shape (Y, X) or (Y, X, 3)
    """
    channels = image if image.ndim > dimensions else image[np.newaxis]
    middle = (slice(None), channels.shape[1] // 2)
    plane: Array = np.asarray(channels if dimensions == 2 else channels[middle])
    small = _shrunk(plane.astype(np.float32))
    if is_coloured and len(small) >= 3:
        return np.ascontiguousarray(np.moveaxis(small[:3], 0, -1).astype(np.uint8))
    gray = np.nan_to_num(small[0])
    low, high = np.percentile(gray, (_DARKEST, _BRIGHTEST))
    scaled = (gray - low) / max(high - low, 1e-12)
    picture: Array = (scaled.clip(0, 1) * 255).astype(np.uint8)
    return picture


def _shrunk(plane: Array) -> Array:
    """Make every few pixels (C, Y, X) one, which is their mean."""
    step = max(1, -(-max(plane.shape[-2:]) // THUMBNAIL))
    height, width = (max(size // step, 1) for size in plane.shape[-2:])
    whole = plane[:, : height * step, : width * step]
    rows = np.add.reduceat(whole, np.arange(0, whole.shape[1], step), axis=1)
    summed = np.add.reduceat(rows, np.arange(0, whole.shape[2], step), axis=2)
    small: Array = summed / (min(step, whole.shape[1]) * min(step, whole.shape[2]))
    return small


def _image_facts(folder: CaseFolder, files: CaseFiles) -> ImageFacts:
    reading: Reading = folder.image(files)
    image, grid, questions = reading
    is_coloured = len(files.images) == 1 and has_colours(
        folder.listing.root / files.images[0]
    )
    return ImageFacts(
        tuple(int(size) for size in image.shape[-grid.dimensions :]),
        image.shape[0] if image.ndim > grid.dimensions else 1,
        grid.spacing,
        grid.unit,
        thumbnail_of(image, grid.dimensions, is_coloured=is_coloured),
        asked=questions[0].about if questions else "",
    )


def _label_facts(folder: CaseFolder, files: CaseFiles) -> LabelFacts:
    drawn = [np.asarray(labels) for labels in folder.drawn(files).values()]
    present = {label for labels in drawn for label in labels_present(labels)}
    return LabelFacts(
        tuple(sorted(present)),
        max((int(np.count_nonzero(d)) for d in drawn), default=0),
    )


def _told(read: Callable[[], Facts], kind: Callable[..., Facts]) -> Facts:
    """Turn what cannot be read into facts that say why."""
    try:
        return read()
    except (SpecimenUnetError, OSError) as error:
        return kind(problem=str(error))
