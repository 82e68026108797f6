"""Blocks of a case brought onto the voxels of a patch, image and classes alike.

Images are interpolated linearly. Classes are names, not amounts: each voxel of a patch
takes the class of the nearest voxel of the case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine.resampling import resample
from specimen_unet.engine.transfer import sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from specimen_unet.domain.case import Array
    from specimen_unet.engine.source import Block


def plain_patch(
    block: Block, patch: tuple[int, ...], *, antialiased: bool = False
) -> tuple[Tensor, Tensor]:
    """Stretch a block over a patch; exact where both have one size.

    Parameters
    ----------
    block : Block
        What the patch covers.
    patch : tuple of int
        Size of the patch.
    antialiased : bool, optional
        Whether voxels that become fewer are averaged.

    Returns
    -------
    image : Tensor of float32, shape (C, *patch)
    classes : Tensor of int16, shape (O, *patch)
    """
    image, classes = block.image, block.classes
    if tuple(classes.shape[1:]) != patch:
        image = resample(image[None], patch, antialiased=antialiased)[0]
        # Small whole numbers: exact in float32.
        classes = functional.interpolate(
            classes[None].float(), patch, mode="nearest-exact"
        )[0].short()
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
    block: Block,
    centre: Array,
    matrix: Array,
    patch: tuple[int, ...],
    averaged: Array | None = None,
) -> tuple[Tensor, Tensor]:
    """Read a turned and scaled patch from a block.

    Parameters
    ----------
    block : Block
        At least what `affine_window` asked for; what it lacks is empty.
    centre, matrix, patch
        As in `affine_window`. In 3D one axis is not turned, as `draw_affine` has it:
        the planes across it are read at once, which a CPU does many times faster than
        reading a volume, and gives the same.
    averaged : ndarray of float, shape (dimensions,), optional
        How many gray values along each axis are averaged to one before they are read,
        1 or more; none without.

    Returns
    -------
    image : Tensor of float32, shape (C, *patch)
    classes : Tensor of int16, shape (O, *patch)
    """
    middle = centre - block.start
    places = _places(block.classes, middle, matrix, patch)
    classes = _turned(block.classes, places, _CLASSES)
    image = block.image
    if averaged is not None and (averaged > 1).any():
        image, factor = _shrunk(image, averaged)
        middle = (middle + 0.5) / factor - 0.5
        matrix = matrix / factor[:, np.newaxis]
        places = _places(image, middle, matrix, patch)
    return _turned(image, places, _GRAY_VALUES), classes


def _shrunk(image: Tensor, averaged: Array) -> tuple[Tensor, Array]:
    """Average voxels to whole ones; return how many each is made of, too."""
    before = np.array(image.shape[1:])
    after = np.maximum(1, np.rint(before / averaged)).astype(int)
    image = resample(image[None], after.tolist(), antialiased=True)[0]
    return image, before / after


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a patch is read: planes along the axis that is not turned, and in each.

    In 2D there is no such axis.
    """

    axis: int | None
    planes: Array
    grid: Tensor


def _places(
    values: Tensor, middle: Array, matrix: Array, patch: tuple[int, ...]
) -> _Places:
    """Tell where in values (N, *size) a patch is read."""
    axis = _straight_axis(matrix)
    if axis is None:
        return _Places(axis, np.array([]), _grid(values, middle, matrix, patch))
    others = [other for other in range(len(patch)) if other != axis]
    size = tuple(patch[other] for other in others)
    across = values.movedim(axis + 1, 1)
    grid = _grid(across, middle[others], matrix[np.ix_(others, others)], size)
    offsets = np.arange(patch[axis]) - (patch[axis] - 1) / 2
    return _Places(axis, middle[axis] + matrix[axis, axis] * offsets, grid)


def _turned(values: Tensor, places: _Places, kind: _Reading) -> Tensor:
    """Read values (N, *size)."""
    if places.axis is None:
        return kind.in_planes(values, places.grid)
    planes = kind.planes(values.movedim(places.axis + 1, 1), places.planes)
    return kind.in_planes(planes, places.grid).movedim(1, places.axis + 1)


