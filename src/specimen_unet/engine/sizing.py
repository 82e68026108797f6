"""How large patches and batches are, and how many levels the network has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.grid import AXES
from specimen_unet.engine.decisions import (
    BY_HAND,
    Decision,
    by_hand,
    check_length,
    sizes,
)
from specimen_unet.engine.haste import haste
from specimen_unet.engine.shape_rules import (
    Levels,
    even_levels,
    fitted,
    levels_for,
    patch_size,
    rounded_up,
    with_levels,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Fingerprint
    from specimen_unet.domain.settings import NetworkName, TrainingSettings
    from specimen_unet.engine.devices import Precision

# Channels of each level when nobody chooses them; DynUNet's are nnU-Net's, those of
# FlexibleUNet, on the way up, MONAI's.
_CHANNELS: dict[NetworkName, tuple[int, ...]] = {
    "UNet": (32, 64, 128, 256),
    "BasicUNet": (32, 32, 64, 128, 256),
    "AttentionUnet": (32, 64, 128, 256),
    "SegResNet": (16, 32, 64, 128),
    "DynUNet": (32, 64, 128, 256, 320, 320),
    "ResidualDynUNet": (32, 64, 128, 256, 320, 320),
    "FlexibleUNet": (16, 32, 64, 128, 256),
}
_FEWEST_LEVELS: dict[NetworkName, int] = {
    "UNet": 2,
    "BasicUNet": 5,
    "AttentionUnet": 2,
    "SegResNet": 2,
    "DynUNet": 3,
    "ResidualDynUNet": 3,
    "FlexibleUNet": 5,
}
# Networks with exactly so many levels, all axes alike: the stride of the first.
_EVEN: dict[NetworkName, int] = {"BasicUNet": 1, "FlexibleUNet": 2}
# How much longer a step takes than UNet's for as many voxels.
_WORK: dict[NetworkName, float] = {
    "UNet": 1,
    "BasicUNet": 3,
    "AttentionUnet": 4,
    "SegResNet": 2,
    "DynUNet": 4,
    "ResidualDynUNet": 4,
    "FlexibleUNet": 2,
}
# Patches and batches for which a step of UNet takes well below a second on two cores
# in 16 bits, and for GPUs those of nnU-Net; by dimensions.
_PATCH_VOXELS = {"cpu": {2: 256**2, 3: 300_000}, "gpu": {2: 512**2, 3: 128**3}}
_STEP_VOXELS = {"cpu": {2: 400_000, 3: 600_000}, "gpu": {2: 12 * 512**2, 3: 2 * 128**3}}
_BATCHES = {"cpu": {2: (4, 8), 3: (2, 2)}, "gpu": {2: (8, 12), 3: (2, 4)}}
_MOST_CORES = 8


@dataclass(frozen=True, slots=True)
class Sizes:
    """Patch, batch, levels and channels, each with its reason."""

    patch: Decision[tuple[int, ...]]
    batch: Decision[int]
    levels: Decision[Levels]
    channels: Decision[tuple[int, ...]]

    def by_field(self) -> dict[str, Decision[Any]]:
        """Name the sizes as the plan does."""
        return {
            "channels": self.channels,
            "strides": Decision(self.levels.value.strides, self.levels.reason),
            "kernels": Decision(self.levels.value.kernels, ""),
            "patch": self.patch,
            "batch": self.batch,
        }


@dataclass(frozen=True, slots=True)
class Room:
    """What the device can take in a reasonable time, or in its memory."""

    patch_voxels: float
    step_voxels: float
    batches: tuple[int, int]
    limit: str = "slow this device down"


def room_on(
    device: torch.device,
    precision: Precision,
    network: NetworkName,
    dimensions: int,
    minutes: float = math.inf,
) -> Room:
    """Return how many voxels a patch and a step may have.

    Few `minutes` on a CPU leave room for few patches a step: many small steps then
    teach more than a few large ones.
    """
    if device.type != "cpu":
        return Room(
            _PATCH_VOXELS["gpu"][dimensions],
            _STEP_VOXELS["gpu"][dimensions],
            _BATCHES["gpu"][dimensions],
        )
    cores = min(max(torch.get_num_threads(), 2), _MOST_CORES)
    speed = cores / 2 / _WORK[network] * (0.5 if precision == "float32" else 1)
    share = haste(minutes)
    room = Room(
        _PATCH_VOXELS["cpu"][dimensions] * min(speed, 2),
        _STEP_VOXELS["cpu"][dimensions] * speed * share,
        _BATCHES["cpu"][dimensions],
    )
    if share == 1:
        return room
    return replace(room, limit=f"leave too few steps in {minutes:g} min")


def decide_sizes(
    settings: TrainingSettings,
    network: NetworkName,
    seen: Fingerprint,
    spacing: Sequence[float],
    room: Room,
    levels: Levels | None = None,
) -> Sizes:
    """Choose all sizes together: they depend on one another.

    Parameters
    ----------
    settings : TrainingSettings
        What a person chose.
    network : str
        Its name.
    seen : Fingerprint
        Of the cases.
    spacing : sequence of float
        To work at, an axis each.
    room : Room
        What the device can take.
    levels : Levels, optional
        Given by a model to start from.

    Raises
    ------
    PlanError
        If chosen sizes do not fit the network.
    """
    dimensions = len(spacing)
    shape = typical_shape(seen, spacing)
    if settings.patch == "auto":
        wanted = patch_size(shape, spacing, room.patch_voxels)
    else:
        check_length("patch", settings.patch, dimensions)
        wanted = settings.patch
    levels = levels or _levels(settings, network, wanted, spacing)
    patch = _patch(settings, wanted, shape, levels, room)
    return Sizes(
        patch,
        _batch(settings, patch.value, room),
        Decision(levels, _reason_for_levels(levels, spacing)),
        _channels(settings, network, levels),
    )


def typical_shape(seen: Fingerprint, spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the median shape of the cases at a spacing."""
    dimensions = len(spacing)
    shapes = np.array([shape[-dimensions:] for shape in seen.shapes], float)
    spacings = np.array([own[-dimensions:] for own in seen.spacings])
    median = np.median(np.round(shapes * spacings / spacing), 0)
    return tuple(max(int(n), 1) for n in median)


