"""How far the surface of a specimen lies from the tumour in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.surfaces import surface_of, touches_border, without_holes

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.surfaces import Surface


@dataclass(frozen=True, slots=True, eq=False)
class Margin:
    """Distances from the surface of a specimen to the tumour.

    Attributes
    ----------
    tissue : ndarray of bool, shape (Y, X) or (Z, Y, X)
        The specimen as it was measured: with the tumour, and without holes.
    surface, tumour : Surface
        Of the specimen, and of the tumour.
    distances : ndarray of float, shape (N,)
        From each of its points to the nearest one of the tumour's surface, in the unit
        of the grid.
    grid : Grid
        Where the voxels lie.
    is_cut : bool
        Whether the specimen goes on to the border of the image: what lies beyond is
        not known, and counts as no surface.
    outside : int
        Voxels of the tumour that do not lie in the specimen.
    """

    tissue: Array
    surface: Surface
    tumour: Surface
    distances: Array
    grid: Grid
    is_cut: bool
    outside: int

    @property
    def least(self) -> float:
        """The narrowest margin, in the unit of the grid."""
        return float(self.distances.min())

    @property
    def where(self) -> tuple[int, ...]:
        """Indices of the voxel below the point that is nearest to the tumour."""
        place = self.surface.voxels[self.distances.argmin()]
        return tuple(int(index) for index in place)

    @property
    def area(self) -> float:
        """The whole surface, in unit² (in 2D, its length)."""
        return float(self.surface.areas.sum())

    def area_under(self, threshold: float) -> float:
        """Return the surface with a margin below `threshold`, in unit²."""
        return float(self.surface.areas[self.distances < threshold].sum())

    def as_map(self) -> Array:
        """Return the margin of every voxel at the surface, NaN elsewhere.

        Returns
        -------
        ndarray of float32, shape of `tissue`
        """
        found = np.full(self.tissue.shape, np.inf, np.float32)
        np.minimum.at(found, tuple(self.surface.voxels.T), self.distances)
        return np.where(np.isfinite(found), found, np.nan).astype(np.float32)


def margin(specimen: Array, tumour: Array, grid: Grid) -> Margin:
    """Measure the distance from the surface of a specimen to the tumour.

    Both surfaces are found finer than voxels, see `surface_of`. What the specimen
    encloses counts as specimen: the walls of its holes are no margin.

    Parameters
    ----------
    specimen : ndarray of bool, shape (Y, X) or (Z, Y, X)
        All tissue; voxels of the tumour count as specimen.
    tumour : ndarray of bool, same shape
        The tumour.
    grid : Grid
        Spacing and unit.

    Returns
    -------
    Margin

    Raises
    ------
    GridMismatchError
        If shapes differ, one of the two is empty, or has no surface in the image.
    """
    specimen, tumour = np.asarray(specimen) != 0, np.asarray(tumour) != 0
    _check(specimen, tumour)
    whole = without_holes(specimen)
    tissue = whole | tumour
    surface, nearest = surface_of(tissue, grid), surface_of(tumour, grid)
    for name, found in (("specimen", surface), ("tumour", nearest)):
        if not len(found.areas):
            raise GridMismatchError(
                f"The {name} fills the whole image, so that its surface is not in it: "
                "choose a label that ends before the border of the image."
            )
    return Margin(
        tissue,
        surface,
        nearest,
        distances_to(nearest, surface.points),
        grid,
        is_cut=touches_border(tissue),
        outside=int(np.count_nonzero(tumour & ~whole)),
    )


def distances_to(surface: Surface, points: Array) -> Array:
    """Return how far each of some points, (N, axes), lies from a surface, (N,)."""
    return np.asarray(KDTree(surface.points).query(points)[0])


def _check(specimen: Array, tumour: Array) -> None:
    if specimen.shape != tumour.shape:
        raise GridMismatchError(
            f"The specimen is {specimen.shape} voxels and the tumour {tumour.shape}: "
            "take labels of one image."
        )
    for name, mask in (("specimen", specimen), ("tumour", tumour)):
        if not mask.any():
            raise GridMismatchError(
                f"There is no voxel of the {name}: choose a label that was drawn."
            )
