"""Resampling: the same extent, the same values as PyTorch, nothing blurred."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from specimen_unet.engine.resampling import (
    Zoom,
    resample,
    resample_part,
    resampled_shape,
)

MODES = {2: "bilinear", 3: "trilinear"}


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((7, 9), (14, 5)), ((5, 8, 6), (5, 16, 3)), ((5, 8, 6), (11, 3, 7))],
)
def test_resampling_equals_interpolate(
    shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    images = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(
        images, wanted, mode=MODES[len(shape)], align_corners=False
    )
    torch.testing.assert_close(resample(images, wanted), expected)


@pytest.mark.parametrize("wanted", [(14, 5), (7, 3), (2, 9), (1, 1), (6, 8)])
def test_antialiased_resampling_equals_interpolate(wanted: tuple[int, ...]) -> None:
    images = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(images, wanted, mode="bilinear", antialias=True)
    found = resample(images, wanted, antialiased=True)
    torch.testing.assert_close(found, expected)


def test_a_part_is_antialiased_as_the_whole_is() -> None:
    images = torch.rand(1, 2, 11, 53, 97, generator=torch.Generator().manual_seed(0))
    wanted, part = (11, 20, 120), [(2, 9), (3, 9), (50, 61)]
    axes = [
        Zoom(*sizes, antialiased=True)
        for sizes in zip(images.shape[2:], wanted, strict=True)
    ]
    needed = [zoom.needed(*span) for zoom, span in zip(axes, part, strict=True)]
    block = images[:, :, *(slice(*span) for span in needed)]
    whole = resample(images, wanted, antialiased=True)
    torch.testing.assert_close(
        resample_part(block, axes, part),
        whole[:, :, *(slice(*span) for span in part)],
    )
    assert block.numel() < images.numel() / 5


def test_speckle_is_averaged_where_an_image_is_made_much_smaller() -> None:
    """Two neighbours alone would show as much noise as there was."""
    speckle = torch.rand(1, 1, 480, 600, generator=torch.Generator().manual_seed(0))
    rough = resample(speckle, (112, 144)).std()
    smooth = resample(speckle, (112, 144), antialiased=True).std()
    assert smooth < rough / 2


def test_an_image_of_the_wanted_size_is_not_touched(spatial: tuple[int, ...]) -> None:
    images = torch.rand(1, 1, *spatial)
    assert resample(images, spatial) is images


def test_slices_are_not_blurred_into_one_another() -> None:
    images = torch.zeros(1, 1, 3, 4, 4)
    images[:, :, 1] = 1
    found = resample(images, (3, 8, 8))
    assert (found[:, :, 1] == 1).all()
    assert (found[:, :, [0, 2]] == 0).all()


def test_probabilities_still_sum_to_one(spatial: tuple[int, ...]) -> None:
    probabilities = torch.rand(1, 3, *spatial).softmax(1)
    found = resample(probabilities, tuple(size + 5 for size in spatial))
    torch.testing.assert_close(found.sum(1), torch.ones_like(found[:, 0]))


def test_there_and_back_keeps_a_smooth_image() -> None:
    row = np.sin(np.linspace(0, 3, 40))
    image = torch.tensor(np.outer(row, row), dtype=torch.float32)[None, None]
    back = resample(resample(image, (80, 60)), (40, 40))
    assert (back - image).abs().max() < 0.01


def test_voxels_are_counted_by_the_spacing() -> None:
    found = resampled_shape((10, 100, 100), (5.0, 1.0, 0.5), (5.0, 2.0, 1.0))
    assert found == (10, 50, 50)


def test_a_spacing_within_one_percent_is_the_same() -> None:
    assert resampled_shape((500, 500), (1.0, 1.005), (1.0, 1.0)) == (500, 500)
    assert resampled_shape((500, 500), (1.0, 1.05), (1.0, 1.0)) == (500, 525)


def test_an_axis_never_vanishes() -> None:
    assert resampled_shape((2, 50), (0.1, 1.0), (10.0, 1.0)) == (1, 50)
