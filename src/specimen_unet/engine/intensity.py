"""Gray values of every image on one scale, without rewriting the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.settings import Normalisation

# Statistics need no more voxels than this a channel; big images are thinned out.
_SAMPLE = 4_000_000

PERCENTILES = (0.5, 99.5)
"""What the method "percentile" brings to 0 and 1."""


def intensity_scale(image: Array, method: Normalisation) -> tuple[Array, Array]:
    """Find the offset and factor that normalise an image: (x - offset) * factor.

    Parameters
    ----------
    image : ndarray, shape (C, *spatial)
        Gray values, as stored.
    method : {"z-score", "percentile", "range"}
        Bring mean and standard deviation to 0 and 1; or the 0.5 and 99.5
        percentiles, or the least and the greatest value, to 0 and 1.

    Returns
    -------
    offset, factor : ndarray of float32, shape (C,)
        Of each channel. A constant channel has the factor 1.
    """
    scales = [_channel_scale(_sample(channel), method) for channel in image]
    offset, width = np.array(scales, np.float64).T
    factor = 1 / np.where(width > 0, width, 1)
    return offset.astype(np.float32), factor.astype(np.float32)


def normalised(image: Array, offset: Array, factor: Array) -> Array:
    """Apply a scale of `intensity_scale` to (part of) an image.

    Parameters
    ----------
    image : ndarray, shape (C, *spatial)
        Gray values, as stored.
    offset, factor : ndarray of float32, shape (C,)
        Of each channel.

    Returns
    -------
    ndarray of float32, shape (C, *spatial)
        A new array.
    """
    per_channel = (-1,) + (1,) * (image.ndim - 1)
    values = np.array(image, np.float32)
    values -= offset.reshape(per_channel)
    values *= factor.reshape(per_channel)
    return values


def _sample(channel: Array) -> Array:
    """Thin a big channel out evenly; the odd step keeps it from following columns."""
    step = channel.size // _SAMPLE | 1
    return np.asarray(channel.reshape(-1)[::step], np.float64)


def _channel_scale(values: Array, method: Normalisation) -> tuple[float, float]:
    """Return the value that becomes 0 and the width that becomes 1."""
    if method == "z-score":
        return float(values.mean()), float(values.std())
    if method == "percentile":
        low, high = np.percentile(values, PERCENTILES)
    else:
        low, high = values.min(), values.max()
    return float(low), float(high - low)
