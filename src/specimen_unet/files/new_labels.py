"""Labels of a case that nobody drew on yet: where they are written, and by whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.files.images import (
    image_stem,
    labels_suffix,
    write_labels,
)
from specimen_unet.files.layouts import recognise
from specimen_unet.files.listing import is_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles

_MARK = "_labels"


@dataclass(frozen=True, slots=True)
class NewLabels:
    """A file that is not there yet.

    Attributes
    ----------
    observer : str
        Who will have drawn, once the folder is opened again.
    file : str
        Relative to the folder, with "/" between folders.
    """

    observer: str
    file: str


def place_of_new_labels(folder: CaseFolder, files: CaseFiles) -> NewLabels | None:
    """Find a file in which this folder would find labels of a case.

    Named and placed as the one observer of the other cases did it, or ``NAME_labels``
    beside the image, or in ``labels/`` beside ``images/``.

    Returns
    -------
    NewLabels or None
        None where the case has labels, or the layout of the folder has no place.
    """
    if files.labels or is_store(files.images[0]):
        return None
    for file in dict.fromkeys(_candidates(folder, files)):
        if not (folder.listing.root / file).exists():
            observer = _observer_of(folder, files, file)
            if observer:
                return NewLabels(observer, file)
    return None


def save_new_labels(
    folder: CaseFolder, files: CaseFiles, new: NewLabels, labels: Array, grid: Grid
) -> Path:
    """Write the first labels of a case.

    Parameters
    ----------
    folder : CaseFolder
        Of the case.
    files : CaseFiles
        The case.
    new : NewLabels
        From `place_of_new_labels`.
    labels : ndarray of int, shape (*spatial)
    grid : Grid
        Of its image.

    Returns
    -------
    Path
        Their file.

    Raises
    ------
    CaseReadError
        If there is such a file by now, or it cannot be written.
    """
    path = folder.listing.root / new.file
    if path.exists():
        raise CaseReadError(
            f"{path} is there by now, and is not overwritten: open the folder again, "
            "or save the layer under another name (File ▸ Save Selected Layers…)."
        )
    like = folder.listing.root / files.images[0]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_labels(path, labels, grid, like=like, answers=folder.answers)
    except OSError as error:
        raise CaseReadError(
            f"{path} cannot be written ({error.strerror}). Save the layer under "
            "another name (File ▸ Save Selected Layers…)."
        ) from error
    return path


def _candidates(folder: CaseFolder, files: CaseFiles) -> Iterator[str]:
    """List names that labels of a case may have, the likeliest first."""
    image = files.images[0]
    place, stem = _place(image), _stem(files)
    suffix = _safe(folder, labels_suffix(image))
    others = folder.pairing.drawn
    if len({observer for other in others for observer in other.labels}) == 1:
        for other in others[:1]:
            yield from _like_other(folder, other, files)
    yield f"{place}{stem}{_MARK}{suffix}"
    head, _, rest = place.partition("/")
    if head.lower().startswith("images"):
        yield f"{'labels' + head[len('images') :]}/{rest}{stem}{suffix}"


def _like_other(
    folder: CaseFolder, other: CaseFiles, files: CaseFiles
) -> Iterator[str]:
    """Name labels of a case as those of another one are named."""
    (labels, *_) = other.labelled
    place, stem = _place(labels), image_stem(labels.rpartition("/")[2])
    own = _stem(other)  # which letters in "mask" may be, too
    parts = stem.partition(own) if stem.startswith(own) else stem.rpartition(own)
    before, found, after = parts
    if found:
        place = _place(files.images[0]) if place == _place(other.images[0]) else place
        name = f"{place}{before}{_stem(files)}{after}"
        yield f"{name}{_safe(folder, labels_suffix(labels))}"


def _safe(folder: CaseFolder, suffix: str) -> str:
    """Take another format than that in which this folder keeps labels as colours."""
    is_picture = suffix.lower() in (".png", ".bmp")
    return ".tif" if is_picture and folder.labels.colours else suffix


def _stem(files: CaseFiles) -> str:
    """Return what labels of a case are named after."""
    return files.name or image_stem(files.images[0].rpartition("/")[2])


def _place(file: str) -> str:
    """Return the folder of a file, with "/" at its end."""
    place = file.rpartition("/")[0]
    return f"{place}/" if place else ""


def _observer_of(folder: CaseFolder, files: CaseFiles, file: str) -> str:
    """Tell who drew a file if it were there; "" if the folder were read otherwise."""
    names = tuple(sorted((*folder.listing.names, file)))
    try:
        _, pairing = recognise(replace(folder.listing, names=names))
    except (SpecimenUnetError, OSError):
        return ""
    found = {case.images: case for case in pairing.cases}
    others = [case for case in folder.pairing.cases if case.images != files.images]
    is_same = all(found.get(case.images) == case for case in others)
    case = found.get(files.images)
    if case is None or not is_same or len(found) != len(others) + 1:
        return ""
    drawn = {observer for observer, paths in case.labels.items() if paths == (file,)}
    return drawn.pop() if len(drawn) == 1 == len(case.labels) else ""
