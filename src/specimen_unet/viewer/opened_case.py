"""A case of a folder as it is read to be shown, and what was painted as it is saved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.files.label_saving import save_drawn
from specimen_unet.files.new_labels import place_of_new_labels, save_new_labels
from specimen_unet.files.predictions import read_prediction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.new_labels import NewLabels
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.files.questions import Reading

PAINTABLE_BYTES = 2**28
"""Larger labels are shown as they load; nobody paints on them."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedCase:
    """What was read of a case, to be shown.

    Attributes
    ----------
    folder, files
        Where it comes from.
    reading : Reading
        The image, (*spatial) or (C, *spatial), its grid and open questions.
    drawn : dict
        Observer -> labels, (*spatial).
    predicted : ndarray of int, shape (*spatial), or None
    prediction : Prediction or None
        What `predicted` is.
    problems : tuple of str
        What could not be read.
    new : NewLabels or None
        Where labels go, of a case that nobody drew on.
    """

    folder: CaseFolder
    files: CaseFiles
    reading: Reading
    drawn: dict[str, Array]
    predicted: Array | None = None
    prediction: Prediction | None = None
    problems: tuple[str, ...] = ()
    new: NewLabels | None = None

    @property
    def name(self) -> str:
        """Name of the case."""
        return self.folder.name(self.files)


def open_case(
    folder: CaseFolder,
    files: CaseFiles,
    predicted: tuple[Path, Prediction] | None = None,
) -> OpenedCase:
    """Read a case to be shown; labels that cannot be read are told and left out.

    Raises
    ------
    CaseReadError
        If its image cannot be read.
    """
    reading = folder.image(files)
    shape = reading.image.shape[-reading.grid.dimensions :]
    problems: list[str] = []
    drawn: dict[str, Array] = {}
    try:
        drawn = {who: _paintable(d) for who, d in folder.drawn(files).items()}
    except (SpecimenUnetError, OSError) as error:
        problems.append(str(error))
    for who in [who for who, labels in drawn.items() if labels.shape != shape]:
        wrong = drawn.pop(who).shape
        problems.append(
            f"What {who!r} drew on {folder.name(files)} is {wrong} voxels, but the "
            f"image is {shape}: it is left out."
        )
    new = place_of_new_labels(folder, files)
    if not files.labels and new is None:
        problems.append(
            f"Nobody drew on {folder.name(files)}, and this folder has no place for "
            "new labels: add a labels layer and save it (File ▸ Save Selected Layers…)."
        )
    labels = None
    if predicted is not None:
        try:
            labels = read_prediction(predicted[0])
        except (SpecimenUnetError, OSError) as error:
            problems.append(str(error))
    fits = labels is not None and labels.shape == shape
    return OpenedCase(
        folder,
        files,
        reading,
        drawn,
        labels if fits else None,
        predicted[1] if predicted is not None and fits else None,
        tuple(problems),
        new,
    )


def save_edited(opened: OpenedCase, labels: Mapping[str, Array]) -> list[Path]:
    """Write changed labels back into their files, first ones into a new file.

    Raises
    ------
    CaseReadError
        If a format cannot keep them; what was written before stays.
    """
    paths: list[Path] = []
    folder, files = opened.folder, opened.files
    for who, values in labels.items():
        if opened.new is not None and who not in files.labels:
            grid = opened.reading.grid
            paths.append(save_new_labels(folder, files, opened.new, values, grid))
        else:
            paths += save_drawn(folder, files, who, values)
    return paths


def with_new(opened: OpenedCase, labels: Mapping[str, Array]) -> OpenedCase:
    """Return a case with its first labels, once they are written."""
    new = opened.new
    if new is None or new.observer not in labels:
        return opened
    drawn = {**opened.files.labels, new.observer: (new.file,)}
    return replace(opened, files=replace(opened.files, labels=drawn), new=None)


def _paintable(labels: Array) -> Array:
    """Load labels that are lazy, unless they are too large."""
    size = labels.size * labels.dtype.itemsize
    return np.asarray(labels) if size <= PAINTABLE_BYTES else labels
