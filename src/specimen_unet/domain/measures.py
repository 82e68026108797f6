"""How large what was segmented is: volume, surface, diameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from specimen_unet.domain.counts import checked_labels
from specimen_unet.domain.surfaces import surface_of, touches_border

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid


def measure(
    labels: Array, grid: Grid, *, label_names: Mapping[int, str] | None = None
) -> pd.DataFrame:
    """Measure every label of an image, in the unit of its grid.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X) or (Z, Y, X)
        0 is the background.
    grid : Grid
        Spacing and unit.
    label_names : mapping of int to str, optional
        What the labels are called.

    Returns
    -------
    DataFrame
        One row a label: `label`, `name`, `voxels`, `volume` (unit³; in 2D the area,
        unit²), `surface` (unit²; in 2D the outline, unit; see `surface_of`),
        `largest_diameter` (of two points of its surface), `equivalent_diameter`
        (of the sphere, in 2D of the circle, of the same volume), `is_cut` (whether it
        goes on to the border of the image, where nothing is known of it) and `unit`.

    Raises
    ------
    GridMismatchError
        If `labels` are no label image.
    """
    values, _ = checked_labels(labels, "labels", labels, "labels")
    found = [int(value) for value in np.unique(values) if value != 0]
    names = label_names or {}
    rows = []
    for value in found:
        mask = values == value
        rows.append(
            {
                "label": value,
                "name": names.get(value, f"label {value}"),
                **_sizes(mask, grid),
                "is_cut": touches_border(mask),
                "unit": grid.unit,
            }
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    *("label", "name", "voxels", "volume", "surface", "largest_diameter"),
    *("equivalent_diameter", "is_cut", "unit"),
]


def _sizes(mask: Array, grid: Grid) -> dict[str, float]:
    voxels = int(np.count_nonzero(mask))
    volume = voxels * math.prod(grid.spacing)
    surface = surface_of(mask, grid)
    return {
        "voxels": voxels,
        "volume": volume,
        "surface": float(surface.areas.sum()),
        "largest_diameter": _largest_distance(surface.points),
        "equivalent_diameter": _equivalent_diameter(volume, grid.dimensions),
    }


def _equivalent_diameter(volume: float, dimensions: int) -> float:
    if dimensions == 2:
        return float(2 * math.sqrt(volume / math.pi))
    return float((6 * volume / math.pi) ** (1 / 3))


def _largest_distance(points: Array) -> float:
    """Return the largest distance of two points, which are corners of their hull."""
    try:
        points = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):
        # Flat or thin: the hull has no inside.
        points = points[_extremes(points)]
    return float(pdist(points).max(initial=0.0))


def _extremes(points: Array) -> Array:
    """Choose the points that lie farthest along many directions."""
    if not len(points):
        return np.zeros(0, int)
    axes = points.shape[1]
    directions = np.random.default_rng(0).normal(size=(500, axes))
    directions = np.vstack([directions, np.eye(axes)])
    along = points @ directions.T
    chosen: Array = np.unique([along.argmin(0), along.argmax(0)])
    return chosen
