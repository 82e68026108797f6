"""Near-duplicates among the images of a folder, read one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.domain.near_duplicates import (
    alike_pairs,
    joined_groups,
    print_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from specimen_unet.domain.near_duplicates import Print
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found.

    Attributes
    ----------
    groups : dict
        Name of every case -> its group: that of the folder, joined where images of
        several show nearly the same.
    pairs : list of (str, str)
        Names of cases whose images do.
    failed : dict
        Name of a case whose image cannot be read -> why.
    """

    groups: dict[str, str]
    pairs: list[tuple[str, str]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many cases have a near-duplicate."""
        return len({name for pair in self.pairs for name in pair})


def find_near_duplicates(
    folder: CaseFolder,
    cases: Iterable[CaseFiles] | None = None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Duplicates:
    """Look for near-duplicates among the images of a folder.

    Parameters
    ----------
    folder : CaseFolder
        Whose groups stay together.
    cases : iterable of CaseFiles, optional
        Of the folder, by default all.
    is_wanted : callable
        Asked before each image; when it says no, what was read so far is compared.
    """
    everyone = folder.cases(needs_labels=False)
    prints: dict[str, Print] = {}
    failed: dict[str, str] = {}
    for files in cases if cases is not None else everyone:
        if not is_wanted():
            break
        name = folder.name(files)
        try:
            prints[name] = _print(folder, files)
        except (SpecimenUnetError, OSError) as error:
            failed[name] = str(error)
    pairs = alike_pairs(prints)
    known = {folder.name(files): folder.group(files) for files in everyone}
    return Duplicates(joined_groups(known, pairs), pairs, failed)


def _print(folder: CaseFolder, files: CaseFiles) -> Print:
    """Read an image, and keep only what is compared of it."""
    image, grid, _ = folder.image(files)
    return print_of(image if image.ndim > grid.dimensions else image[np.newaxis])
