"""What lies in the bath: a specimen of breast with its tumour and its fat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.phantom_fields import soft_step
from specimen_unet.domain.phantom_outlines import ellipsoid_depth, lobulated_depth

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.phantom_fields import Canvas

# Echo in decibels relative to the specimen's own. Fat lobules echo like the tumour,
# so that gray values alone do not tell them apart.
TUMOUR, LOBULE, SEPTUM, HALO = -11.5, -5.0, 2.0, 2.0
# Share of the specimen that the tumour takes.
TUMOUR_SHARE = (0.14, 0.19)


@dataclass(frozen=True, slots=True)
class Specimen:
    """Tissue on a canvas, every array (Z, Y, X).

    Attributes
    ----------
    depth, tumour : ndarray of float
        How deep a voxel lies inside the specimen, and inside its tumour, in mm.
    echo : ndarray of float
        Decibels relative to the specimen's mean.
    absorption : ndarray of float
        Decibels lost a mm, beyond what the scanner makes up for.
    """

    depth: Array
    tumour: Array
    echo: Array
    absorption: Array


def grow_specimen(canvas: Canvas) -> Specimen:
    """Grow a specimen with one tumour, and with fat lobules that echo like it."""
    radii = np.array([9.8, 11.8, 10.2]) * canvas.uniforms(0.94, 1.04)
    centre = np.array([0, canvas.uniform(-2.4, -1.2), canvas.uniform(-2, 1)])
    depth = _lens_depth(canvas, centre, radii)
    # Bumps are pressed flat where the foils touch.
    bumps = 0.9 - 0.07 * np.abs(canvas.positions()[0])
    depth += bumps * canvas.noise(4, 3.5, 3.5) + 0.3 * canvas.noise(1.2, 1, 1)
    tumour = _tumour(canvas, depth, centre, radii)
    lobules = np.minimum(_lobules(canvas, centre, radii), -1 - tumour)
    echo = _echo(canvas, tumour, lobules) + _rim(depth)
    absorption = np.where(tumour > 0, 0.25, 0.05) + 2.2 * _stones(canvas, depth)
    return Specimen(depth, tumour, echo, absorption.astype(np.float32))


def _lens_depth(canvas: Canvas, centre: Array, radii: Array) -> Array:
    """Return the depth inside a body pressed between two foils: a lens along z."""
    z, y, x = (
        np.square((axis - float(middle)) / float(radius))
        for axis, middle, radius in zip(canvas.positions(), centre, radii, strict=True)
    )
    pointed = 0.8  # 1 is an ellipsoid
    total = np.power(y + x, pointed) + np.power(z, pointed)
    depth: Array = float(radii.mean()) * (1 - np.power(total, 0.5 / pointed))
    return depth


def _tumour(canvas: Canvas, specimen: Array, centre: Array, radii: Array) -> Array:
    """Return the depth inside a tumour that takes its share of the specimen."""
    middle = centre + canvas.uniform(0.1, 0.4) * radii * canvas.direction()
    depth = lobulated_depth(canvas, middle, 5.0, lobes=5)
    np.minimum(depth, specimen - 0.6, out=depth)
    share = canvas.uniform(*TUMOUR_SHARE)
    return depth - float(np.quantile(depth[specimen > 0], 1 - share))


def _lobules(canvas: Canvas, centre: Array, radii: Array) -> Array:
    """Return the depth inside fat lobules scattered through the specimen."""
    depth = np.full(canvas.shape, -9, np.float32)
    for _ in range(canvas.generator.integers(6, 10)):
        place = centre + canvas.uniform(0.4, 0.8) * radii * canvas.direction()
        size = canvas.uniform(1.1, 2.2) * canvas.uniforms(0.7, 1.4)
        np.maximum(depth, ellipsoid_depth(canvas, place, size), out=depth)
    return depth + 0.25 * canvas.noise(0.9)


def _echo(canvas: Canvas, tumour: Array, lobules: Array) -> Array:
    """Return the echo of the tissues.

    Tissue is patchy, with glints; the tumour is even and dark, but peppered with
    small calcifications, which tell it from fat that is as dark on the whole.
    """
    strands = np.exp(0.6 * canvas.noise(0.5, 0.5, 0.85)) - 1.2
    glints = np.clip(canvas.noise(0.4, 0.4, 0.55) - 1.2, 0, 1.5)
    patches = 1.8 * canvas.noise(2.5, 1.5, 1.8) + 3.2 * strands + 8 * glints
    in_tumour = soft_step(tumour, 0.4)
    halo = np.exp(-np.square((tumour + 0.7) / 0.6)) * (tumour < 0)
    septa = np.exp(-np.square((lobules + 0.25) / 0.25))
    pepper = np.clip(canvas.noise(0.3, 0.3, 0.3) - 0.2, 0, 1.5)
    echo: Array = patches * (1 - 0.6 * in_tumour) + canvas.noise(0.5, 0.3, 0.4)
    echo += (TUMOUR + 12 * pepper) * in_tumour + LOBULE * soft_step(lobules, 0.2)
    echo += HALO * halo + SEPTUM * septa
    return echo


def _rim(specimen: Array) -> Array:
    """Return what the surface takes away: a soft rim of lower contrast."""
    rim: Array = -3.5 * np.exp(-np.square((specimen - 0.2) / 1.1))
    return rim


def _stones(canvas: Canvas, specimen: Array) -> Array:
    """Return where clips and calcifications absorb the beam: 1, elsewhere 0."""
    stones = np.zeros(canvas.shape, bool)
    positions = canvas.positions()
    for at in canvas.generator.choice(np.argwhere(specimen > 1), 3):
        centre = [axis.ravel()[i] for axis, i in zip(positions, at, strict=True)]
        stones |= ellipsoid_depth(canvas, centre, canvas.uniforms(0.6, 1.3)) > 0
    return stones
