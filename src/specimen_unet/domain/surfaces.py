"""The surface of what a mask holds: where it is, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

# Normals are those of the mask smoothed by so many of its longest voxel sides, places
# on the surface those of the mask smoothed by so many voxels.
_SMOOTHING = 1.2
_SOFTENING = 0.8
_REACH = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Points spread over a surface, one where it passes between two voxels.

    Attributes
    ----------
    points : ndarray of float, shape (N, axes)
        In the unit of the grid, from the centre of voxel 0.
    areas : ndarray of float, shape (N,)
        How much of the surface each stands for: unit², in 2D a length in unit.
    voxels : ndarray of int, shape (N, axes)
        The voxel below each.
    """

    points: Array
    areas: Array
    voxels: Array


def surface_of(mask: Array, grid: Grid) -> Surface:
    """Find the surface of a mask, finer than its voxels.

    It passes where the softened mask is one half. The faces of voxels overestimate the
    area of a ball by a half: each counts by its area times the cosine between it and
    the normal there (Coeurjolly, Flin, Teytaud & Tougne 2003, "Multigrid convergent
    surface area estimation", Eq. 3; normals from the smoothed mask).

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X) or (Z, Y, X)
        What has a surface. At the border of the image it has none: nobody knows
        whether it ends there.
    grid : Grid
        Spacing of the voxels.

    Returns
    -------
    Surface
        Of no points for an empty mask, and for one that fills the image.
    """
    box = _around(mask, grid)
    if box is None:
        return Surface(np.zeros((0, mask.ndim)), np.zeros(0), np.zeros((0, mask.ndim)))
    inside = np.asarray(mask[box], dtype=bool)
    cosines = _normals(inside, grid)
    soft = softened(inside)
    sides = [
        _one_side(inside, soft, cosines[axis], axis, forward)
        for axis in range(inside.ndim)
        for forward in (True, False)
    ]
    voxels, places, shares = (
        np.concatenate(parts) for parts in zip(*sides, strict=True)
    )
    faces = np.prod(grid.spacing) / np.array(grid.spacing)
    first = np.array([side.start for side in box])
    axes = np.concatenate(
        [np.full(len(found), number // 2) for number, (found, *_) in enumerate(sides)]
    )
    return Surface(
        (places + first) * np.array(grid.spacing),
        shares * faces[axes],
        voxels + first,
    )


def softened(mask: Array) -> Array:
    """Blur a mask by less than a voxel: its surface is where this is one half."""
    soft: Array = ndimage.gaussian_filter(
        mask.astype(np.float32), _SOFTENING, mode="nearest", truncate=_REACH
    )
    return soft


def _one_side(
    inside: Array, soft: Array, cosines: Array, axis: int, forward: bool
) -> tuple[Array, Array, Array]:
    """Find the faces that look one way along an axis.

    Returns
    -------
    tuple of ndarray
        Voxels below them, where the surface is (in voxels), and cosines.
    """
    step = np.zeros(inside.ndim, int)
    step[axis] = 1 if forward else -1
    before, after = _neighbours(inside.ndim, axis)
    here, there = (before, after) if forward else (after, before)
    voxels = np.argwhere(inside[here] & ~inside[there])
    if not forward:
        voxels[:, axis] += 1
    below, above = tuple(voxels.T), tuple((voxels + step).T)
    fall = soft[below] - soft[above]
    share = np.clip((soft[below] - 0.5) / np.where(fall > 0, fall, 1), 0, 1)
    places = voxels + share[:, np.newaxis] * step
    return voxels, places, (cosines[below] + cosines[above]) / 2


def without_holes(mask: Array) -> Array:
    """Fill what a mask encloses on all sides; at the border of the image nothing is."""
    empty, _ = ndimage.label(~mask)
    is_open = np.zeros(int(empty.max()) + 1, bool)
    for axis in range(mask.ndim):
        for end in (0, -1):
            is_open[np.unique(np.take(empty, end, axis))] = True
    is_open[0] = False
    filled: Array = ~is_open[empty]
    return filled


def touches_border(mask: Array) -> bool:
    """Tell whether a mask goes on to the border of its image."""
    return any(
        np.take(mask, end, axis).any() for axis in range(mask.ndim) for end in (0, -1)
    )


def _normals(inside: Array, grid: Grid) -> list[Array]:
    """Return the size of the surface normal's part along every axis, voxel by voxel."""
    sigma = [_SMOOTHING * max(grid.spacing) / step for step in grid.spacing]
    smooth = ndimage.gaussian_filter(
        inside.astype(np.float32), sigma, mode="nearest", truncate=_REACH
    )
    slopes = [
        np.gradient(smooth, step, axis=axis)
        if smooth.shape[axis] > 1
        else np.zeros_like(smooth)
        for axis, step in enumerate(grid.spacing)
    ]
    length = np.sqrt(sum(slope**2 for slope in slopes))
    length[length == 0] = 1
    return [np.abs(slope) / length for slope in slopes]


def _neighbours(axes: int, axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of all voxels but the last along an axis, and but the first."""
    whole = [slice(None)] * axes
    before, after = list(whole), list(whole)
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    return tuple(before), tuple(after)


def _around(mask: Array, grid: Grid) -> tuple[slice, ...] | None:
    """Return the box of a mask with room for its smoothing; None for an empty one."""
    boxes: list[Any] = ndimage.find_objects(np.asarray(mask, np.uint8), max_label=1)
    if boxes[0] is None:
        return None
    margins = [
        int(np.ceil(_REACH * _SMOOTHING * max(grid.spacing) / step)) + 1
        for step in grid.spacing
    ]
    return tuple(
        slice(max(side.start - margin, 0), side.stop + margin)
        for side, margin in zip(boxes[0], margins, strict=True)
    )
