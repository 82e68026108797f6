"""Masks that go on in further files, as in BUSI.

``benign (4).png`` with ``benign (4)_mask.png``; a second tumour is drawn in ``benign
(4)_mask_1.png``, which belongs to the same mask. Images often lie in one folder a
class.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from specimen_unet.files.images import image_stem
from specimen_unet.files.pairing import ONLY_OBSERVER, Pairing, pair_names

if TYPE_CHECKING:
    from specimen_unet.files.listing import Listing
    from specimen_unet.files.pairing import CaseFiles

_NUMBERED = re.compile(r"(.*masks?)[-_ ]?\d+", re.IGNORECASE)


def recognise_numbered_masks(listing: Listing) -> Pairing | None:
    """Join NAME_mask_1 to NAME_mask; None where no mask goes on in further files."""
    by_name = pair_names(listing.images, listing.series)
    cases = tuple(map(_joined, by_name.cases))
    if cases == by_name.cases:
        return None
    return Pairing(cases, by_name.reasons)


def _joined(case: CaseFiles) -> CaseFiles:
    """Make numbered masks parts of the mask that they are numbered after."""
    first = case.labels.get(ONLY_OBSERVER)
    if first is None:
        return case
    mask = image_stem(first[0])
    parts: dict[str, list[str]] = defaultdict(list)
    for observer, files in case.labels.items():
        number = _NUMBERED.fullmatch(image_stem(files[0]))
        is_part = observer.isdigit() and number is not None and number[1] == mask
        parts[ONLY_OBSERVER if is_part else observer] += files
    labels = {observer: tuple(sorted(files)) for observer, files in parts.items()}
    return replace(case, labels=labels)
