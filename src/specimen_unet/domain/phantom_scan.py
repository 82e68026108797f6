"""What the scanner makes of a specimen: beams, speckle, gray values, stitched frames.

The beam runs along z, from either face to the plane where the two halves were
stitched. The frames of the first half are turned against those of the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.phantom_fields import (
    as_bytes,
    decibels_of,
    power_of,
    soft_step,
)
from specimen_unet.domain.phantom_holder import bath_echo, holder_echo

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.phantom_fields import Canvas
    from specimen_unet.domain.phantom_specimen import Specimen

# Chosen so that gray values and their correlations match the real specimen's.
POINT_SPREAD = (0.3, 0.22, 0.3)
GRAY, GRAY_PER_DECIBEL = 106.0, 4.4


def scan(canvas: Canvas, specimen: Specimen) -> Array:
    """Scan a specimen from both faces and stitch the halves.

    Parameters
    ----------
    canvas : Canvas
        Grid of the specimen, and source of randomness.
    specimen : Specimen
        What is scanned.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Gray values.
    """
    rows, columns = _frame_positions(canvas)
    power = _specimen_power(canvas, specimen)
    # A beam is not a needle: its side lobes smear echoes sideways.
    power += 0.02 * canvas.blurred(power, [0, 0, 2])
    power += holder_echo(canvas, rows, columns)
    power *= canvas.speckle(POINT_SPREAD, looks=3)
    # The frames were turned and resampled, which blurs them.
    power = canvas.blurred(power, [0, 0.1, 0.1])
    power += bath_echo(canvas, rows)
    gray = GRAY + GRAY_PER_DECIBEL * decibels_of(power)
    gray += np.where(
        _first_half(canvas), canvas.uniform(-8, 3), canvas.uniform(-2, 9)
    ).astype(np.float32)
    return _cut_out(canvas, as_bytes(gray), rows, columns)


def _specimen_power(canvas: Canvas, specimen: Specimen) -> Array:
    """Return the echo of the specimen as it comes back to the scanner."""
    z = np.abs(canvas.positions()[0])
    # Time-gain compensation overdoes it a little.
    gain = 0.35 * (9.5 - z) - _losses(canvas, specimen)
    # Far from the seam the beam grazes the surface, which blurs it.
    surface = soft_step(specimen.depth - 0.2 - 0.1 * z, 0.2 + 0.09 * z)
    return power_of(specimen.echo + gain) * surface


def _losses(canvas: Canvas, specimen: Specimen) -> Array:
    """Return what was absorbed between the nearer face and each voxel, in decibels."""
    dense = np.clip(canvas.noise(50, 0.6, 0.6) - 1.2, 0, None)
    absorption = specimen.absorption + 0.25 * dense * (specimen.depth > 0)
    first = _first_half(canvas)
    downwards = np.cumsum(absorption * first, axis=0)
    upwards = np.cumsum((absorption * ~first)[::-1], axis=0)[::-1]
    losses = np.where(first, downwards, upwards) * canvas.spacing[0]
    return canvas.blurred(np.minimum(losses, 9), [0, 0.3, 0.3])


def _first_half(canvas: Canvas) -> Array:
    """Return which slices were scanned from the first face, as (Z, 1, 1)."""
    slices = canvas.shape[0]
    return (np.arange(slices) < (slices + 1) // 2).reshape(-1, 1, 1)


def _frame_positions(canvas: Canvas) -> tuple[Array, Array]:
    """Return rows and columns within the frames, in mm from the centre, (Z, Y, X)."""
    _, y, x = canvas.positions()
    turned = np.radians(canvas.uniform(9, 18) * canvas.generator.choice([-1, 1]))
    angle = np.where(_first_half(canvas), turned, np.radians(canvas.uniform(-1, 1)))
    cosine, sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    return cosine * y + sine * x, cosine * x - sine * y


def _cut_out(canvas: Canvas, image: Array, rows: Array, columns: Array) -> Array:
    """Cut out the turned frames: black beyond them, white seams at two sides."""
    height, width = (
        size * step / 2
        for size, step in zip(canvas.shape[1:], canvas.spacing[1:], strict=True)
    )
    top, right = rows + 0.965 * height, 0.985 * width - columns
    bottom, left = 0.985 * height - rows, columns + 0.985 * width
    turned = _first_half(canvas)
    outside = turned & (
        np.minimum(np.minimum(top, bottom), np.minimum(left, right)) < 0
    )
    seam = turned & ~outside
    seam &= (top < canvas.spacing[1]) | (right < 1.5 * canvas.spacing[2])
    image[seam] = 255
    image[outside] = 0
    return image
