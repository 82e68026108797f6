"""Small pictures of images, with outlines of what is drawn on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

THUMBNAIL = 40
"""Pixels along the longer side of a thumbnail."""

_DARKEST, _BRIGHTEST = 1, 99  # percent of the pixels that may be cut off
# Okabe and Ito's, which nearly everybody can tell apart.
_DRAWN, _PREDICTED = (230, 159, 0), (86, 180, 233)


def thumbnail_of(image: Array, dimensions: int, *, is_coloured: bool) -> Array:
    """Make a small picture of an image.

    Parameters
    ----------
    image : ndarray or dask.array.Array, shape (*spatial) or (C, *spatial)
    dimensions : {2, 3}
        Of a volume the middle slice is taken.
    is_coloured : bool
        Whether three channels are red, green and blue.

    Returns
    -------
    ndarray of uint8, shape (Y, X) or (Y, X, 3)
    """
    channels = image if image.ndim > dimensions else image[np.newaxis]
    middle = (slice(None), channels.shape[1] // 2)
    plane: Array = np.asarray(channels if dimensions == 2 else channels[middle])
    small = _shrunk(plane.astype(np.float32))
    if is_coloured and len(small) >= 3:
        return np.ascontiguousarray(np.moveaxis(small[:3], 0, -1).astype(np.uint8))
    gray = np.nan_to_num(small[0])
    low, high = np.percentile(gray, (_DARKEST, _BRIGHTEST))
    scaled = (gray - low) / max(high - low, 1e-12)
    picture: Array = (scaled.clip(0, 1) * 255).astype(np.uint8)
    return picture


def _shrunk(plane: Array) -> Array:
    """Make every few pixels (C, Y, X) one, which is their mean."""
    step = _step(plane.shape[-2:])
    height, width = (max(size // step, 1) for size in plane.shape[-2:])
    whole = plane[:, : height * step, : width * step]
    rows = np.add.reduceat(whole, np.arange(0, whole.shape[1], step), axis=1)
    summed = np.add.reduceat(rows, np.arange(0, whole.shape[2], step), axis=2)
    small: Array = summed / (min(step, whole.shape[1]) * min(step, whole.shape[2]))
    return small


def outline_of(labels: Array) -> Array:
    """Find the outlines of labels on the thumbnail of their image.

    Parameters
    ----------
    labels : ndarray of int, shape (*spatial)
        Of a volume the middle slice is taken, as of its image.

    Returns
    -------
    ndarray of bool, shape (Y, X)
        The outermost pixels of every label, however small it is.
    """
    plane = np.asarray(labels[len(labels) // 2] if labels.ndim > 2 else labels)
    step = _step(plane.shape)
    height, width = (max(size // step, 1) for size in plane.shape)
    whole = plane[: height * step, : width * step]
    rows = np.maximum.reduceat(whole, np.arange(0, whole.shape[0], step), axis=0)
    small = np.maximum.reduceat(rows, np.arange(0, whole.shape[1], step), axis=1)
    around = np.pad(small, 1, mode="edge")
    sides = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    edge: Array = (small > 0) & np.any([side != small for side in sides], axis=0)
    return edge


def outlined(
    thumbnail: Array, drawn: Array | None = None, predicted: Array | None = None
) -> Array:
    """Draw outlines on a thumbnail: a prediction in blue, an observer in orange.

    Parameters
    ----------
    thumbnail : ndarray of uint8, shape (Y, X) or (Y, X, 3)
    drawn, predicted : ndarray of bool, shape (Y, X), optional
        From `outline_of`; one of another shape belongs to another image.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3), or the thumbnail if there is no outline
    """
    pairs = ((predicted, _PREDICTED), (drawn, _DRAWN))
    fitting = [
        (outline, colour)
        for outline, colour in pairs
        if outline is not None and outline.shape == thumbnail.shape[:2]
    ]
    if not fitting:
        return thumbnail
    is_gray = thumbnail.ndim == 2
    picture = np.stack([thumbnail] * 3, axis=-1) if is_gray else thumbnail.copy()
    for outline, colour in fitting:
        picture[outline] = colour
    return picture


def _step(shape: tuple[int, ...]) -> int:
    """Count the pixels along an axis that become one."""
    return max(1, -(-max(shape) // THUMBNAIL))
