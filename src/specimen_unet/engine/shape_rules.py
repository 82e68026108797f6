"""Sizes of patches, strides and kernels, by nnU-Net's rules for uneven voxels.

See Isensee et al. 2021 and nnU-Net's `default_experiment_planner.py` and
`network_topology.py`: an axis is not halved before the others have become as coarse
as it is (within a factor of 2), and kernels do not reach along it until then.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.engine.tiling import tile_count

if TYPE_CHECKING:
    from collections.abc import Sequence

# No axis is halved below this many voxels.
_SMALLEST = 4
# Axes are alike when their spacings differ by less than this factor.
_ALIKE = 2
# Voxels this much longer along one axis make a case uneven (nnU-Net's threshold).
_UNEVEN = 3
# Labels through which a line has fewer voxels than this are thin.
_THIN = 5
# A patch may miss this share of an axis, rather than be filled up to the next size.
_MISSED = 0.05
# What a patch may become, beside the one that was wanted, so that tiles fit: an axis,
# and its voxels.
_SHORTEST_LONGEST = (0.85, 1.2)
_SMALLER, _LARGER = 0.85, 1.1


@dataclass(frozen=True, slots=True)
class Levels:
    """Strides and kernels of every level, (level, axis)."""

    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]

    @property
    def multiple(self) -> tuple[int, ...]:
        """What sizes must be divisible by, an axis each."""
        return tuple(math.prod(axis) for axis in zip(*self.strides, strict=True))


def levels_for(
    size: Sequence[int],
    spacing: Sequence[float],
    at_most: int,
    block: Sequence[int] | None = None,
) -> Levels:
    """Find strides and kernels for patches of a size.

    Parameters
    ----------
    size : sequence of int
        Voxels of a patch along each axis.
    spacing : sequence of float
        Of the voxels, along each axis.
    at_most : int
        Levels; fewer when no axis can be halved any further.
    block : sequence of int, optional
        Voxels along each axis that are folded together before the first level.
    """
    block = tuple(block or (1,) * len(size))
    remaining = [-(-n // b) for n, b in zip(size, block, strict=True)]
    coarseness = [step * b for step, b in zip(spacing, block, strict=True)]
    kernel = _kernel(coarseness, (1,) * len(size))
    strides, kernels = [block], [kernel]
    while len(strides) < at_most:
        halved = _axes_to_halve(remaining, coarseness)
        if not any(halved):
            break
        stride = tuple(2 if is_halved else 1 for is_halved in halved)
        remaining = [-(-n // step) for n, step in zip(remaining, stride, strict=True)]
        coarseness = [c * step for c, step in zip(coarseness, stride, strict=True)]
        # A kernel of 1 would skip every other voxel of an axis that is halved.
        reach = tuple(
            3 if step > 1 else k for k, step in zip(kernel, stride, strict=True)
        )
        kernel = _kernel(coarseness, reach)
        strides.append(stride)
        kernels.append(kernel)
    kernels[-1] = (3,) * len(size)
    return Levels(tuple(strides), tuple(kernels))


def block_for(
    size: Sequence[int], spacing: Sequence[float], width: float | None
) -> tuple[int, ...]:
    """Choose the voxels that are folded into one before the first level.

    Parameters
    ----------
    size : sequence of int
        Voxels of a patch along each axis.
    spacing : sequence of float
        Along each axis; coarse ones are not folded.
    width : float, optional
        Of the thinnest label in voxels; unknown ones are taken for wide.

    Returns
    -------
    tuple of int
        Ones where labels are thin: half a voxel more or less matters there.
    """
    if width is not None and width < _THIN:
        return (1,) * len(size)
    finest = min(spacing)
    return tuple(
        2 if step < _ALIKE * finest and n >= 2 * _SMALLEST else 1
        for n, step in zip(size, spacing, strict=True)
    )


def even_levels(dimensions: int, count: int, first_stride: int = 1) -> Levels:
    """Return levels that halve every axis every time, the first one perhaps too."""
    first, others = (first_stride,) * dimensions, ((2,) * dimensions,) * (count - 1)
    return Levels((first, *others), ((3,) * dimensions,) * count)


def with_levels(levels: Levels, count: int) -> Levels:
    """Add levels that stay as coarse as the last, until there are `count`."""
    dimensions = len(levels.strides[0])
    missing = max(count - len(levels.strides), 0)
    return Levels(
        levels.strides + ((1,) * dimensions,) * missing,
        levels.kernels + ((3,) * dimensions,) * missing,
    )


def rounded_up(size: Sequence[int], multiple: Sequence[int]) -> tuple[int, ...]:
    """Return the next size that is divisible."""
    return tuple(-(-n // m) * m for n, m in zip(size, multiple, strict=True))


def patch_size(
    shape: Sequence[int], spacing: Sequence[float], voxels: float
) -> tuple[int, ...]:
    """Return the largest patch of about as many voxels, equally long along all axes.

    Parameters
    ----------
    shape : sequence of int
        Of a typical case; the patch does not reach beyond it.
    spacing : sequence of float
        Along each axis; long means in this unit, not in voxels.
    voxels : float
        How many voxels the patch may have.
    """
    size = [0.0] * len(shape)
    free = set(range(len(shape)))
    while free:
        room = voxels / math.prod(size[axis] for axis in range(len(size)) if size[axis])
        volume = math.prod(spacing[axis] for axis in free)
        length = (room * volume) ** (1 / len(free))
        too_short = {axis for axis in free if length / spacing[axis] >= shape[axis]}
        for axis in too_short or free:
            size[axis] = min(length / spacing[axis], shape[axis])
        free = free - too_short if too_short else set()
    return tuple(max(math.floor(n), 1) for n in size)


def fitted(
    size: Sequence[int], shape: Sequence[int], multiple: Sequence[int]
) -> tuple[int, ...]:
    """Make a patch divisible: the nearest size, or one that covers a short case."""
    return tuple(
        _fitted_axis(n, whole, m)
        for n, whole, m in zip(size, shape, multiple, strict=True)
    )


def covering(
    patch: Sequence[int], shape: Sequence[int], multiple: Sequence[int], overlap: float
) -> tuple[int, ...]:
    """Return a patch of about as many voxels whose tiles cover a case with the fewest.

    A case a little longer than three tiles takes four: of a case of 221 voxels, patches
    of 88 compute 352, and patches of 96 only 288.

    Parameters
    ----------
    patch : sequence of int
        Voxels along each axis, divisible by `multiple`.
    shape : sequence of int
        Of a typical case.
    multiple : sequence of int
        What sizes must be divisible by.
    overlap : float
        Share of a tile that its neighbour covers too.
    """
    voxels = math.prod(patch)
    alike = [
        size
        for size in itertools.product(*map(_alike_lengths, patch, shape, multiple))
        if _SMALLER <= math.prod(size) / voxels <= _LARGER
    ]

    def computed(size: tuple[int, ...]) -> int:
        tiles = (tile_count(*axis, overlap) for axis in zip(shape, size, strict=True))
        return math.prod(tiles) * math.prod(size)

    return min(
        alike, key=lambda size: (computed(size), abs(math.prod(size) - voxels), size)
    )


def target_spacing(
    spacings: Sequence[Sequence[float]], shapes: Sequence[Sequence[int]]
) -> tuple[float, ...]:
    """Return the spacing to work at: the median, finer along one coarse axis.

    Parameters
    ----------
    spacings, shapes : sequences of (axis, ...)
        Of every case.
    """
    all_spacings = np.asarray(spacings, float)
    target, size = np.median(all_spacings, 0), np.median(np.asarray(shapes, float), 0)
    coarse = int(target.argmax())
    others = [axis for axis in range(len(target)) if axis != coarse]
    is_uneven = (
        target[coarse] > _UNEVEN * target[others].max()
        and size[coarse] * _UNEVEN < size[others].min()
    )
    if is_uneven:
        # Coarse cases lose less when enlarged than fine ones when reduced.
        fine = np.percentile(all_spacings[:, coarse], 10)
        target[coarse] = max(fine, target[others].max())
    return tuple(float(f"{step:.6g}") for step in target)


def _alike_lengths(length: int, whole: int, multiple: int) -> list[int]:
    """List the lengths an axis may have instead; one that covers a case stays."""
    if length >= whole:
        return [length]
    first, last = (math.ceil(length * share) for share in _SHORTEST_LONGEST)
    return [
        n
        for n in range(multiple, min(last, whole) + 1, multiple)
        if n >= first or n == length
    ]


def _kernel(coarseness: Sequence[float], so_far: Sequence[int]) -> tuple[int, ...]:
    """Widen the kernel along axes that are no coarser than the others."""
    finest = min(coarseness)
    return tuple(
        3 if reach == 3 or step < _ALIKE * finest else 1
        for reach, step in zip(so_far, coarseness, strict=True)
    )


def _axes_to_halve(size: Sequence[int], coarseness: Sequence[float]) -> list[bool]:
    """Tell which axes are long enough, and fine enough beside the others."""
    is_long = [n >= 2 * _SMALLEST for n in size]
    finest = min(
        (c for c, long in zip(coarseness, is_long, strict=True) if long), default=0.0
    )
    halved = [
        long and c < _ALIKE * finest
        for c, long in zip(coarseness, is_long, strict=True)
    ]
    # nnU-Net halves a single axis only while it is really long.
    if sum(halved) == 1 and size[halved.index(True)] < 3 * _SMALLEST:
        return [False] * len(size)
    return halved


def _fitted_axis(n: int, whole: int, multiple: int) -> int:
    """Make one size divisible."""
    below = n // multiple * multiple
    if n < whole:
        return max(round(n / multiple) * multiple, multiple)
    return below if below >= (1 - _MISSED) * whole else below + multiple * (below < n)
