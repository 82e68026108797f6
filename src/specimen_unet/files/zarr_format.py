"""OME-Zarr as a row of the table of formats: one door for images and labels.

zarr takes a third of a second to import, so that it is imported where a store is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.files.questions import Reading, ask_spacing

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.questions import Answers, Question
    from specimen_unet.files.volumes import Place

_SUFFIX = ".zarr"
_HEADS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def is_zarr(path: str | Path) -> bool:
    """Tell whether a path names a zarr folder, or something inside of one."""
    path = Path(path)
    named = any(part.lower().endswith(_SUFFIX) for part in path.parts)
    return (named and not path.is_file()) or any((path / h).is_file() for h in _HEADS)


def read_zarr_image(path: Path, answers: Answers) -> Reading:
    """Read the full resolution, or the level that `path` names, lazily."""
    from specimen_unet.files.zarr_images import read_zarr

    del answers
    image, grid = read_zarr(path)
    return Reading(image, grid, ask_unit(path, grid))


def load_zarr_labels(path: Path, answers: Answers) -> Reading:
    """Read labels into memory: they are looked through before they are used."""
    from specimen_unet.files.zarr_images import read_zarr_labels

    del answers
    labels, grid = read_zarr_labels(path)
    return Reading(np.asarray(labels), grid, ask_unit(path, grid))


def zarr_level(path: Path, level: int) -> Path:
    """Return where a level of an image lies; see `zarr_images.level_path`."""
    from specimen_unet.files.zarr_images import level_path

    return level_path(path, level)


def write_zarr_folder(
    path: Path, image: Array, grid: Grid, *, compress: bool, place: Place | None
) -> None:
    """Write labels (which are told to be compressed) or an image."""
    from specimen_unet.files.zarr_writing import write_zarr, write_zarr_labels

    del place
    if compress:
        write_zarr_labels(path, image, grid)
    else:
        write_zarr(path, image, grid)


def ask_unit(path: Path, grid: Grid) -> tuple[Question, ...]:
    """Ask for the size of a voxel where the axes have no unit."""
    if grid.unit != "pixel":
        return ()
    return (ask_spacing(path, grid, "names no unit of length"),)
