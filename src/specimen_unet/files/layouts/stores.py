"""OME-Zarr stores, which hold an image and what observers drew on it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.pairing import CaseFiles

if TYPE_CHECKING:
    from specimen_unet.files.listing import Listing
    from specimen_unet.files.pairing import Pairing

_SUFFIX = re.compile(r"(\.ome)?\.zarr$", re.IGNORECASE)


def with_stores(listing: Listing, pairing: Pairing) -> Pairing:
    """Add the stores of a folder, each of which is a case, whatever the layout."""
    # zarr and dask take half a second to import.
    from specimen_unet.files.zarr_pyramid import open_pyramid

    cases = list(pairing.cases)
    reasons = dict(pairing.reasons)
    for store in listing.stores:
        case = CaseFiles((store,), name=_SUFFIX.sub("", store.rpartition("/")[2]))
        try:
            observers = open_pyramid(listing.root / store).observers
        except CaseReadError as error:
            observers = ()
            reasons[store] = str(error)
        for observer in observers:
            case.labels[observer] = (f"{store}/labels/{observer}",)
        if not observers:
            reasons.setdefault(store, "it holds no labels")
        cases.append(case)
    cases.sort(key=lambda case: case.images)
    return replace(pairing, cases=tuple(cases), reasons=dict(sorted(reasons.items())))
