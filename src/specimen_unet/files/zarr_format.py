"""OME-Zarr as a row of the table of formats: one door for images and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.files.questions import Reading
from specimen_unet.files.zarr_images import read_zarr, read_zarr_labels
from specimen_unet.files.zarr_writing import write_zarr, write_zarr_labels

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.questions import Answers
    from specimen_unet.files.volumes import Place


def read_zarr_image(path: Path, answers: Answers) -> Reading:
    """Read the full resolution, or the level that `path` names, lazily."""
    del answers
    return Reading(*read_zarr(path), ())


def load_zarr_labels(path: Path, answers: Answers) -> Reading:
    """Read labels into memory: they are looked through before they are used."""
    del answers
    labels, grid = read_zarr_labels(path)
    return Reading(np.asarray(labels), grid, ())


def write_zarr_folder(
    path: Path, image: Array, grid: Grid, *, compress: bool, place: Place | None
) -> None:
    """Write labels (which are told to be compressed) or an image."""
    del place
    if compress:
        write_zarr_labels(path, image, grid)
    else:
        write_zarr(path, image, grid)
