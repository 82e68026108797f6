"""A grid knows its spacing in every unit of length, and refuses what is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.grid import Grid, short_unit

LENGTHS = st.sampled_from(["nm", "um", "mm", "cm", "m", "inch"])
STEPS = st.floats(1e-6, 1e6)
SPACINGS = st.lists(STEPS, min_size=2, max_size=3).map(tuple)


@given(SPACINGS, LENGTHS, LENGTHS)
def test_a_spacing_in_another_unit_comes_back_the_same(
    spacing: tuple[float, ...], unit: str, other: str
) -> None:
    grid = Grid(spacing, unit)
    assert grid.can_be_in(other)
    back = grid.in_unit(other).in_unit(unit)
    assert back.spacing == pytest.approx(spacing)


@given(SPACINGS, LENGTHS)
def test_the_size_of_a_voxel_is_the_product_of_its_sides(
    spacing: tuple[float, ...], unit: str
) -> None:
    assert Grid(spacing, unit).voxel_size == pytest.approx(math.prod(spacing))


@given(SPACINGS, st.text(max_size=8))
def test_a_spacing_in_its_own_unit_is_itself(
    spacing: tuple[float, ...], unit: str
) -> None:
    grid = Grid(spacing, unit)
    assert grid.in_unit(unit) == grid
    assert grid.same_spacing(grid)


def test_micrometres_become_millimetres() -> None:
    found = Grid((500, 250), "µm").in_unit("millimetre")
    assert found.unit == "mm"
    assert found.spacing == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("unit", ["pixel", "second"])
def test_what_is_no_length_cannot_be_converted(unit: str) -> None:
    for grid, other in [(Grid((1, 1), unit), "mm"), (Grid((1, 1), "mm"), unit)]:
        assert not grid.can_be_in(other)
        with pytest.raises(GridMismatchError, match="unit"):
            grid.in_unit(other)


@given(st.sampled_from(["micrometers", "µm", "micron", " UM "]))
def test_names_of_a_unit_are_one_unit(name: str) -> None:
    assert short_unit(name) == Grid((1, 1), name).unit == "um"


def test_axes_are_named_last_first() -> None:
    assert Grid((1, 1)).axes == ("Y", "X")
    assert Grid((1, 1, 1)).axes == ("Z", "Y", "X")


@pytest.mark.parametrize(
    "spacing", [(1,), (1, 1, 1, 1), (0, 1), (-1, 1), (math.nan, 1), (math.inf, 1)]
)
def test_an_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(GridMismatchError, match="spacing"):
        Grid(spacing)
