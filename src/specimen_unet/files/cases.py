"""Folders of cases: images with the labels that belong to them."""

from __future__ import annotations

import csv
import os
import warnings
from collections import Counter
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.files.cautions import SpacingWarning, UnpairedFilesWarning
from specimen_unet.files.images import (
    SUFFIXES,
    image_stem,
    read_image,
    read_labels,
)
from specimen_unet.files.pairing import MOST_LABELS, Pairing, pair_names, says_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

GROUPS_FILE = "groups.csv"

_LAYOUTS = (
    "Put images into images/ and labels of the same names into labels/ (several "
    "observers: labels-EA/, labels-MG/), or name them NAME.tif and NAME_labels.tif "
    "(several observers: NAME_EA.tif, NAME_MG.tif)."
)
_MOST_NAMES = 10


def read_cases(folder: str | Path, *, needs_labels: bool = True) -> list[Case]:
    """Read every case of a folder, with its observers, spacing and unit.

    Files are paired by their names: ``images/032.tif`` with ``labels/032.tif`` (or
    ``labels-EA/``, ``labels/EA/``), ``032.tif`` with ``032_labels.tif`` (or
    ``032_EA.tif``); in folders of folders too. Masks of 0 and 255 become 0 and 1.

    A table ``groups.csv`` with the columns ``image`` (or ``case``) and ``group``
    says which cases belong together; without it every case is a group of its own.

    Parameters
    ----------
    folder : str or Path
        The folder.
    needs_labels : bool
        Whether images without labels are left out, with a warning. Otherwise they
        become cases without observers (to be segmented).

    Returns
    -------
    list of Case
        By name; no two have the same one.

    Raises
    ------
    CaseReadError
        If the folder is missing, nothing in it pairs, or a file cannot be read or
        does not fit its partner.

    Warns
    -----
    UnpairedFilesWarning
        Names images without labels, and labels without image.
    SpacingWarning
        If labels have another spacing than their image.
    """
    folder = Path(folder)
    pairing = pair_names(_files_in(folder))
    observers = dict(pairing.pairs)
    if not needs_labels:
        observers |= {image: {} for image in pairing.images}
    if not observers:
        raise CaseReadError(_nothing_pairs(folder, pairing))
    _warn_of_unpaired(folder, pairing, needs_labels)
    names = _case_names(observers)
    groups = _groups(folder)
    # No loop of our own between here and the warnings: they point to the caller.
    parts = (
        (folder, image, observers[image], name, _group_of(image, name, groups))
        for image, name in names.items()
    )
    return sorted(starmap(_read_case, parts), key=lambda case: case.name)


def _files_in(folder: Path) -> Iterator[str]:
    """List the files of a folder and of those in it, with "/" between folders."""
    if not folder.is_dir():
        raise CaseReadError(
            f"There is no folder {folder}: choose the folder that holds the images."
        )
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            yield (Path(place) / name).relative_to(folder).as_posix()


def _read_case(
    folder: Path, image: str, observers: Mapping[str, str], name: str, group: str
) -> Case:
    values, grid = read_image(folder / image)
    shape = values.shape[-grid.dimensions :]
    drawn = {}
    for observer, path in observers.items():
        labels, labels_grid = read_labels(folder / path)
        if labels.shape != shape:
            raise CaseReadError(
                f"{folder / path} is {labels.shape} voxels but its image "
                f"{folder / image} is {shape}: use labels drawn on this image, or "
                "rename the file if the two do not belong together."
            )
        _check_values(labels, folder / path)
        _warn_of_spacing(labels_grid, grid, folder / path, folder / image)
        drawn[observer] = _from_mask(labels)
    try:
        return Case(
            values, drawn, spacing=grid.spacing, unit=grid.unit, name=name, group=group
        )
    except SpecimenUnetError as error:
        raise CaseReadError(f"{folder / image} holds no case. {error}") from error