def _grid(
    planes: Tensor, middle: Array, matrix: Array, patch: tuple[int, ...]
) -> Tensor:
    """Return where planes (..., Y, X) are read, in PyTorch's units (1, *patch, 2)."""
    theta = _theta(np.array(planes.shape[-2:]), middle, matrix, np.array(patch))
    size = [1, 1, *patch]
    return functional.affine_grid(sent(theta, planes.device), size, align_corners=False)


def _straight_axis(matrix: Array) -> int | None:
    """Return the axis that a map in 3D leaves to itself; None in 2D.

    Raises
    ------
    ValueError
        If every axis is turned.
    """
    if len(matrix) == 2:
        return None
    mixed = (matrix != 0) & ~np.eye(len(matrix), dtype=bool)
    straight = np.flatnonzero(~mixed.any(0) & ~mixed.any(1))
    if not straight.size:
        raise ValueError(f"a turn in one plane was expected, not {matrix.tolist()}")
    return int(straight[0])


def _between(planes: Tensor, grid: Tensor) -> Tensor:
    """Read planes (..., Y, X) between voxels, where a grid (1, *size, 2) says."""
    flat = planes.reshape(1, -1, *planes.shape[-2:])
    read = functional.grid_sample(flat, grid, mode="bilinear", align_corners=False)
    return read.reshape(*planes.shape[:-2], *read.shape[-2:])


def _nearest(planes: Tensor, grid: Tensor) -> Tensor:
    """Read planes of classes (..., Y, X) where a grid (1, *size, 2) says.

    `grid_sample` can do so, too, but in float32 and ten times as slowly.
    """
    height, width = planes.shape[-2:]
    column, row = grid[0].unbind(-1)
    row = (((row + 1) * height - 1) / 2).round().long()
    column = (((column + 1) * width - 1) / 2).round().long()
    is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    voxel = torch.where(is_inside, row * width + column, 0)
    read = planes.flatten(-2).index_select(-1, voxel.flatten())
    read = read.reshape(*read.shape[:-1], *voxel.shape)
    return read.masked_fill_(~is_inside, IGNORED)


def _mixed(image: Tensor, places: Array) -> Tensor:
    """Mix the planes of an image (C, Z, Y, X) beside places along Z."""
    weights = sent(_weights(places, image.shape[1]), image.device)
    mixed: Tensor = (weights @ image.flatten(2)).unflatten(2, image.shape[2:])
    return mixed


def _weights(places: Array, length: int) -> Array:
    """Return the weights of voxels in a row at places between them, (places, length).

    Outside, there is 0.
    """
    distances = np.abs(places[:, np.newaxis] - np.arange(length))
    weights: Array = np.maximum(1 - distances, 0).astype(np.float32)
    return weights


def _rows(classes: Tensor, places: Array) -> Tensor:
    """Take the planes of classes (O, Z, Y, X) that are nearest to places along Z."""
    nearest = np.rint(places).astype(int)
    is_outside = (nearest < 0) | (nearest >= classes.shape[1])
    nearest[is_outside] = 0
    taken = classes.index_select(1, sent(nearest, classes.device))
    outside = sent(is_outside, classes.device)[:, None, None]
    return taken.masked_fill_(outside, IGNORED)


def _theta(length: Array, middle: Array, matrix: Array, patch: Array) -> Array:
    """Return the map in PyTorch's units: edges at -1 and 1, last axis first."""
    linear = matrix * patch / length[:, np.newaxis]
    shift = (2 * middle + 1) / length - 1
    theta = np.concatenate([linear[::-1, ::-1], shift[::-1, np.newaxis]], axis=1)
    return theta[np.newaxis].astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How values are read at places between planes, and then within planes."""

    planes: Callable[[Tensor, Array], Tensor]
    in_planes: Callable[[Tensor, Tensor], Tensor]


_GRAY_VALUES = _Reading(_mixed, _between)
_CLASSES = _Reading(_rows, _nearest)
