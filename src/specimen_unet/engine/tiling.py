"""Cut images into overlapping tiles, and blend what a network says of them.

Tiles, padding and weights are those of MONAI's `sliding_window_inference` with
``mode="gaussian"``, so that both give the same labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from monai.data.utils import compute_importance_map, dense_patch_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

Slices = tuple[slice, ...]

# A tile may be so many times as long as a patch. Instance norms average over a tile: in
# far larger ones the network sees what it was not trained on (docs/benchmarks.md).
_LONGEST = 1.5
# Nor may it reach further beyond the image: they average over the padding, too.
_MOST_BEYOND = 1.05


@dataclass(frozen=True, slots=True)
class Tiling:
    """Where the tiles of an image lie; all tuples are per spatial axis.

    Attributes
    ----------
    shape : tuple of int
        Voxels of the image.
    size : tuple of int
        Voxels of a tile.
    padding : tuple of (int, int)
        Voxels of nothing in front of and behind an image smaller than a tile.
    tiles : tuple of tuple of slice
        Every tile, in the padded image.
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    tiles: tuple[Slices, ...]

    @property
    def padded_shape(self) -> tuple[int, ...]:
        """Voxels of the image with its padding."""
        return tuple(
            size + sum(padding)
            for size, padding in zip(self.shape, self.padding, strict=True)
        )

    @property
    def inside(self) -> Slices:
        """Where the image lies in the padded image."""
        return tuple(
            slice(before, before + size)
            for size, (before, _) in zip(self.shape, self.padding, strict=True)
        )


def tile_size(
    shape: Sequence[int],
    patch: Sequence[int],
    multiple: Sequence[int],
    overlap: float,
) -> tuple[int, ...]:
    """Choose the tiles that cover an image with the fewest voxels.

    Tiles of the patch's size rarely fit: an image a little longer than a patch would
    take two. Along each axis a tile is as long as a patch or up to half as long again.

    Parameters
    ----------
    shape, patch, multiple : sequence of int
        Voxels of the image and of a patch along each spatial axis, and what the
        network's input must be divisible by.
    overlap : float
        Share of a tile that its neighbour covers too, at least.
    """
    return tuple(
        _tile_length(*numbers, overlap)
        for numbers in zip(shape, patch, multiple, strict=True)
    )


def _tile_length(length: int, patch: int, multiple: int, overlap: float) -> int:
    """Choose the length for which the fewest voxels are computed along an axis."""
    if length <= patch:
        return patch
    best, least = patch, tile_count(length, patch, overlap) * patch
    longest = int(min(_LONGEST * patch, _MOST_BEYOND * length))
    for longer in range(patch + multiple, longest + 1, multiple):
        computed = tile_count(length, longer, overlap) * longer
        if computed < least:
            best, least = longer, computed
    return best


def tile_count(length: int, tile: int, overlap: float) -> int:
    """Return how many tiles cover a length."""
    step = max(1, int(tile * (1 - overlap)))
    return 1 + math.ceil(max(length - tile, 0) / step)


def tile_image(shape: Sequence[int], size: Sequence[int], overlap: float) -> Tiling:
    """Lay tiles over an image; one is enough where the image is not larger.

    Parameters
    ----------
    shape, size : sequence of int
        Voxels of the image and of a tile along each spatial axis.
    overlap : float
        Share of a tile that its neighbour covers too, 0 to below 1.
    """
    missing = [max(wanted - have, 0) for have, wanted in zip(shape, size, strict=True)]
    padded = [have + more for have, more in zip(shape, missing, strict=True)]
    steps = [
        wanted if wanted == have else max(1, int(wanted * (1 - overlap)))
        for have, wanted in zip(padded, size, strict=True)
    ]
    return Tiling(
        shape=tuple(shape),
        size=tuple(size),
        padding=tuple((more // 2, more - more // 2) for more in missing),
        tiles=tuple(dense_patch_slices(padded, size, steps)),
    )


def cut_tile(images: Array, image: int, tile: Slices, tiling: Tiling) -> Array:
    """Read one tile of one of several images.

    Parameters
    ----------
    images : ndarray, shape (N, C, *spatial)
        Images of the tiling's shape; only the tile is read where they are
        memory-mapped.
    image : int
        Which of the N.
    tile : tuple of slice
        One of the tiling's tiles.
    tiling : Tiling
        How the images are cut.

    Returns
    -------
    ndarray, shape (C, *within)
        As stored. The part of the tile that lies inside the image, without padding.
    """
    within = tuple(
        slice(max(part.start - before, 0), min(part.stop - before, size))
        for part, (before, _), size in zip(
            tile, tiling.padding, tiling.shape, strict=True
        )
    )
    part: Array = images[image][:, *within]
    return part


def pad_tile(tile: torch.Tensor, tiling: Tiling) -> torch.Tensor:
    """Put zeros around a tile (C, *within) that is smaller than the tiling's.

    An image is padded only along axes on which one tile covers it whole, so what is
    missing is the padding of the image.
    """
    padding = [
        pad if have < size else (0, 0)
        for have, size, pad in zip(
            tile.shape[1:], tiling.size, tiling.padding, strict=True
        )
    ]
    # torch counts axes from the last one.
    ends = [end for pair in reversed(padding) for end in pair]
    return torch.nn.functional.pad(tile, ends)


class Blend:
    """Weighted sums of what a network says of the tiles of N images.

    A voxel counts most where a tile has it in its middle (a Gaussian, sigma an
    eighth of the tile), least at its faces. Holds ``(N, K, *padded)`` float32 and
    one map of weights ``(*padded)``.

    Parameters
    ----------
    images, classes : int
        N and K.
    tiling : Tiling
        How every image is cut.
    device : torch.device
        Where the sums are kept.
    """

    def __init__(
        self, images: int, classes: int, tiling: Tiling, device: torch.device
    ) -> None:
        self._tiling = tiling
        self._sums = torch.zeros((images, classes, *tiling.padded_shape), device=device)
        self._weight = compute_importance_map(
            tiling.size, mode="gaussian", sigma_scale=0.125, device=device
        )

    def add(self, image: int, tile: Slices, values: torch.Tensor) -> None:
        """Add the values (K, *size) of one tile of one image."""
        weighted = values.to(self._sums.device) * self._weight
        self._sums[image][:, *tile] += weighted

    def result(self) -> torch.Tensor:
        """Divide by the weights; (N, K, *shape), once and after all tiles."""
        weights = self._sums.new_zeros(self._tiling.padded_shape)
        for tile in self._tiling.tiles:
            weights[tile] += self._weight
        self._sums /= weights
        return self._sums[:, :, *self._tiling.inside]
