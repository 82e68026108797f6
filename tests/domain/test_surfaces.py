"""Areas of surfaces and sizes of labels, on bodies whose sizes are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from specimen_unet.domain.grid import Grid
from specimen_unet.domain.measures import measure
from specimen_unet.domain.surfaces import surface_of, without_holes

GRIDS = [Grid((0.5, 0.5, 0.5), "mm"), Grid((1.0, 0.4, 0.4), "mm")]
FLAT = Grid((0.4, 0.25), "mm")


def ball(
    grid: Grid, radius: float, offset: tuple[float, ...] = (), shape: Any = None
) -> np.ndarray[Any, Any]:
    """Draw a ball (a disc in 2D); `offset` from the middle, in the grid's unit."""
    sides = shape or tuple(round(2.6 * radius / step) + 8 for step in grid.spacing)
    position = np.indices(sides, dtype=float)
    distance = np.zeros(sides)
    for axis, step in enumerate(grid.spacing):
        middle = (sides[axis] - 1) / 2 * step + (offset[axis] if offset else 0)
        distance += (position[axis] * step - middle) ** 2
    return distance <= radius**2


@pytest.mark.parametrize("grid", GRIDS, ids=["even", "coarse slices"])
@pytest.mark.parametrize("radius", [6.0, 10.0])
def test_a_ball_has_the_surface_of_a_ball(grid: Grid, radius: float) -> None:
    found = surface_of(ball(grid, radius), grid).areas.sum()
    assert found == pytest.approx(4 * math.pi * radius**2, rel=0.03)


def test_a_disc_has_the_outline_of_a_disc() -> None:
    found = surface_of(ball(FLAT, 8.0), FLAT).areas.sum()
    assert found == pytest.approx(2 * math.pi * 8, rel=0.03)


def test_a_box_has_the_surface_of_a_box() -> None:
    mask = np.zeros((40, 60, 60), bool)
    mask[10:30, 10:50, 15:45] = True
    grid = Grid((1.0, 0.5, 0.5), "mm")
    sides = (20.0, 20.0, 15.0)
    expected = 2 * (sides[0] * sides[1] + sides[0] * sides[2] + sides[1] * sides[2])
    assert surface_of(mask, grid).areas.sum() == pytest.approx(expected, rel=0.06)


def test_the_border_of_the_image_is_no_surface() -> None:
    grid = Grid((1.0, 1.0, 1.0), "mm")
    mask = np.zeros((20, 30, 30), bool)
    mask[:10] = True
    found = surface_of(mask, grid)
    assert found.areas.sum() == pytest.approx(900, rel=0.02)
    assert (found.voxels[:, 0] == 9).all()
    assert found.points[:, 0] == pytest.approx(9.5)
    for empty in (np.zeros((4, 5, 6), bool), np.ones((4, 5, 6), bool)):
        assert len(surface_of(empty, grid).areas) == 0


@pytest.mark.parametrize("grid", GRIDS, ids=["even", "coarse slices"])
def test_a_ball_is_as_large_as_it_is(grid: Grid) -> None:
    labels = 3 * ball(grid, 8.0).astype(np.uint8)
    (row,) = measure(labels, grid, label_names={3: "tumour"}).to_dict("records")
    assert (row["label"], row["name"], row["unit"]) == (3, "tumour", "mm")
    assert row["volume"] == pytest.approx(4 / 3 * math.pi * 8**3, rel=0.02)
    assert row["equivalent_diameter"] == pytest.approx(16, rel=0.01)
    assert row["largest_diameter"] == pytest.approx(16, abs=max(grid.spacing) / 2)
    assert not row["is_cut"]


def test_lines_and_points_are_measured_within_a_voxel() -> None:
    labels = np.zeros((5, 20, 20), np.uint8)
    labels[2, 3, 4:14] = 1
    labels[0, 10, 10] = 2
    table = measure(labels, Grid((1.0, 0.5, 0.5), "mm"))
    assert list(table["largest_diameter"]) == [
        pytest.approx(5.0, abs=0.5),
        pytest.approx(0.0, abs=0.5),
    ]
    assert list(table["is_cut"]) == [False, True]
    assert measure(np.zeros((4, 4), np.uint8), FLAT).empty


def test_in_2d_sizes_are_areas_and_outlines() -> None:
    (row,) = measure(ball(FLAT, 8.0).astype(np.uint8), FLAT).to_dict("records")
    assert row["volume"] == pytest.approx(math.pi * 64, rel=0.01)
    assert row["surface"] == pytest.approx(16 * math.pi, rel=0.03)
    assert row["equivalent_diameter"] == pytest.approx(16, rel=0.01)


def test_a_hole_is_enclosed_on_all_sides_and_none_at_the_border_is():
    mask = np.ones((6, 6), bool)
    mask[2:4, 2:4] = False
    assert without_holes(mask).all()
    mask[0, 2] = mask[1, 2] = False
    np.testing.assert_array_equal(without_holes(mask), mask)
