"""Connected parts of label images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array


def keep_largest(labels: Array) -> Array:
    """Keep of every label only its largest connected part.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X) or (Z, Y, X)
        Label image; 0 is background.

    Returns
    -------
    ndarray, same type and shape
        Other parts are 0. Voxels that share a face, an edge or a corner are
        connected; the largest has most voxels, the first of several that have.
    """
    kept = np.zeros_like(labels)
    # Each label in its bounding box: parts are counted in 4 bytes a voxel.
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            kept[box][_largest_part(labels[box] == label)] = label
    return kept


def _largest_part(mask: Array) -> Array:
    """Return the mask of the largest connected part of a mask that is not empty."""
    corners = np.ones((3,) * mask.ndim, bool)
    parts, count = ndimage.label(mask, structure=corners)
    # Slice by slice: bincount makes 8 bytes a voxel.
    sizes = np.zeros(count + 1, np.int64)
    for plane in parts:
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    sizes[0] = 0
    largest: Array = parts == sizes.argmax()
    return largest
