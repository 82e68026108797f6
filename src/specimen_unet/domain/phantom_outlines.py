"""Masses with lobulated outlines, and how two observers draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.phantom_fields import Canvas

OBSERVERS = ("EA", "MG")
# Dice of the two observers: what people reach on the same images.
AGREEMENT = (0.905, 0.925)


def ellipsoid_depth(
    canvas: Canvas, centre: Sequence[float] | Array, radii: Sequence[float] | Array
) -> Array:
    """Return how deep every voxel lies inside an ellipsoid, in mm.

    Parameters
    ----------
    canvas : Canvas
        Where the depth is wanted.
    centre, radii : sequence of float
        Along each axis, in mm; the centre counts from the middle of the canvas.

    Returns
    -------
    ndarray of float32, shape (*spatial)
        Positive inside, 0 on the surface, negative outside. Near the surface of
        an ellipsoid that is not too flat it is the distance.
    """
    total = np.zeros((1,) * len(canvas.shape), np.float32)
    for axis, middle, radius in zip(canvas.positions(), centre, radii, strict=True):
        total = total + np.square((axis - float(middle)) / float(radius))
    return float(np.mean(radii)) * (1 - np.sqrt(total))


def lobulated_depth(
    canvas: Canvas, centre: Array, radius: float, *, lobes: int
) -> Array:
    """Return how deep every voxel lies inside a mass grown from lobes, in mm.

    Parameters
    ----------
    canvas : Canvas
        Where the depth is wanted.
    centre : ndarray of float
        Along each axis, in mm from the middle of the canvas.
    radius : float
        Of the middle lobe, in mm, give or take 20 %.
    lobes : int
        Number of lobes around the middle one.

    Returns
    -------
    ndarray of float32, shape (*spatial)
        Positive inside; the outline is wavy at the scale of a fifth of the radius.
    """
    depth = ellipsoid_depth(canvas, centre, radius * canvas.uniforms(0.8, 1.2))
    for _ in range(lobes):
        place = centre + radius * canvas.uniform(0.5, 0.8) * canvas.direction()
        lobe = radius * canvas.uniform(0.45, 0.75) * canvas.uniforms(0.8, 1.2)
        np.maximum(depth, ellipsoid_depth(canvas, place, lobe), out=depth)
    depth += 0.07 * radius * canvas.noise(0.2 * radius)
    return depth


def observed(canvas: Canvas, depth: Array) -> dict[str, Array]:
    """Draw a mass the way two people do.

    Their boundaries differ by smooth shifts, by some unsteadiness from slice to
    slice, and by where the first and the last slice with the mass are. How much
    they differ is scaled until they agree as well as people do (`AGREEMENT`).

    Parameters
    ----------
    canvas : Canvas
        The grid of `depth`.
    depth : ndarray of float, shape (*spatial)
        How deep every voxel lies inside the mass, in mm (positive inside).

    Returns
    -------
    dict of str to ndarray of uint8, shape (*spatial)
        Labels by observer: 1 in the mass, 0 elsewhere.
    """
    shifts = [_shift(canvas, depth) for _ in OBSERVERS]
    wanted = canvas.uniform(*AGREEMENT)
    low, high = 0.0, 4.0
    for _ in range(8):
        scale = (low + high) / 2
        drawn = [_largest_part(depth + scale * shift > 0) for shift in shifts]
        low, high = (scale, high) if _dice(*drawn) > wanted else (low, scale)
    return {
        observer: mask.astype(np.uint8)
        for observer, mask in zip(OBSERVERS, drawn, strict=True)
    }


def _shift(canvas: Canvas, depth: Array) -> Array:
    """Return how far outwards a person draws the boundary, in mm, before scaling."""
    volume = float(np.count_nonzero(depth > 0) * np.prod(canvas.spacing))
    size = volume ** (1 / depth.ndim)
    habit = float(canvas.generator.standard_normal())
    shift: Array = 0.07 * canvas.noise(0.35 * size) + 0.05 * habit
    if depth.ndim == 3:
        shift += 0.02 * canvas.noise(0.01, 0.12 * size, 0.12 * size)
        shift += _end_slices(canvas, depth)
    shift *= size
    return shift


def _end_slices(canvas: Canvas, depth: Array) -> Array:
    """Return what a person adds or leaves away near the first and the last slice."""
    occupied = np.flatnonzero((depth > 0).any(axis=(1, 2)))
    slices = np.arange(depth.shape[0]).reshape(-1, 1, 1)
    shift = np.zeros(slices.shape, np.float32)
    for end in occupied[[0, -1]]:
        near = np.exp(-np.abs(slices - end) / max(1.0, 0.04 * depth.shape[0]))
        shift += 0.25 * canvas.uniform(-1, 1) * near.astype(np.float32)
    return shift


def _largest_part(mask: Array) -> Array:
    """Keep what hangs together: people draw one mass."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    largest: Array = parts == 1 + np.argmax(sizes[1:])
    return largest


def _dice(first: Array, second: Array) -> float:
    total = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2 * int(np.count_nonzero(first & second)) / max(total, 1)
