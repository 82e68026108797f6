"""How thin labels are, counted a block at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

_LABELS = 2**16
# Axes whose voxels are shorter than so many times the shortest ones are looked along.
_ALIKE = 2


def fine_axes(spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the axes along which voxels are about as short as they are anywhere."""
    finest = min(spacing)
    return tuple(k for k, step in enumerate(spacing) if step < _ALIKE * finest)


@dataclass(slots=True)
class LabelWidth:
    """Voxels of every label, and faces between them and anything else."""

    voxels: Array = field(default_factory=lambda: np.zeros(_LABELS, np.int64))
    faces: Array = field(default_factory=lambda: np.zeros(_LABELS))

    def add(self, drawn: Array, axes: Sequence[int]) -> None:
        """Count a block in.

        Parameters
        ----------
        drawn : ndarray of int or bool, shape (*spatial)
            Labels, not negative.
        axes : sequence of int
            Along which faces are counted. What lies beyond the block counts as
            anything else, but not along the first axis of a volume: the next block
            does.
        """
        if not axes or not drawn.any():
            return
        labels = drawn.astype(np.uint16)
        self.voxels += _counts(labels)
        for axis in axes:
            faces = np.zeros(_LABELS, np.int64)
            before, after = _but_last(labels, axis), _but_first(labels, axis)
            is_face = before != after
            faces += _counts(before[is_face]) + _counts(after[is_face])
            if axis or labels.ndim == 2:
                faces += _counts(labels.take((0, -1), axis))
            self.faces += faces / len(axes)

    @property
    def value(self) -> float | None:
        """Mean length of straight lines through the thinnest label, in voxels.

        Each line along an axis enters and leaves, so it is twice the voxels over the
        faces. A long tube of diameter d, cut along and across, has about 1.6 d in 2D.
        None without labels.
        """
        found = np.flatnonzero((self.voxels > 0) & (self.faces > 0))
        found = found[found > 0]
        if not found.size:
            return None
        return float((2 * self.voxels[found] / self.faces[found]).min())


def _counts(labels: Array) -> Array:
    """Count how often each label occurs."""
    return np.bincount(labels.ravel(), minlength=_LABELS)


def _but_last(labels: Array, axis: int) -> Array:
    """Leave out the last voxels along an axis."""
    return labels[(slice(None),) * axis + (slice(None, -1),)]


def _but_first(labels: Array, axis: int) -> Array:
    """Leave out the first voxels along an axis."""
    return labels[(slice(None),) * axis + (slice(1, None),)]
