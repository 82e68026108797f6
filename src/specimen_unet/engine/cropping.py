"""Blocks of a case brought onto the voxels of a patch, image and classes alike.

Images are interpolated linearly. Classes are names, not amounts: each voxel of a patch
takes the class of the nearest voxel of the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine.resampling import resample
from specimen_unet.engine.transfer import sent

if TYPE_CHECKING:
    from torch import Tensor

    from specimen_unet.domain.case import Array
    from specimen_unet.engine.source import Block


def plain_patch(block: Block, patch: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Stretch a block over a patch; exact where both have one size.

    Parameters
    ----------
    block : Block
        What the patch covers.
    patch : tuple of int
        Size of the patch.

    Returns
    -------
    image : Tensor of float32, shape (C, *patch)
    classes : Tensor of int16, shape (*patch)
    """
    image, classes = block.image, block.classes
    if tuple(classes.shape) != patch:
        image = resample(image[None], patch)[0]
        # Small whole numbers: exact in float32.
        classes = functional.interpolate(
            classes[None, None].float(), patch, mode="nearest-exact"
        )[0, 0].short()
    return image, classes


def affine_window(centre: Array, matrix: Array, patch: tuple[int, ...]) -> Array:
    """Return the window of a case that a turned patch needs.

    Parameters
    ----------
    centre : ndarray of float, shape (dimensions,)
        Where in the case the middle of the patch lies.
    matrix : ndarray of float, shape (dimensions, dimensions)
        From offsets in the patch to offsets in the case, both in voxels.
    patch : tuple of int
        Size of the patch.

    Returns
    -------
    ndarray of int, shape (dimensions, 2)
        First and last + 1 along each axis.
    """
    reach = np.abs(matrix) @ ((np.array(patch) - 1) / 2)
    low, high = np.floor(centre - reach), np.ceil(centre + reach) + 1
    return np.stack([low, high], axis=1).astype(int)


def affine_patch(
    block: Block, centre: Array, matrix: Array, patch: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Read a turned and scaled patch from a block.

    Parameters
    ----------
    block : Block
        At least what `affine_window` asked for; what it lacks is empty.
    centre, matrix, patch
        As in `affine_window`.

    Returns
    -------
    image : Tensor of float32, shape (C, *patch)
    classes : Tensor of int16, shape (*patch)
    """
    image = block.image[None]
    # From 0, so that what lies outside, which is read as 0, becomes IGNORED.
    classes = block.classes[None, None].float() - IGNORED
    theta = sent(_theta(block, centre, matrix, patch), image.device)
    grid = functional.affine_grid(theta, [1, 1, *patch], align_corners=False)
    image = functional.grid_sample(image, grid, mode="bilinear", align_corners=False)
    classes = functional.grid_sample(classes, grid, mode="nearest", align_corners=False)
    return image[0], classes[0, 0].round().short() + IGNORED


def _theta(block: Block, centre: Array, matrix: Array, patch: tuple[int, ...]) -> Array:
    """Return the map in PyTorch's units: edges at -1 and 1, last axis first."""
    length = np.array(block.classes.shape)
    linear = matrix * np.array(patch) / length[:, np.newaxis]
    shift = (2 * (centre - block.start) + 1) / length - 1
    theta = np.concatenate([linear[::-1, ::-1], shift[::-1, np.newaxis]], axis=1)
    return theta[np.newaxis].astype(np.float32)
