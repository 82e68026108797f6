from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.engine.shape_rules import (
    Levels,
    block_for,
    covering,
    even_levels,
    fitted,
    levels_for,
    patch_size,
    rounded_up,
    target_spacing,
    with_levels,
)
from specimen_unet.engine.tiling import tile_count, tile_image

sizes = st.integers(1, 300)
spacings = st.floats(0.05, 20)
axes = st.sampled_from([2, 3])


def test_even_voxels_are_halved_alike() -> None:
    assert levels_for((40, 56, 40), (1, 1, 1), 4) == even_levels(3, 4)
    assert levels_for((192, 224), (0.2, 0.2), 4) == even_levels(2, 4)


def test_a_coarse_axis_waits_until_the_others_are_as_coarse() -> None:
    """Spacing 5:1:1 becomes 5:2:2, then 5:4:4, which is alike."""
    levels = levels_for((24, 112, 112), (0.5, 0.1, 0.1), 5)
    assert levels.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
    assert levels.kernels == ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
    assert levels.multiple == (4, 16, 16)


@pytest.mark.parametrize(
    ("spacing", "width", "block"),
    [
        ((1, 1, 1), None, (2, 2, 2)),
        ((5, 1, 1), 20, (1, 2, 2)),
        ((1, 1, 1), 4.9, (1, 1, 1)),
    ],
    ids=["even", "coarse slices", "thin labels"],
)
def test_blocks_are_folded_along_fine_axes_unless_labels_are_thin(
    spacing: tuple[float, ...], width: float | None, block: tuple[int, ...]
) -> None:
    assert block_for((32, 32, 32), spacing, width) == block
    assert block_for((32, 7, 32), spacing, width)[1] == 1


def test_no_axis_is_halved_below_four_voxels() -> None:
    levels = levels_for((7, 64, 64), (1, 1, 1), 6)
    assert levels.multiple == (1, 16, 16)
    assert levels_for((4, 4), (1, 1), 4).strides == ((1, 1),)


def test_levels_can_be_added_that_stay_as_coarse() -> None:
    levels = with_levels(levels_for((4, 4), (1, 1), 4), 3)
    assert levels == Levels(((1, 1),) * 3, ((3, 3),) * 3)
    assert with_levels(levels, 2) == levels


