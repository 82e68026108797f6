"""Whether an image shows anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import ImageError

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array


def check_gray_values(image: Array, what: str) -> None:
    """Refuse an image in which nothing can be told apart.

    Parameters
    ----------
    image : ndarray of a real dtype, any shape
        Gray values; memory-mapped and lazily loaded ones are not kept in memory.
    what : str
        How the image is called, at the start of a sentence.

    Raises
    ------
    ImageError
        If it is empty, holds NaN or infinity, or one value everywhere.
    """
    if image.size == 0:
        raise ImageError(f"{what} has no voxels (shape {image.shape}).")
    # NaN and infinity show in the extremes, which need no memory to find.
    low, high = np.asarray(image.min())[()], np.asarray(image.max())[()]
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(
            f"{what} holds values that are not numbers (NaN) or are infinite: replace "
            "them first, by 0 for example (numpy.nan_to_num)."
        )
    if low == high:
        raise ImageError(
            f"{what} is constant ({low} everywhere), so there is nothing to tell "
            "apart: choose the image that shows the specimen."
        )
