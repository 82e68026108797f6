"""What a fingerprint says of cases once they have another voxel size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Fingerprint


def typical_shape(seen: Fingerprint, spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the median shape of the cases at a spacing."""
    dimensions = len(spacing)
    shapes = np.array([shape[-dimensions:] for shape in seen.shapes], float)
    spacings = np.array([own[-dimensions:] for own in seen.spacings])
    median = np.median(np.round(shapes * spacings / spacing), 0)
    return tuple(max(int(n), 1) for n in median)


def label_width(seen: Fingerprint, spacing: Sequence[float]) -> float | None:
    """Return how many voxels the thinnest label is wide at a spacing."""
    if seen.label_width is None:
        return None
    usual = np.median([min(own[-len(spacing) :]) for own in seen.spacings])
    return float(seen.label_width * usual / min(spacing))
