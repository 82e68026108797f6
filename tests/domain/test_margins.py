"""Margins of a ball in a ball, which are known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.domain.margins import margin

GRIDS = [
    Grid((0.5, 0.5, 0.5), "mm"),
    Grid((1.0, 0.4, 0.4), "mm"),
    Grid((0.3, 0.25), "mm"),
]
OUTER, INNER = 10.0, 4.0


def ball(shape: Any, grid: Grid, radius: float, shift: float) -> np.ndarray[Any, Any]:
    """Draw a ball whose centre lies `shift` off the middle along the last axis."""
    position = np.indices(shape, dtype=float)
    distance = np.zeros(shape)
    for axis, step in enumerate(grid.spacing):
        middle = (shape[axis] - 1) / 2 * step
        distance += (position[axis] * step - middle - shift * (axis == 1)) ** 2
    return distance <= radius**2


@pytest.fixture(params=GRIDS, ids=["even", "coarse slices", "2d"])
def bodies(request: pytest.FixtureRequest) -> Any:
    """Return a specimen, a tumour 3 mm off its middle, and their grid."""
    grid: Grid = request.param
    shape = tuple(round(24 / step) | 1 for step in grid.spacing)
    return ball(shape, grid, OUTER, 0), ball(shape, grid, INNER, 3.0), grid


def test_the_least_margin_is_that_of_the_balls_within_half_a_voxel(bodies: Any) -> None:
    specimen, tumour, grid = bodies
    found = margin(specimen, tumour, grid)
    half = max(grid.spacing) / 2
    assert found.least == pytest.approx(OUTER - INNER - 3.0, abs=half)
    assert found.distances.max() == pytest.approx(OUTER - INNER + 3.0, abs=half)
    # It lies where the tumour was moved to.
    place = [
        index * step for index, step in zip(found.where, grid.spacing, strict=True)
    ]
    middle = [
        (n - 1) / 2 * s for n, s in zip(specimen.shape, grid.spacing, strict=True)
    ]
    expected = [*middle]
    expected[1] += OUTER
    assert math.dist(place, expected) < 4 * max(grid.spacing)
    assert not found.is_cut
    assert found.outside == 0


def test_nearly_every_margin_is_right_within_half_a_voxel(bodies: Any) -> None:
    specimen, tumour, grid = bodies
    found = margin(specimen, tumour, grid)
    middle = (np.array(specimen.shape) - 1) / 2 * np.array(grid.spacing)
    outward = found.surface.points - middle
    outward *= OUTER / np.linalg.norm(outward, axis=1, keepdims=True)
    outward[:, 1] -= 3.0
    expected = np.linalg.norm(outward, axis=1) - INNER
    errors = np.abs(found.distances - expected)
    assert np.quantile(errors, 0.99) < max(grid.spacing) / 2
    assert errors.mean() < max(grid.spacing) / 5
    margins = found.as_map()
    assert np.isfinite(margins).sum() == len(np.unique(found.surface.voxels, axis=0))
    assert np.nanmin(margins) == pytest.approx(found.least)


def test_the_area_below_a_threshold_is_that_of_a_cap() -> None:
    grid = GRIDS[0]
    shape = (49, 49, 49)
    specimen, tumour = ball(shape, grid, OUTER, 0), ball(shape, grid, INNER, 3.0)
    found = margin(specimen, tumour, grid)
    # |p - c|² = R² + d² - 2 R d cos t: the cap where that is below (r + limit)².
    limit = 5.0
    cosine = (OUTER**2 + 9 - (INNER + limit) ** 2) / (2 * OUTER * 3.0)
    cap = 2 * math.pi * OUTER**2 * (1 - cosine)
    assert found.area_under(limit) == pytest.approx(cap, rel=0.08)
    assert found.area_under(2.0) == 0
    assert found.area_under(100.0) == pytest.approx(found.area)
    assert found.area == pytest.approx(4 * math.pi * OUTER**2, rel=0.03)


def test_a_tumour_at_the_surface_has_no_margin_and_one_outside_is_counted() -> None:
    grid = Grid((1.0, 1.0, 1.0), "mm")
    specimen = np.zeros((20, 20, 20), bool)
    specimen[5:15, 5:15, 5:15] = True
    tumour = np.zeros_like(specimen)
    tumour[8:12, 8:12, 10:17] = True
    found = margin(specimen, tumour, grid)
    assert found.least == 0
    assert found.outside == 4 * 4 * 2
    assert found.area_under(0.5) > 0


def test_the_wall_of_a_hole_is_no_surface() -> None:
    grid = Grid((1.0, 1.0, 1.0), "mm")
    specimen = np.zeros((24, 24, 24), bool)
    specimen[2:22, 2:22, 2:22] = True
    tumour = np.zeros_like(specimen)
    tumour[10:14, 10:14, 10:14] = True
    whole = margin(specimen, tumour, grid)
    # Beside the tumour, and where a label leaves the tumour out.
    specimen[10:14, 10:14, 15:18] = False
    specimen[tumour] = False
    found = margin(specimen, tumour, grid)
    assert found.least == whole.least == pytest.approx(8.0, abs=0.1)
    assert found.area == whole.area
    assert found.outside == 0


def test_a_specimen_at_the_border_of_the_image_is_cut() -> None:
    grid = Grid((1.0, 1.0), "mm")
    specimen = np.zeros((20, 30), bool)
    specimen[:, 5:25] = True
    tumour = np.zeros_like(specimen)
    tumour[9:11, 14:16] = True
    found = margin(specimen, tumour, grid)
    assert found.is_cut
    assert found.least == pytest.approx(math.hypot(9, 0), abs=0.5)


@pytest.mark.parametrize("empty", ["specimen", "tumour"])
def test_what_is_missing_is_told(empty: str) -> None:
    masks = {"specimen": np.ones((4, 5), bool), "tumour": np.ones((4, 5), bool)}
    masks[empty][:] = False
    with pytest.raises(GridMismatchError, match=f"no voxel of the {empty}"):
        margin(**masks, grid=Grid((1, 1), "mm"))


def test_labels_of_different_images_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="take labels of one image"):
        margin(np.ones((4, 5)), np.ones((5, 4)), Grid((1, 1), "mm"))


def test_without_a_surface_in_the_image_there_is_no_margin() -> None:
    with pytest.raises(GridMismatchError, match="fills the whole image"):
        margin(np.ones((4, 5)), np.ones((4, 5)), Grid((1, 1), "mm"))


def test_a_single_slice_has_the_margin_of_its_image() -> None:
    grid, flat = Grid((2.0, 0.3, 0.25), "mm"), Grid((0.3, 0.25), "mm")
    shape = (81, 97)
    specimen, tumour = ball(shape, flat, OUTER, 0), ball(shape, flat, INNER, 3.0)
    found = margin(specimen[np.newaxis], tumour[np.newaxis], grid)
    expected = margin(specimen, tumour, flat)
    assert found.least == pytest.approx(expected.least, abs=0.05)
    assert found.where[1:] == expected.where
    assert found.is_cut
