"""Disjoint cores of an image, each computed within a tile that reaches beyond it.

Every voxel belongs to one core, so nothing is computed twice but the halos. Peers with
the same idea: torch-em's `predict_with_halo`, PlantSeg's halo.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.engine.networks import size_multiple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan

Spans = tuple[tuple[int, int], ...]

# More tiles along one axis than this are never better than smaller halos elsewhere.
_MOST_TILES = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """One tile and the part of it that counts.

    Attributes
    ----------
    tile : tuple of (int, int)
        First voxel and last + 1 along each axis; beyond the image where that is
        smaller than the tile.
    core : tuple of (int, int)
        Likewise, always inside the image and the tile.
    """

    tile: Spans
    core: Spans


@dataclass(frozen=True, slots=True)
class TileRules:
    """What tiles of a network must keep to, an axis each.

    Attributes
    ----------
    halo : tuple of int
        Voxels a core keeps from the faces of its tile, but for those of the image.
    least : tuple of int
        Smallest tile.
    multiple : tuple of int
        Tiles are divisible by it.
    """

    halo: tuple[int, ...]
    least: tuple[int, ...]
    multiple: tuple[int, ...]


def tile_rules(plan: Plan) -> TileRules:
    """Return what tiles of a plan's network must keep to.

    A halo is as wide as one voxel of the coarsest level, an eighth of the patch at
    least and a quarter at most.
    """
    multiple = size_multiple(plan)
    halo = tuple(
        max(min(step, length // 4), length // 8, 1)
        for step, length in zip(multiple, plan.patch, strict=True)
    )
    return TileRules(halo, plan.patch, multiple)


def cut_into_cores(
    shape: Sequence[int], rules: TileRules, most_voxels: float
) -> list[Piece]:
    """Cut an image into as few voxels of tiles as it takes.

    All tiles have one size. Of the sizes that fit, the one is taken for which the
    fewest voxels are computed: the whole image, else slabs, bars or blocks.

    Parameters
    ----------
    shape : sequence of int
        Voxels of the image.
    rules : TileRules
        Of the network.
    most_voxels : float
        Of a tile. The smallest tile is taken where even that is larger.
    """
    size = _tile_size(shape, rules, most_voxels)
    axes = [
        _cut_axis(*numbers) for numbers in zip(shape, size, rules.halo, strict=True)
    ]
    return [
        Piece(tuple(tile for tile, _ in spans), tuple(core for _, core in spans))
        for spans in itertools.product(*axes)
    ]


def _tile_size(
    shape: Sequence[int], rules: TileRules, most_voxels: float
) -> tuple[int, ...]:
    """Choose the size for which the fewest voxels are computed, halos included."""
    options = [
        _options(*numbers)
        for numbers in zip(shape, rules.halo, rules.least, rules.multiple, strict=True)
    ]
    sizes, counts = (
        np.stack(np.meshgrid(*[[option[n] for option in axis] for axis in options]), -1)
        .reshape(-1, len(shape))
        .astype(float)
        for n in (0, 1)
    )
    voxels, tiles = sizes.prod(axis=1), counts.prod(axis=1)
    fits = voxels <= most_voxels
    if not fits.any():
        fits = voxels == voxels.min()
    work = np.where(fits, voxels * tiles, math.inf)
    best = np.lexsort([tiles, work])[0]
    return tuple(int(length) for length in sizes[best])


def _options(
    length: int, halo: int, least: int, multiple: int
) -> list[tuple[int, int]]:
    """List the sizes that one, two, three, ... tiles along an axis need."""
    options: dict[int, int] = {}
    for count in range(1, _MOST_TILES + 1):
        needed = math.ceil((length + 2 * halo * (count - 1)) / count)
        size = max(math.ceil(needed / multiple) * multiple, least)
        options.setdefault(size, count)
        if size == least:
            break
    return list(options.items())


def _cut_axis(
    length: int, size: int, halo: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Lay tiles and their cores along one axis, spread evenly."""
    if size >= length:
        start = -((size - length) // 2)
        return [((start, start + size), (0, length))]
    count = math.ceil((length - 2 * halo) / (size - 2 * halo))
    starts = [round(n * (length - size) / (count - 1)) for n in range(count)]
    # Two cores meet in the middle of what both tiles cover.
    meetings = [
        (left + size + right) // 2 for left, right in itertools.pairwise(starts)
    ]
    cores = itertools.pairwise([0, *meetings, length])
    return [
        ((start, start + size), core) for start, core in zip(starts, cores, strict=True)
    ]
