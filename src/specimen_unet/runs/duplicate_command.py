"""``specimen-unet cases FOLDER --near-duplicates``."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.cases import why_no_cases
from specimen_unet.files.group_table import GROUPS_FILE, save_groups
from specimen_unet.files.near_duplicates import find_near_duplicates
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.case_survey import listed, shown

if TYPE_CHECKING:
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.near_duplicates import Duplicates


def near_duplicates(folder: CaseFolder, *, saves: bool) -> Answer:
    """Show which images show nearly the same; they become one group.

    Parameters
    ----------
    folder : CaseFolder
        Whose images are all read.
    saves : bool
        Whether the groups are written into the folder's groups.csv.

    Raises
    ------
    CaseReadError
        If the folder holds no images, or the table cannot be written.
    """
    cases = folder.cases(needs_labels=False)
    if not cases:
        raise CaseReadError(why_no_cases(folder))
    found = find_near_duplicates(folder, shown(cases, "Comparing"))
    if saves:
        splits = {folder.name(files): folder.split(files) for files in cases}
        save_groups(folder.listing.root, folder.names, found.groups, splits)
    content = {
        "groups": found.groups,
        "pairs": [list(pair) for pair in found.pairs],
        "failed": found.failed,
        "saved": saves,
    }
    status = Status.SOME_FILES_FAILED if found.failed else Status.OK
    return Answer(_text(folder, found, saves), content, status)


def _text(folder: CaseFolder, found: Duplicates, saves: bool) -> str:
    """Name the members of every group of near-duplicates."""
    members: dict[str, list[str]] = defaultdict(list)
    alike = {name for pair in found.pairs for name in pair}
    for name, group in found.groups.items():
        if name in alike:
            members[group].append(name)
    table = folder.listing.root / GROUPS_FILE
    lines = [
        f"Near-duplicates: {found.cases} of {len(found.groups)} cases, "
        f"in {len(members)} groups",
        *(f"  {group}: {', '.join(names)}" for group, names in members.items()),
        *listed("Cannot be read", found.failed),
    ]
    if saves:
        lines.append(f"Written: {table}")
    elif members:
        lines.append(f"Nothing was written: --save-groups puts them into {table}.")
    return "\n".join(lines)
