"""``specimen-unet phantoms``: specimens to try everything on, as files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tqdm import tqdm

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.answers import Answer
from specimen_unet.runs.unfinished import finished_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHAPE = (39, 221, 200)
_LEAST = 8


def phantoms(folder: Path, cases: int, shape: tuple[int, ...] = SHAPE) -> Answer:
    """Write phantom specimens, each outlined by two observers.

    Parameters
    ----------
    folder : Path
        Missing or empty.
    cases : int
        How many.
    shape : tuple of int
        Voxels of each along Z, Y and X.

    Raises
    ------
    CaseReadError
        If something lies in the folder, or there is nothing to make.
    """
    if cases < 1 or len(shape) != 3 or min(shape) < _LEAST:
        raise CaseReadError(
            f"{cases} specimens of {shape} voxels were asked for: ask for one or more, "
            f"with three sides of at least {_LEAST} voxels, as in --shape 39,221,200."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CaseReadError(f"{folder} is not empty: choose another folder.")
    seeds = range(1, cases + 1)
    finished_folder(
        folder.resolve(), lambda unfinished: write_specimens(unfinished, seeds, shape)
    )
    return Answer(
        f"{cases} phantom specimens, outlined by EA and MG, are in {folder.resolve()}",
        {"folder": str(folder), "cases": cases, "shape": list(shape)},
    )


def write_specimens(
    folder: Path, seeds: Iterable[int], shape: tuple[int, ...] = SHAPE
) -> None:
    """Write ``specimen-1.tif``, ``specimen-1_EA.tif``, ``specimen-1_MG.tif``, ..."""
    for seed in seeds:
        tqdm.write(f"Making specimen-{seed}", file=sys.stderr)
        case = specimen_phantom(seed, shape)
        write_image(folder / f"specimen-{seed}.tif", case.image[0], case.grid)
        for observer, labels in case.labels.items():
            path = folder / f"specimen-{seed}_{observer}.tif"
            write_labels(path, labels, case.grid)
