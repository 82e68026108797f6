"""A made-up image of a tile's size: what an export is tried on.

Never a specimen: whoever gets an export must not get somebody's image with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.image import imsave

from specimen_unet.domain.phantoms import breast_ultrasound_phantom, specimen_phantom

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.plan import Plan

# Smaller phantoms show nothing; larger tiles get larger ones.
_LEAST = (16, 48, 48)
_COVER = 320  # pixels of each half


def phantom_tile(plan: Plan) -> Array:
    """Make an image (C, *patch) of float32 for the network of a plan."""
    channels = [_channel(plan.patch, seed) for seed in range(plan.image_channels)]
    return np.stack(channels).astype(np.float32)


def write_cover(path: Path, image: Array, classes: Array) -> None:
    """Draw the middle of an image, and beside it what the model finds there.

    Parameters
    ----------
    path : Path
        A PNG, twice as wide as high.
    image : ndarray, shape (*patch)
        Gray values.
    classes : ndarray of int, shape (*patch)
        Class of every voxel; 0 is background.
    """
    middle = len(image) // 2
    gray, found = (a if a.ndim == 2 else a[middle] for a in (image, classes))
    low, high = gray.min(), gray.max()
    plain = np.repeat(((gray - low) / max(high - low, 1))[..., np.newaxis], 3, axis=-1)
    orange = np.array((1, 0.55, 0))
    painted = np.where((found > 0)[..., np.newaxis], (plain + orange) / 2, plain)
    halves = [_enlarged(half) for half in (plain, painted)]
    imsave(path, np.concatenate(halves, axis=1))


def _channel(patch: tuple[int, ...], seed: int) -> Array:
    """Cut a tile out of the middle of a phantom."""
    least = _LEAST[-len(patch) :]
    shape = tuple(max(size, n) for size, n in zip(patch, least, strict=True))
    if len(patch) == 3:
        image = specimen_phantom(seed, shape).image[0]
    else:
        image = breast_ultrasound_phantom(seed, images=1, shape=shape).image[0, 0]
    middle = tuple(
        slice((have - size) // 2, (have - size) // 2 + size)
        for have, size in zip(shape, patch, strict=True)
    )
    tile: Array = image[middle]
    return tile


def _enlarged(picture: Array) -> Array:
    """Bring a picture (Y, X, 3) to the size of half a cover, nearest pixel."""
    rows, columns = (np.arange(_COVER) * size // _COVER for size in picture.shape[:2])
    enlarged: Array = picture[rows[:, np.newaxis], columns]
    return enlarged
