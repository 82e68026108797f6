"""What the cases of a folder are called."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from specimen_unet.files.images import image_stem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.files.pairing import CaseFiles


def case_names(cases: Iterable[CaseFiles]) -> dict[str, str]:
    """Give every case a name that no other has, the shortest that will do.

    Returns
    -------
    dict
        First image file -> name.
    """
    ordered = sorted(cases, key=lambda case: case.images)
    possible = {case.images[0]: _possible_names(case) for case in ordered}
    counts = [Counter(names) for names in zip(*possible.values(), strict=True)]
    taken: dict[str, str] = {}
    for image, names in possible.items():
        ways = zip(names, counts, strict=True)
        short = next((name for name, count in ways if count[name] == 1), names[-1])
        name, number = short, 2
        while name in taken:
            name = f"{short}-{number}"
            number += 1
        taken[name] = image
    return {image: name for name, image in taken.items()}


def _possible_names(case: CaseFiles) -> tuple[str, ...]:
    """Name a case by its file, with the folders, and with the suffix, too."""
    image = case.images[0]
    stem = case.name or image_stem(image.rpartition("/")[2])
    whole = image_stem(image).replace("/", "-")
    return stem, whole, image.replace("/", "-").replace(".", "-")