def _from_mask(labels: Array) -> Array:
    """Turn a mask of 0 and 255 into labels 0 and 1."""
    is_mask = labels.max(initial=0) == 255 and np.isin(labels, (0, 255)).all()
    return (labels > 0).astype(np.uint8) if is_mask else labels


def _check_values(labels: Array, path: Path) -> None:
    """Refuse a second image that was taken for labels because of its name."""
    number = np.unique(labels).size
    if number > MOST_LABELS and not says_labels(f"{path.parent.name}/{path.name}"):
        raise CaseReadError(
            f"{path} was taken for labels because of its name, but holds {number} "
            "values and looks like an image. If it is labels, name it "
            f"NAME_labels; if not, rename it or move it away. {_LAYOUTS}"
        )


def _warn_of_spacing(labels: Grid, image: Grid, path: Path, image_path: Path) -> None:
    is_told = labels.unit != "pixel" or set(labels.spacing) != {1.0}
    if is_told and not _same_size(labels, image):
        warnings.warn(
            f"{path} has the spacing {labels.spacing} {labels.unit} but its image "
            f"{image_path} has {image.spacing} {image.unit}: the image's is used.",
            SpacingWarning,
            stacklevel=4,
        )


def _same_size(labels: Grid, image: Grid) -> bool:
    return labels.can_be_in(image.unit) and labels.in_unit(image.unit).same_spacing(
        image
    )


def _warn_of_unpaired(folder: Path, pairing: Pairing, needs_labels: bool) -> None:
    told = []
    if pairing.images and needs_labels:
        told.append(f"images without labels: {_listed(pairing.images)}")
    if pairing.labels:
        told.append(f"labels without image: {_listed(pairing.labels)}")
    if told:
        warnings.warn(
            f"In {folder} these files were left out. {'; '.join(told).capitalize()}.",
            UnpairedFilesWarning,
            stacklevel=3,
        )


def _nothing_pairs(folder: Path, pairing: Pairing) -> str:
    found = [*pairing.images, *pairing.labels]
    if not found:
        return (
            f"{folder} holds no images: files that end with "
            f"{', '.join(reversed(SUFFIXES))} were expected."
        )
    return f"In {folder} no image has labels. Found were {_listed(found)}. {_LAYOUTS}"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _case_names(images: Iterable[str]) -> dict[str, str]:
    """Give every image file a name that no other has, the shortest that will do."""
    stems = {image: image_stem(image.rpartition("/")[2]) for image in sorted(images)}
    count = Counter(stems.values())
    taken: dict[str, str] = {}
    for image, stem in stems.items():
        short = stem if count[stem] == 1 else image_stem(image).replace("/", "-")
        name, number = short, 2
        while name in taken:
            name = f"{short}-{number}"
            number += 1
        taken[name] = image
    return {image: name for name, image in taken.items()}


def _groups(folder: Path) -> dict[str, str]:
    """Read groups.csv: file or case -> group. Empty when there is no such table."""
    path = folder / GROUPS_FILE
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CaseReadError(
            f"{path} is no text in UTF-8: save it as CSV UTF-8."
        ) from None
    lines = text.splitlines()
    semicolons = bool(lines) and lines[0].count(";") > lines[0].count(",")
    table = list(csv.DictReader(lines, delimiter=";" if semicolons else ","))
    columns = {(column or "").strip().lower(): column for column in (table or [{}])[0]}
    key = columns.get("image", columns.get("case"))
    if key is None or "group" not in columns:
        raise CaseReadError(
            f"{path} has the columns {', '.join(columns) or 'none'}, but the columns "
            "image (or case) and group were expected, and at least one row."
        )
    group = columns["group"]
    return {(row[key] or "").strip(): (row[group] or "").strip() for row in table}


def _group_of(image: str, name: str, groups: Mapping[str, str]) -> str:
    """Find the group under the file's path, its name, its stem, or the case's name."""
    file = image.rpartition("/")[2]
    keys = (image, file, image_stem(file), name)
    return next((groups[key] for key in keys if groups.get(key)), name)
