"""The ways in which people lay out folders of cases, each with its recogniser.

A recogniser looks at a `Listing` and answers with a `Pairing`, or with None where the
folder is not laid out in its way. ``auto`` asks them in the order of `LAYOUTS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.case_options import AUTO
from specimen_unet.files.layouts.datasets import (
    recognise_msd,
    recognise_nnunet,
    with_names,
)
from specimen_unet.files.layouts.names import recognise_names
from specimen_unet.files.layouts.numbered_masks import recognise_numbered_masks
from specimen_unet.files.layouts.stores import with_stores
from specimen_unet.files.layouts.two_folders import recognise_two_folders
from specimen_unet.files.pairing import says_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.files.listing import Listing
    from specimen_unet.files.pairing import Pairing


class Layout(NamedTuple):
    """A way to lay out a folder: in words, and how it is recognised."""

    summary: str
    recognise: Callable[[Listing], Pairing | None]


LAYOUTS = {
    "nnunet": Layout(
        "imagesTr/NAME_0000.nii.gz (a file a channel) and labelsTr/NAME.nii.gz",
        recognise_nnunet,
    ),
    "msd": Layout("dataset.json, which names images and labels", recognise_msd),
    "numbered-masks": Layout(
        "NAME.png, NAME_mask.png, and NAME_mask_1.png for more of the same mask",
        recognise_numbered_masks,
    ),
    "names": Layout(
        "images/ and labels/ with the same names, or NAME.tif and NAME_labels.tif "
        "(several observers: labels-EA/, NAME_EA.tif)",
        recognise_names,
    ),
    "two-folders": Layout(
        "two folders whatever they are called, one of images, one of labels",
        recognise_two_folders,
    ),
}


def recognise(listing: Listing, layout: str = AUTO) -> tuple[str, Pairing]:
    """Find out how a folder is laid out, and pair its files.

    Parameters
    ----------
    listing : Listing
        The folder.
    layout : str
        One of `LAYOUTS`, or "auto".

    Returns
    -------
    layout : str
        One of `LAYOUTS`.
    pairing : Pairing
        With a reason for every image file that is in no case.

    Raises
    ------
    CaseReadError
        If the layout has no such name, or the folder is not laid out like it.
    """
    found, pairing = _recognised(listing, layout)
    pairing = with_names(listing, pairing)
    return found, with_stores(listing, pairing) if listing.stores else pairing


def _recognised(listing: Listing, layout: str) -> tuple[str, Pairing]:
    if layout == AUTO:
        return _first_that_fits(listing)
    if layout not in LAYOUTS:
        raise CaseReadError(
            f"There is no layout {layout!r}: choose one of {', '.join(LAYOUTS)}, or "
            f"{AUTO}."
        )
    pairing = LAYOUTS[layout].recognise(listing)
    if pairing is None:
        raise CaseReadError(
            f"{listing.root} is not laid out as {layout}: {LAYOUTS[layout].summary} "
            f"were expected. Lay it out like that, or choose the layout {AUTO}."
        )
    return layout, pairing


def _first_that_fits(listing: Listing) -> tuple[str, Pairing]:
    """Ask one recogniser after the other; two folders are tried where names fail."""
    for name in ("nnunet", "msd", "numbered-masks"):
        pairing = LAYOUTS[name].recognise(listing)
        if pairing is not None:
            return name, pairing
    by_name = recognise_names(listing)
    if by_name.drawn and not by_name.reasons and _is_sure(by_name):
        return "names", by_name
    by_folder = recognise_two_folders(listing)
    least = _paired(by_name) + _is_sure(by_name)
    if by_folder is not None and _paired(by_folder) >= max(least, 1):
        return "two-folders", by_folder
    return "names", by_name


def _paired(pairing: Pairing) -> int:
    """Count the files of labels that have an image."""
    return sum(len(case.labelled) for case in pairing.drawn)


def _is_sure(pairing: Pairing) -> bool:
    """Whether all that was taken for labels is called labels, mask, ..."""
    return all(says_labels(file) for case in pairing.drawn for file in case.labelled)
