"""Which cases belong together: patient, specimen, near-duplicates.

A table ``groups.csv`` says it, or a pattern that a person gives. Where neither does,
names such as ``12_3.jpg`` (patient 12, image 3) are taken at their word, if all names
are like that; this is told, since it is assumed. A column ``split`` of the table says
what cases are to be used for.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.group_table import GROUPS_FILE, GroupTable
from specimen_unet.files.images import image_stem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specimen_unet.domain.case import SplitMark

__all__ = ["GROUPS_FILE", "Groups", "find_groups"]

PREFIX = re.compile(r"([A-Za-z]*\d+)[_-]\d+")
"""PATIENT_IMAGE: a number, perhaps after letters, and a second number."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of every case, and how it is known.

    Attributes
    ----------
    of_image : dict
        Image file -> group.
    source : str
        "table", "pattern", "prefix" (assumed) or "none".
    note : str
        What a person should know about it, in a sentence.
    splits : dict
        Image file -> what it is to be used for, where somebody said.
    """

    of_image: dict[str, str] = field(default_factory=dict)
    source: str = "none"
    note: str = ""
    splits: dict[str, SplitMark] = field(default_factory=dict)


def find_groups(
    root: Path, names: Mapping[str, str], pattern: str | None = None
) -> Groups:
    r"""Find the group of every case.

    Parameters
    ----------
    root : Path
        The folder.
    names : mapping of str to str
        Image file -> name of the case.
    pattern : str, optional
        Regular expression that is searched for in the file's name, or else in its
        path (both without suffix); its first bracket is the group: ``(\d+)_``. An
        empty one makes every case a group of its own. Without it, groups.csv is
        used when there is one. Splits are those of groups.csv in any case.

    Raises
    ------
    CaseReadError
        If the pattern or the table make no sense, or the pattern is not found in
        some of the files.
    """
    path = root / GROUPS_FILE
    table = GroupTable.read(path) if path.is_file() else None
    groups = _groups(names, pattern, table)
    if table is None:
        return groups
    marks = {image: table.split(image, name) for image, name in names.items()}
    return replace(groups, splits={key: mark for key, mark in marks.items() if mark})


def _groups(
    names: Mapping[str, str], pattern: str | None, table: GroupTable | None
) -> Groups:
    if pattern == "":
        return Groups(dict(names))
    if pattern is not None:
        return _by_pattern(names, pattern)
    if table is not None:
        return _by_table(table, names)
    return _by_prefix(names) or Groups(dict(names))


def _by_pattern(names: Mapping[str, str], pattern: str) -> Groups:
    try:
        known = re.compile(pattern)
    except re.error as error:
        raise CaseReadError(
            f"The group pattern {pattern!r} is no regular expression ({error})."
        ) from None
    if known.groups < 1:
        raise CaseReadError(
            f"The group pattern {pattern!r} has no brackets: put the part that is the "
            r"group in brackets, as in (\d+)_ for 12_3.jpg."
        )
    found = {image: known.search(_file_stem(image)) for image in names}
    found |= {
        image: known.search(image_stem(image)) for image in names if not found[image]
    }
    without = [image for image, match in found.items() if not (match and match[1])]
    if without:
        raise CaseReadError(
            f"The group pattern {pattern!r} finds no group in {len(without)} of "
            f"{len(names)} images ({', '.join(without[:3])}): change the pattern, or "
            f"write a table {GROUPS_FILE}."
        )
    of_image = {image: match[1] for image, match in found.items() if match}
    return Groups(of_image, "pattern", f"{_number(of_image)} by the pattern {pattern}")


def _by_prefix(names: Mapping[str, str]) -> Groups | None:
    """Take PATIENT_IMAGE at its word, if all names say so and it groups anything."""
    found = {image: PREFIX.fullmatch(_file_stem(image)) for image in names}
    of_image = {image: match[1] for image, match in found.items() if match}
    sizes = Counter(of_image.values())
    if len(of_image) < len(names) or not 1 < len(sizes) < len(names):
        return None
    image = min(of_image, key=lambda image: (-sizes[of_image[image]], image))
    return Groups(
        of_image,
        "prefix",
        f"{_number(of_image)} assumed from the names: {image.rpartition('/')[2]} is "
        f"taken for an image of group {of_image[image]}. A table {GROUPS_FILE} or a "
        "group pattern says otherwise (an empty one: every case is its own group)",
    )


def _by_table(table: GroupTable, names: Mapping[str, str]) -> Groups:
    found = {image: table.group(image, name) for image, name in names.items()}
    of_image = {image: found[image] or name for image, name in names.items()}
    missing = [image for image in names if not found[image]]
    note = f"{_number(of_image)} from {GROUPS_FILE}"
    if missing:
        note += (
            f"; {len(missing)} images are not in it and are groups of their own "
            f"({', '.join(missing[:3])})"
        )
    return Groups(of_image, "table", note)


def _file_stem(image: str) -> str:
    return image_stem(image.rpartition("/")[2])


def _number(of_image: Mapping[str, str]) -> str:
    """Count the groups in words."""
    groups = len(set(of_image.values()))
    return f"{groups} group{'s' * (groups != 1)} of {len(of_image)} cases"