def _levels(
    settings: TrainingSettings,
    network: NetworkName,
    patch: Sequence[int],
    spacing: Sequence[float],
) -> Levels:
    """Choose strides and kernels for a patch."""
    most = _most_levels(settings, network)
    if network in _EVEN:
        return even_levels(len(spacing), most, _EVEN[network])
    fewest = _FEWEST_LEVELS[network] if settings.channels == "auto" else most
    return with_levels(levels_for(patch, spacing, most), fewest)


def _most_levels(settings: TrainingSettings, network: NetworkName) -> int:
    """Return how many levels the network may have."""
    if settings.channels == "auto":
        return len(_CHANNELS[network])
    chosen, fewest = len(settings.channels), _FEWEST_LEVELS[network]
    if chosen < fewest or (network in _EVEN and chosen > fewest):
        exactly = "exactly" if network in _EVEN else "at least"
        raise PlanError(
            f"Channels were given for {chosen} levels, but {network} has {exactly} "
            f"{fewest}: give as many numbers, e.g. "
            f"{', '.join(map(str, _CHANNELS[network]))}."
        )
    return chosen


def _patch(
    settings: TrainingSettings,
    wanted: Sequence[int],
    shape: Sequence[int],
    levels: Levels,
    room: Room,
) -> Decision[tuple[int, ...]]:
    """Make the patch divisible, and no smaller than the network can take."""
    multiple = levels.multiple
    is_chosen = settings.patch != "auto"
    if is_chosen:
        patch = rounded_up(wanted, multiple)
    else:
        patch = fitted(wanted, shape, multiple)
    # Normalisation in the coarsest level needs more than one voxel.
    if math.prod(patch) == math.prod(multiple):
        patch = (*patch[:-1], 2 * patch[-1])
    what = f"Patches of {sizes(patch)} voxels"
    if is_chosen:
        if patch == tuple(wanted):
            return by_hand(patch, what)
        return Decision(
            patch,
            f"{what}: {sizes(wanted)} was {BY_HAND}, made larger because the "
            f"network needs multiples of {sizes(multiple)}.",
        )
    if all(n >= 0.95 * whole for n, whole in zip(patch, shape, strict=True)):
        return Decision(patch, f"{what}: each covers a whole typical case.")
    return Decision(patch, f"{what}: larger ones would {room.limit}.")


def _batch(
    settings: TrainingSettings, patch: Sequence[int], room: Room
) -> Decision[int]:
    """Choose how many patches a step looks at."""
    if settings.batch != "auto":
        return by_hand(settings.batch, f"{_patches(settings.batch)} a step")
    fewest, most = room.batches
    batch = min(max(round(room.step_voxels / math.prod(patch)), fewest), most)
    return Decision(batch, f"{_patches(batch)} a step: more would {room.limit}.")


def _patches(count: int) -> str:
    """Count patches in words."""
    return "1 patch" if count == 1 else f"{count} patches"


def _channels(
    settings: TrainingSettings, network: NetworkName, levels: Levels
) -> Decision[tuple[int, ...]]:
    """Choose the channels of each level."""
    count = len(levels.strides)
    if settings.channels != "auto":
        return by_hand(
            settings.channels, f"Channels {', '.join(map(str, settings.channels))}"
        )
    channels = _CHANNELS[network][:count]
    return Decision(
        channels,
        f"{count} levels of detail with {', '.join(map(str, channels))} channels, the "
        "network's usual ones"
        + (
            "." if count == len(_CHANNELS[network]) else ", as far as the patch allows."
        ),
    )


def _reason_for_levels(levels: Levels, spacing: Sequence[float]) -> str:
    """Say why some axes are reduced later than others."""
    names = AXES[-len(spacing) :]
    late = [
        name
        for name, axis in zip(names, zip(*levels.strides, strict=True), strict=True)
        if math.prod(axis) < max(levels.multiple)
    ]
    if not late:
        return "All axes are reduced alike from level to level."
    return (
        f"{' and '.join(late)} is reduced later than the other axes, because its "
        f"voxels are longer ({sizes(spacing)}) or there are few of them."
    )
