"""Labels that were changed go back into the files they were read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.formats import format_of
from specimen_unet.files.images import read_labels, write_labels
from specimen_unet.files.listing import is_store

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles

_INSTEAD = "Save the layer under another name (File ▸ Save Selected Layers…)."


def save_drawn(
    folder: CaseFolder, files: CaseFiles, observer: str, labels: Array
) -> tuple[Path, ...]:
    """Write what an observer drew back to where it was read from.

    A mask of 0 and 255 stays one, a mask in parts stays in parts (what is new goes into
    the first), and the file keeps its grid and type of numbers. Each file is replaced
    whole or not at all.

    Parameters
    ----------
    folder : CaseFolder
        Of the case.
    files : CaseFiles
        The case.
    observer : str
        Who drew.
    labels : ndarray of int, shape (*spatial)
        As they are now.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    CaseReadError
        If the format cannot keep them: colours, JPEG, stores.
    """
    root = folder.listing.root
    names = files.labels[observer]
    for name in names:
        _check_writable(folder, files, name, observer)
    paths = tuple(root / name for name in names)
    if len(paths) == 1:
        _replace(paths[0], labels)
        return paths
    if labels.max(initial=0) > 1:
        raise CaseReadError(
            f"{paths[0]} is the first of {len(paths)} parts of one mask, but label "
            f"{labels.max()} was painted: parts hold label 1 only. {_INSTEAD}"
        )
    parts = [read_labels(path)[0] > 0 for path in paths]
    is_new = (labels > 0) & ~np.any(parts, axis=0)
    for number, (path, part) in enumerate(zip(paths, parts, strict=True)):
        kept = (labels > 0) & part
        _replace(path, kept | is_new if number == 0 else kept)
    return paths


def _check_writable(
    folder: CaseFolder, files: CaseFiles, name: str, observer: str
) -> None:
    path = folder.listing.root / name
    why = ""
    if is_store(files.images[0]) or is_store(name):
        why = "is in an OME-Zarr store, which is only read"
    elif folder.labels.is_in_colours(name):
        why = "holds colours, which are only read as labels"
    elif format_of(path).write is None:
        why = f"is {format_of(path).name}, which is only read"
    if why:
        raise CaseReadError(
            f"What {observer!r} drew cannot be saved: {path} {why}. {_INSTEAD}"
        )


def _replace(path: Path, labels: Array) -> None:
    """Write labels as those in the file were written."""
    before, grid = read_labels(path)
    is_mask = before.max(initial=0) == 255 and np.isin(before, (0, 255)).all()
    values = labels.astype(np.uint8) * 255 if is_mask and _is_binary(labels) else labels
    fits = values.max(initial=0) <= np.iinfo(before.dtype).max
    kept = values.astype(before.dtype) if fits else values
    try:
        write_labels(path, kept, grid, like=path)
    except OSError as error:
        raise CaseReadError(
            f"{path} cannot be written ({error.strerror}). {_INSTEAD}"
        ) from error


def _is_binary(labels: Array) -> bool:
    return bool(labels.max(initial=0) <= 1)
