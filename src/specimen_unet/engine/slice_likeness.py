"""Whether neighbouring slices belong together, or a stack holds separate images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

# Slices are compared as thumbnails of about this many pixels a side: speckle, which
# differs from slice to slice in any volume, is averaged out.
_SIDE = 24
_FEWEST_SLICES = 4


class SliceLikeness:
    """Compares the slices of one volume, which arrive in blocks."""

    def __init__(self) -> None:
        self._thumbnails: list[Array] = []

    def add(self, slices: Array) -> None:
        """Take the next slices, (slices, Y, X)."""
        n, height, width = slices.shape
        rows, columns = max(height // _SIDE, 1), max(width // _SIDE, 1)
        whole = slices[:, : height // rows * rows, : width // columns * columns]
        tiles = whole.reshape(n, height // rows, rows, width // columns, columns)
        self._thumbnails.append(tiles.mean((2, 4), dtype=np.float64))

    @property
    def value(self) -> float | None:
        """How alike neighbours are: 1 the same, about 0 as alike as any two slices.

        It is 1 minus von Neumann's ratio (mean square of successive differences over
        twice the variance). Measured: 0.66 to 0.95 in volumes of ultrasound, MR and
        microscopy; -0.2 to 0.2 in stacks of separate ultrasound images. None when
        there are too few slices to tell, or all are the same.
        """
        slices = np.concatenate(self._thumbnails)
        if len(slices) < _FEWEST_SLICES:
            return None
        spread = slices.var(0, ddof=1).mean()
        steps = (np.diff(slices, axis=0) ** 2).mean()
        return float(1 - steps / (2 * spread)) if spread > 0 else None
