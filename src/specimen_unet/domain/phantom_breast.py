"""Breast ultrasound images: skin, fat, gland and muscle, with or without a lesion.

One image is a canvas (Y, X); the beam comes from above, along Y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.phantom_fields import (
    as_bytes,
    decibels_of,
    power_of,
    soft_step,
)
from specimen_unet.domain.phantom_outlines import ellipsoid_depth, lobulated_depth

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.phantom_fields import Canvas

# Echo in decibels relative to gland.
FAT, MUSCLE, LESION = -9.0, -7.0, -13.0
POINT_SPREAD = (0.13, 0.3)
GRAY, GRAY_PER_DECIBEL = 120.0, 5.0


@dataclass(frozen=True, slots=True)
class Lesion:
    """A mass in one image; arrays (Y, X).

    `depth` says how deep a pixel lies inside it, in mm; `echo` and `behind` are
    what it adds within and below itself, in decibels.
    """

    depth: Array
    echo: Array
    behind: Array


def breast_image(canvas: Canvas, lesion: Lesion | None) -> Array:
    """Image a breast.

    Parameters
    ----------
    canvas : Canvas
        Grid (Y, X) and source of randomness.
    lesion : Lesion or None
        What grows in it; None for a normal breast.

    Returns
    -------
    ndarray of uint8, shape (Y, X)
        Gray values.
    """
    below_skin = _below_skin(canvas)
    echo = _layers(canvas, below_skin) + _shadows(canvas, below_skin)
    if lesion is not None:
        echo = echo * (1 - soft_step(lesion.depth, 0.25)) + lesion.echo + lesion.behind
    deep = np.clip(below_skin - canvas.uniform(9, 20), 0, None)
    echo = echo - canvas.uniform(0.3, 0.9) * deep
    power = power_of(echo) * canvas.speckle(POINT_SPREAD, looks=3)
    power = canvas.blurred(power, [0.1, 0.1]) + power_of(-22)
    gray = GRAY + canvas.uniform(-12, 12) + GRAY_PER_DECIBEL * decibels_of(power)
    return as_bytes(gray)


def benign_lesion(canvas: Canvas) -> Lesion:
    """Grow a smooth oval mass, wider than tall, bright behind and shadowed beside."""
    radii = np.array([canvas.uniform(3.5, 6), canvas.uniform(5, 9.5)])
    centre = _centre(canvas)
    depth = ellipsoid_depth(canvas, centre, radii) + 0.4 * canvas.noise(2.5)
    inside = soft_step(depth, 0.3)
    capsule = 2 * np.exp(-np.square((depth + 0.3) / 0.3))
    echo = inside * (LESION + canvas.uniform(-5, 4) + 1.2 * canvas.noise(1.5))
    bright = canvas.uniform(1, 6) * _below(canvas, inside, 0.8)
    edges = np.exp(-np.square((np.abs(_across(canvas, centre)) - radii[1]) / 0.6))
    behind = bright - 5 * edges * (_along(canvas, centre) > 0) * (1 - inside)
    return Lesion(depth, echo + capsule, behind)


def malignant_lesion(canvas: Canvas) -> Lesion:
    """Grow a lobulated mass with spikes and a halo, which shadows what is below."""
    centre = _centre(canvas)
    depth = lobulated_depth(canvas, centre, canvas.uniform(4.2, 6.2), lobes=4)
    depth += _spikes(canvas, centre) * np.exp(-np.square(depth / 2.5))
    inside = soft_step(depth, 0.35)
    halo = 3 * np.exp(-np.square((depth + 1.2) / 0.8)) * (depth < 0)
    echo = inside * (LESION + canvas.uniform(-2, 3) + 2 * canvas.noise(1.2, 1.5))
    behind = -canvas.uniform(4, 14) * _below(canvas, inside, 1.0)
    return Lesion(depth, echo + halo, behind)


def _centre(canvas: Canvas) -> Array:
    """Draw where a lesion lies, in mm from the middle of the image."""
    return np.array([canvas.uniform(-6, 1), canvas.uniform(-8, 8)])


def _along(canvas: Canvas, centre: Array) -> Array:
    """Return the distance below a place, in mm, as (Y, 1)."""
    return canvas.positions()[0] - float(centre[0])


def _across(canvas: Canvas, centre: Array) -> Array:
    """Return the distance to the right of a place, in mm, as (1, X)."""
    return canvas.positions()[1] - float(centre[1])


def _spikes(canvas: Canvas, centre: Array) -> Array:
    """Return rays that push the boundary outwards, in mm."""
    angle = np.arctan2(_along(canvas, centre), _across(canvas, centre))
    waves = [
        canvas.uniform(0.1, 0.6) * np.cos(count * angle + canvas.uniform(0, 6.3))
        for count in (4, 6, 7, 9, 13)
    ]
    total: Array = np.asarray(sum(waves), np.float32)
    return total + 0.8 * np.clip(total, 0, None)


def _below(canvas: Canvas, inside: Array, blur: float) -> Array:
    """Return how much of a mass lies above each pixel, 0 to 1, outside the mass."""
    above = np.cumsum(inside, axis=0) * canvas.spacing[0]
    share: Array = canvas.blurred(np.tanh(above / 3), [blur, blur]) * (1 - inside)
    return share


def _below_skin(canvas: Canvas) -> Array:
    """Return the depth below the surface of the skin, in mm."""
    y, _ = canvas.positions()
    depth: Array = y - y.min() - 0.6 + 0.15 * canvas.noise(200, 8)
    return depth


def _layers(canvas: Canvas, depth: Array) -> Array:
    """Return the echo of skin, fat, gland, fat again and muscle."""
    fat_ends = canvas.uniform(4, 9) + 1.3 * canvas.noise(200, 5)
    gland_ends = fat_ends + canvas.uniform(9, 17) + 1.2 * canvas.noise(200, 8)
    fascia = gland_ends + canvas.uniform(2, 4) + 0.8 * canvas.noise(200, 14)
    in_gland = soft_step(depth - fat_ends, 0.4) * soft_step(gland_ends - depth, 0.8)
    in_muscle = soft_step(depth - fascia, 0.3)
    in_fat = 1 - in_gland - in_muscle
    echo: Array = in_gland * _gland(canvas) + in_fat * _fat(canvas)
    echo += in_muscle * (MUSCLE + 4 * canvas.noise(0.3, 5) + canvas.noise(2))
    echo += 12 * _sheet(depth - fascia, 0.35) * soft_step(canvas.noise(200, 6), 0.5)
    echo += 12 * (_sheet(depth - 0.3, 0.35) + _sheet(depth - 1.9, 0.3))  # skin
    echo -= 20 * (depth < 0)
    return echo


def _gland(canvas: Canvas) -> Array:
    """Return gland: bright, with wavy streaks, dark ducts and lobules of fat."""
    ducts = np.clip(_waved(canvas, canvas.noise(0.5, 1.1)) - 1.0, 0, 1.2)
    streaks = _sheet(_waved(canvas, canvas.noise(0.6, 4)), 0.25)
    patches: Array = 2.5 * canvas.noise(2, 4) + 1.5 * canvas.noise(0.5, 1)
    patches += 7 * streaks - 2 - 7 * ducts
    return patches


def _fat(canvas: Canvas) -> Array:
    """Return fat: dark lobules between bright wavy septa."""
    septa = _sheet(_waved(canvas, canvas.noise(1.2, 3.5)), 0.12)
    septa *= soft_step(canvas.noise(3) + 0.4, 0.5)
    return FAT + 11 * septa + 1.5 * canvas.noise(1, 2)


def _sheet(distance: Array, thickness: float) -> Array:
    """Return 1 where the distance is 0, falling off over the thickness."""
    sheet: Array = np.exp(-np.square(distance / thickness))
    return sheet


def _waved(canvas: Canvas, field: Array) -> Array:
    """Shift the columns of a field up and down, as tissue is folded."""
    height = canvas.shape[0]
    shift = 1.3 / canvas.spacing[0] * canvas.noise(9, 4)
    rows = np.arange(height)[:, np.newaxis] + np.rint(shift).astype(int)
    return np.take_along_axis(field, np.clip(rows, 0, height - 1), axis=0)


def _shadows(canvas: Canvas, depth: Array) -> Array:
    """Return shadows that have nothing to do with a lesion: bad contact, ligaments."""
    columns = np.clip(canvas.noise(400, 1.8) - 1.1, 0, 1.5)
    return -0.5 * columns * np.clip(depth - canvas.uniform(2, 10), 0, 18)
