"""Labels are called like their image, in a folder beside it or with a suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.files.pairing import pair_names

if TYPE_CHECKING:
    from specimen_unet.files.listing import Listing
    from specimen_unet.files.pairing import Pairing


def recognise_names(listing: Listing) -> Pairing:
    """Pair by names alone; every folder is laid out in this way, well or badly."""
    return pair_names(listing.images, listing.series)
