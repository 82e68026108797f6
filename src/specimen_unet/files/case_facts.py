"""What a table shows of a case: read case by case, when it is looked at.

Image and labels are asked for apart: a picture is there at once, while the labels of a
folder may have to be looked through for colours first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from specimen_unet.domain.counts import labels_present
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.domain.overlap import compare, mean_dice
from specimen_unet.files.images import has_colours
from specimen_unet.files.predictions import read_prediction
from specimen_unet.files.questions import UnansweredError
from specimen_unet.files.thumbnails import outline_of, thumbnail_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.questions import About, Reading

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
    asked: About | Literal[""] = ""


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
    outline : ndarray of bool, shape (Y, X), or None
        Of what the first observer drew, on the thumbnail.
    """

    present: tuple[int, ...] = ()
    foreground: int = 0
    problem: str = ""
    outline: Array | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Score:
    """How well a prediction agrees with the observers: NaN where that is undefined.

    Its outline is as that of `LabelFacts`.
    """

    dice: float = float("nan")
    problem: str = ""
    outline: Array | None = field(default=None, compare=False, repr=False)


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
        labels = read_prediction(predicted)
        dice = dice_of(labels, folder.drawn(files))
        return Score(dice, outline=outline_of(labels))

    return _told(score, Score)


def dice_of(predicted: Array, drawn: Mapping[str, Array]) -> float:
    """Return the mean Dice over labels, then over observers; NaN where undefined."""
    scores = [
        mean_dice(compare(predicted, np.asarray(truth))) for truth in drawn.values()
    ]
    defined = [score for score in scores if not np.isnan(score)]
    return float(np.mean(defined)) if defined else float("nan")


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
        outline=outline_of(drawn[0]) if drawn else None,
    )


def _told(read: Callable[[], Facts], kind: Callable[..., Facts]) -> Facts:
    """Turn what cannot be read into facts that say why."""
    try:
        return read()
    except (SpecimenUnetError, OSError) as error:
        return kind(problem=str(error))
