from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.engine.label_width import LabelWidth, fine_axes

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array


def width(drawn: Array, axes: tuple[int, ...]) -> float | None:
    found = LabelWidth()
    found.add(drawn, axes)
    return found.value


def test_only_axes_with_short_voxels_are_looked_along() -> None:
    assert fine_axes((5, 1, 1.2)) == (1, 2)
    assert fine_axes((1, 1, 1)) == (0, 1, 2)


def test_a_square_is_as_wide_as_its_side() -> None:
    drawn = np.zeros((40, 40), np.uint8)
    drawn[10:22, 5:17] = 3
    assert width(drawn, (0, 1)) == pytest.approx(12)


def test_the_thinnest_label_counts() -> None:
    drawn = np.zeros((40, 40), np.uint8)
    drawn[10:22, 5:17] = 3
    drawn[30:34, 30:34] = 1
    assert width(drawn, (0, 1)) == pytest.approx(4)


def test_a_label_that_touches_another_or_the_border_ends_there() -> None:
    halves = np.repeat([[1, 2]], 6, 0).repeat(6, 1)
    assert width(halves, (0, 1)) == pytest.approx(6)


def test_blocks_of_slices_give_what_the_whole_gives() -> None:
    drawn = np.zeros((10, 30, 30), np.uint8)
    drawn[:, 4:10, 4:10] = 1
    blocks = LabelWidth()
    for start in (0, 5):
        blocks.add(drawn[start : start + 5], (1, 2))
    assert blocks.value == width(drawn, (1, 2)) == pytest.approx(6)


def test_without_labels_or_axes_nothing_is_known() -> None:
    assert width(np.zeros((4, 4), np.uint8), (0, 1)) is None
    assert width(np.ones((4, 4), np.uint8), ()) is None
