"""What surrounds the specimen: the bath, the foils and the clamp that hold it.

Echoes are power relative to the specimen's mean, every array (Z, Y, X). Lengths
in mm were read off the real specimen 032.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.phantom_fields import power_of

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.phantom_fields import Canvas


def bath_echo(canvas: Canvas, rows: Array) -> Array:
    """Return the haze of the bath: it rises downwards, by a step at a strip's edge."""
    z = np.abs(canvas.positions()[0])
    strip = rows - canvas.uniform(-2, 3) - 0.35 * z
    level = -17.5 + 2 * np.exp(-z / 4) + 1.5 * np.tanh(strip / 0.3) + 0.1 * rows
    level += 0.9 * canvas.noise(4) + 0.35 * canvas.noise(0.4, 0.3, 2)
    return power_of(level + 0.5 * canvas.noise(0.4, 0.25, 0.3))


def holder_echo(canvas: Canvas, rows: Array, columns: Array) -> Array:
    """Return the echo of foils, clamp and bar together.

    Parameters
    ----------
    canvas : Canvas
        Where it is wanted.
    rows, columns : ndarray of float, shape (Z, Y, X)
        Position within the (rotated) frame, in mm from its centre.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Power.
    """
    echo: Array = _foils(canvas) + _clamp(canvas, rows, columns)
    return echo + _bar(canvas, rows, columns)


def _foils(canvas: Canvas) -> Array:
    """Return two foils, a lens around the specimen, and the cap where they touch it."""
    z, y, x = canvas.positions()
    z = np.abs(z)
    radius = np.sqrt(np.square((y + 1.8) / 11.6) + np.square((x + 0.5) / 10.2))
    height = np.maximum(9.6 * (1 - np.power(radius / 1.28, 1.9)), 0.5)
    height = height + 0.3 * canvas.noise(30, 3, 3)
    level = -10 + 16 * np.clip(radius - 0.8, 0, 0.7) - 0.7 * np.clip(z - 2, 0, None)
    level = level + 7 * canvas.noise(0.5, 1.2, 2)
    foils: Array = power_of(level) * np.exp(-np.square((z - height) / 0.35))
    cap = 12 * np.exp(-np.square(radius / 0.15) - np.square((z - 9.6) / 0.5))
    foils += cap * power_of(2 * canvas.noise(1, 0.7, 0.7))
    return foils


def _clamp(canvas: Canvas, rows: Array, columns: Array) -> Array:
    """Return the plates around the plane where the halves meet, white in places."""
    z = canvas.positions()[0]
    edge = np.power((rows + 0.3) / 14.4, 8) + np.power((columns + 0.7) / 12.6, 8)
    edge += 0.2 * canvas.noise(0.6, 2, 2)
    level = 16 + 11 * np.tanh(4 * canvas.noise(0.7, 3, 3))
    level += 2.5 * canvas.noise(0.5, 1, 5) + 2.5 * canvas.noise(0.5, 5, 0.4)
    level = np.clip(level, 2, 30) - 0.8 * np.square(z)
    plates = (edge > 1) & (np.abs(z) < 2.6 + 0.6 * canvas.noise(40, 3, 3))
    return plates * power_of(level)


def _bar(canvas: Canvas, rows: Array, columns: Array) -> Array:
    """Return a striped bar at the bottom of the frame, with echoes of itself in z."""
    z = np.abs(canvas.positions()[0])
    middle = 13.6 + 0.05 * z + canvas.uniform(-0.08, 0.08) * columns
    middle = middle + 0.3 * canvas.noise(2, 20, 8)
    level = 2 + 10 * np.exp(-np.square((z - 3) / 2))
    level = level + 3 * np.exp(-np.square((z - 10) / 2.5)) + 2 * np.cos(4.8 * z)
    beyond_end = np.clip(np.abs(columns - canvas.uniform(-4, 4)) - 9, 0, None)
    level = level + 2.5 * canvas.noise(0.5, 1.2, 0.15) - 1.2 * beyond_end
    level += 4 * canvas.noise(1, 0.8, 6)
    bar = np.exp(-0.5 * np.power(np.abs(rows - middle) / 1.2, 6))
    return bar * power_of(level)
