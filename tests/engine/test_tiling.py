"""Tiles cover an image, each inside it or its padding, and blend to what was put in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from specimen_unet.engine.tiling import (
    Blend,
    cut_tile,
    pad_tile,
    tile_image,
    tile_size,
)

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.engine.tiling import Tiling


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    dimensions = draw(st.integers(2, 3))
    sizes = st.tuples(*[st.integers(1, 12)] * dimensions)
    return tile_image(draw(sizes), draw(sizes), draw(st.sampled_from([0, 0.25, 0.75])))


def tiles_of(images: Array, tiling: Tiling) -> list[torch.Tensor]:
    return [
        pad_tile(torch.from_numpy(cut_tile(images, 0, tile, tiling)), tiling)
        for tile in tiling.tiles
    ]


@given(tilings())
@settings(deadline=None)
def test_every_voxel_lies_in_a_tile(tiling: Tiling) -> None:
    covered = np.zeros(tiling.padded_shape, int)
    for tile in tiling.tiles:
        assert covered[tile].shape == tiling.size
        covered[tile] += 1
    assert covered.min() >= 1
    assert covered[tiling.inside].shape == tiling.shape


@given(tilings())
@settings(deadline=None)
def test_tiles_hold_what_the_zero_padded_image_holds(tiling: Tiling) -> None:
    image = np.random.default_rng(0).random((2, *tiling.shape), np.float32)
    padded = np.pad(image, [(0, 0), *tiling.padding])
    for tile, found in zip(tiling.tiles, tiles_of(image[None], tiling), strict=True):
        np.testing.assert_array_equal(found, padded[:, *tile])


@given(tilings())
@settings(deadline=None)
def test_blending_the_tiles_of_an_image_gives_the_image(tiling: Tiling) -> None:
    image = np.random.default_rng(0).random((1, 2, *tiling.shape), np.float32)
    blend = Blend(1, 2, tiling, torch.device("cpu"))
    for tile, values in zip(tiling.tiles, tiles_of(image, tiling), strict=True):
        blend.add(0, tile, values)
    np.testing.assert_allclose(blend.result(), image, rtol=1e-5)


def test_the_middle_of_a_tile_counts_most() -> None:
    tiling = tile_image((8, 12), (8, 8), 0.5)
    blend = Blend(1, 1, tiling, torch.device("cpu"))
    for value, tile in enumerate(tiling.tiles):
        blend.add(0, tile, torch.full((1, 8, 8), float(value)))
    row = blend.result()[0, 0, 4]
    assert (row.diff() >= 0).all()
    assert row[4] < 0.1
    assert row[7] > 0.9


def test_an_image_that_is_not_larger_than_a_tile_is_one_tile() -> None:
    assert len(tile_image((5, 8), (8, 8), 0.75).tiles) == 1


@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_more_overlap_means_more_tiles(overlap: float) -> None:
    fewer, more = (
        tile_image((32, 32), (8, 8), share) for share in (overlap, overlap + 0.25)
    )
    assert len(fewer.tiles) < len(more.tiles)


def test_only_the_tile_is_read_of_a_mapped_image(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.arange(64.0).reshape(1, 1, 8, 8))
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    tiling = tile_image((8, 8), (4, 4), 0)
    found = cut_tile(mapped, 0, tiling.tiles[-1], tiling)
    assert np.shares_memory(found, mapped)
    assert found.tolist() == mapped[0, :, 4:, 4:].tolist()


def test_tiles_grow_where_that_covers_an_image_with_fewer_voxels() -> None:
    """39 slices take one tile of 40 instead of two of 28: 40 voxels and not 56."""
    size = tile_size((39, 221, 200), (28, 96, 96), (4, 8, 8), 0.25)
    assert size == (40, 128, 120)
    assert len(tile_image((39, 221, 200), size, 0.25).tiles) == 4
    assert len(tile_image((39, 221, 200), (28, 96, 96), 0.25).tiles) == 18


@given(
    length=st.integers(1, 400),
    patch=st.integers(1, 12).map(lambda n: 8 * n),
    overlap=st.sampled_from([0.25, 0.5, 0.75]),
)
def test_a_tile_is_a_patch_or_up_to_half_as_long_again_and_never_more_work(
    length: int, patch: int, overlap: float
) -> None:
    (size,) = tile_size((length,), (patch,), (8,), overlap)
    assert patch <= size <= 1.5 * patch
    assert size % 8 == 0
    computed, usual = (
        one * len(tile_image((length,), (one,), overlap).tiles) for one in (size, patch)
    )
    assert computed <= usual
