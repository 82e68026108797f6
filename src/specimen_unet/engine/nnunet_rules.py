"""Patch, levels, channels and batch as nnU-Net chooses them.

See Isensee et al. 2021 and `default_experiment_planner.py` of nnU-Net 2.8.1, whose
method `get_plans_for_configuration` this follows; `benchmarks/nnunet_plans.py`
compares both. A patch begins larger than any device can take, and is made smaller
along the axis that covers most of the case, until two of them fit the memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from specimen_unet.engine.shape_rules import Levels, levels_for, rounded_up

if TYPE_CHECKING:
    from collections.abc import Sequence

# By dimensions: voxels of the patch to begin with, most channels, and the values of
# feature maps in a batch of so many patches that fill a GPU of 8 GB.
_FIRST_PATCH = {2: 2048**2, 3: 256**3}
_MOST_CHANNELS = {2: 512, 3: 320}
_VALUES = {2: 85_000_000, 3: 560_000_000}
_BATCH = {2: 12, 3: 2}
_FIRST_CHANNELS = 32
_FEWEST_PATCHES = 2
# A batch shows at most this share of all voxels there are.
_SHARE_OF_CASES = 0.05
_NO_LIMIT = 99


class NnunetSizes(NamedTuple):
    """What nnU-Net's planner chooses: patch, levels, channels, patches a step."""

    patch: tuple[int, ...]
    levels: Levels
    channels: tuple[int, ...]
    batch: int


def nnunet_sizes(
    shape: Sequence[int],
    spacing: Sequence[float],
    classes: int,
    voxels: float,
    share: float = 1.0,
) -> NnunetSizes:
    """Choose sizes by nnU-Net's rules.

    Parameters
    ----------
    shape : sequence of int
        Of a typical case at the spacing, along each axis of the network.
    spacing : sequence of float
        Along each axis.
    classes : int
        Background included.
    voxels : float
        Of all cases together.
    share : float
        Of the memory nnU-Net plans for, 8 GB on a GPU.

    Returns
    -------
    NnunetSizes
        At least two patches a step, whatever the memory.
    """
    dimensions = len(shape)
    room = _VALUES[dimensions] * share
    length = (_FIRST_PATCH[dimensions] * math.prod(spacing)) ** (1 / dimensions)
    patch = tuple(
        min(round(length / step), n) for step, n in zip(spacing, shape, strict=True)
    )
    patch, levels = _divisible(patch, spacing)
    while (needed := _values(patch, levels, classes)) * 2 / _BATCH[dimensions] > room:
        smaller = _smaller(patch, levels, shape, spacing)
        if smaller is None:
            break
        patch, levels = _divisible(smaller, spacing)
    batch = round(room / needed * _BATCH[dimensions])
    most = round(voxels * _SHARE_OF_CASES / math.prod(patch))
    batch = max(min(batch, most), _FEWEST_PATCHES)
    return NnunetSizes(patch, levels, nnunet_channels(levels), batch)


def nnunet_channels(levels: Levels) -> tuple[int, ...]:
    """Double the channels from level to level, up to a limit."""
    most = _MOST_CHANNELS[len(levels.strides[0])]
    return tuple(
        min(_FIRST_CHANNELS * 2**level, most) for level in range(len(levels.strides))
    )


def _divisible(
    patch: Sequence[int], spacing: Sequence[float]
) -> tuple[tuple[int, ...], Levels]:
    """Find the levels for a patch, and fill it up to what they need."""
    levels = levels_for(patch, spacing, _NO_LIMIT)
    return rounded_up(patch, levels.multiple), levels


def _smaller(
    patch: Sequence[int],
    levels: Levels,
    shape: Sequence[int],
    spacing: Sequence[float],
) -> tuple[int, ...] | None:
    """Shorten the axis that covers most of the case; None where nothing is left.

    By what the shorter patch must be divisible by: 224 is not skipped between 256,
    which must be divisible by 64, and 192.
    """
    axis = max(range(len(patch)), key=lambda axis: (patch[axis] / shape[axis], axis))
    trial = [*patch]
    trial[axis] -= levels.multiple[axis]
    if trial[axis] < 1:
        return None
    step = levels_for(trial, spacing, _NO_LIMIT).multiple[axis]
    return tuple(n - step if k == axis else n for k, n in enumerate(patch))


def _values(patch: Sequence[int], levels: Levels, classes: int) -> int:
    """Count the values of all feature maps of one patch, as nnU-Net does.

    Two convolutions a level on the way down; on the way up a transposed one and two
    more; and the logits.
    """
    channels = nnunet_channels(levels)
    size, count = list(patch), classes * math.prod(patch)
    for level, (stride, width) in enumerate(zip(levels.strides, channels, strict=True)):
        size = [n // step for n, step in zip(size, stride, strict=True)]
        is_bottom = level == len(channels) - 1
        count += (2 if is_bottom else 5) * width * math.prod(size)
    return count
