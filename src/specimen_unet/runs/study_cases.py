"""The cases of a study, written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.case import Case
from specimen_unet.runs.storage import allow_open_cases, read_case, write_case
from specimen_unet.runs.study_record import stored_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_study_cases(folder: Path, cases: Iterable[Case]) -> list[Case]:
    """Write cases one after the other, and open them as memory maps.

    Marks are not written: every case of a study is held out once.

    Parameters
    ----------
    folder : Path
        Where each gets a folder of its own.
    cases : iterable of Case
        Only one of them is in memory at a time.

    Returns
    -------
    list of Case
        Those marked for test come last, with name and group only: nothing of them is
        written.
    """
    written: list[Case] = []
    tests: list[Case] = []
    for case in cases:
        if case.split == "test":
            pixel = np.zeros((1,) * case.grid.dimensions, np.uint8)
            left_out = Case(pixel, name=case.name, group=case.group, split="test")
            tests.append(left_out)
            continue
        place = folder / stored_name(len(written))
        write_case(place, case.with_split(""))
        allow_open_cases(len(written) + 1)
        written.append(read_case(place))
    return written + tests