@given(st.data())
def test_levels_obey_the_rules_for_any_size(data: st.DataObject) -> None:
    dimensions = data.draw(axes)
    size = data.draw(st.tuples(*[sizes] * dimensions))
    spacing = data.draw(st.tuples(*[spacings] * dimensions))
    levels = levels_for(size, spacing, 6)
    assert 1 <= len(levels.strides) == len(levels.kernels) <= 6
    assert levels.strides[0] == (1,) * dimensions
    assert levels.kernels[-1] == (3,) * dimensions
    coarseness = list(spacing)
    for stride, kernel in zip(levels.strides[1:], levels.kernels[1:], strict=True):
        assert max(stride) == 2
        for axis in range(dimensions):
            # Only axes that are alike to all that can still be halved.
            assert stride[axis] == 1 or kernel[axis] == 3
        coarseness = [c * s for c, s in zip(coarseness, stride, strict=True)]
    for n, multiple in zip(size, levels.multiple, strict=True):
        assert multiple == 1 or -(-n // multiple) >= 4


@given(st.data())
def test_patches_fit_the_case_the_budget_and_the_network(data: st.DataObject) -> None:
    dimensions = data.draw(axes)
    shape = data.draw(st.tuples(*[sizes] * dimensions))
    spacing = data.draw(st.tuples(*[spacings] * dimensions))
    voxels = data.draw(st.floats(1, 1e6))
    size = patch_size(shape, spacing, voxels)
    assert all(1 <= n <= whole for n, whole in zip(size, shape, strict=True))
    # An axis has one voxel at least, however small the budget.
    assert math.prod(size) <= voxels * 1.001 or 1 in size
    multiple = levels_for(size, spacing, 5).multiple
    patch = fitted(size, shape, multiple)
    assert all(n % m == 0 and n > 0 for n, m in zip(patch, multiple, strict=True))


def test_a_patch_is_as_long_along_all_axes_and_no_longer_than_the_case() -> None:
    assert patch_size((100, 300, 300), (0.5, 0.1, 0.1), 25_000) == (10, 50, 50)
    assert patch_size((8, 300, 300), (0.5, 0.1, 0.1), 8 * 50**2) == (8, 50, 50)
    assert patch_size((35, 51, 35), (1, 1, 1), 300_000) == (35, 51, 35)


@pytest.mark.parametrize(
    ("size", "shape", "multiple", "patch"),
    [
        ((35, 51), (35, 51), (8, 8), (40, 56)),  # covers a short case
        ((65, 64), (65, 64), (16, 16), (64, 64)),  # 1 of 65 is not worth 15 more
        ((50, 46), (99, 99), (8, 8), (48, 48)),  # the nearest inside a long case
        ((3, 3), (99, 99), (8, 8), (8, 8)),
    ],
)
def test_patches_are_made_divisible(
    size: tuple[int, ...],
    shape: tuple[int, ...],
    multiple: tuple[int, ...],
    patch: tuple[int, ...],
) -> None:
    assert fitted(size, shape, multiple) == patch


def test_a_case_a_little_longer_than_some_tiles_gets_other_patches() -> None:
    shape, multiple = (39, 221, 200), (8, 8, 8)
    assert covering((40, 88, 88), shape, multiple, 0.25) == (40, 96, 80)
    assert len(tile_image(shape, (40, 88, 88), 0.25).tiles) == 12
    assert len(tile_image(shape, (40, 96, 80), 0.25).tiles) == 9
    # One that covers the case stays.
    assert covering((40, 48, 40), (35, 51, 36), multiple, 0.25) == (40, 48, 40)


@given(st.data())
def test_tiles_that_fit_compute_no_more_than_others(data: st.DataObject) -> None:
    dimensions = data.draw(axes)
    shape = data.draw(st.tuples(*[sizes] * dimensions))
    multiple = data.draw(st.tuples(*[st.sampled_from([1, 2, 8, 16])] * dimensions))
    wanted = data.draw(st.tuples(*[sizes] * dimensions))
    within = [min(n, whole) for n, whole in zip(wanted, shape, strict=True)]
    patch = fitted(within, shape, multiple)
    other = covering(patch, shape, multiple, 0.25)
    assert all(n % m == 0 and n > 0 for n, m in zip(other, multiple, strict=True))
    assert 0.85 <= math.prod(other) / math.prod(patch) <= 1.1
    before, after = (
        math.prod(
            tile_count(*axis, 0.25) * axis[1] for axis in zip(shape, size, strict=True)
        )
        for size in (patch, other)
    )
    assert after <= before


def test_sizes_are_rounded_up() -> None:
    assert rounded_up((30, 96, 1), (8, 16, 4)) == (32, 96, 4)


def test_the_target_spacing_is_the_median() -> None:
    spacings = [(1, 1, 1), (1.2, 1, 1), (3, 0.8, 0.9)]
    assert target_spacing(spacings, [(50, 50, 50)] * 3) == (1.2, 1, 1)


def test_one_coarse_axis_is_worked_on_finely() -> None:
    """As nnU-Net: the 10th percentile where spacing and shape are both uneven."""
    spacings = [(2.0, 0.5, 0.5)] + [(4.0, 0.5, 0.5)] * 9
    shapes = [(20, 256, 256)] * 10
    assert target_spacing(spacings, shapes) == (3.8, 0.5, 0.5)
    assert target_spacing(spacings, [(100, 256, 256)] * 10) == (4.0, 0.5, 0.5)
