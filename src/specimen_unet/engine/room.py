"""How many voxels a device can take at once, in a reasonable time or in its memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from specimen_unet.engine.haste import haste

if TYPE_CHECKING:
    from specimen_unet.domain.settings import NetworkName
    from specimen_unet.engine.precision import Precision

# How much longer a step takes than UNet's for as many voxels.
_WORK: dict[NetworkName, float] = {
    "FastUNet": 1,
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


def share_of_nnunets(room: Room, dimensions: int) -> float:
    """Return the room as a share of what nnU-Net plans for."""
    return room.step_voxels / _STEP_VOXELS["gpu"][dimensions]
