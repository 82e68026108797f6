"""How large patches and batches are, and how many levels the network has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.at_spacing import label_width, typical_shape
from specimen_unet.engine.decisions import (
    BY_HAND,
    Decision,
    by_hand,
    check_length,
    sizes,
)
from specimen_unet.engine.level_reasons import reason_for_levels
from specimen_unet.engine.nnunet_rules import nnunet_channels, nnunet_sizes
from specimen_unet.engine.room import share_of_nnunets
from specimen_unet.engine.shape_rules import (
    Levels,
    block_for,
    covering,
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
    from specimen_unet.engine.room import Room

# Channels of each level when nobody chooses them; DynUNet's are nnU-Net's, those of
# FlexibleUNet, on the way up, MONAI's.
_CHANNELS: dict[NetworkName, tuple[int, ...]] = {
    "FastUNet": (32, 64, 128, 256),
    "UNet": (32, 64, 128, 256),
    "BasicUNet": (32, 32, 64, 128, 256),
    "AttentionUnet": (32, 64, 128, 256),
    "SegResNet": (16, 32, 64, 128),
    "DynUNet": (32, 64, 128, 256, 320, 320),
    "ResidualDynUNet": (32, 64, 128, 256, 320, 320),
    "FlexibleUNet": (16, 32, 64, 128, 256),
}
# Of a FastUNet that folds no voxels.
_AT_FULL_RESOLUTION = (16, 32, 64, 128, 256)
_FEWEST_LEVELS: dict[NetworkName, int] = {
    "FastUNet": 2,
    "UNet": 2,
    "BasicUNet": 5,
    "AttentionUnet": 2,
    "SegResNet": 2,
    "DynUNet": 3,
    "ResidualDynUNet": 3,
    "FlexibleUNet": 5,
}
# Of tiles, where nobody chooses another.
_OVERLAP = SegmentationSettings().overlap
# Networks whose sizes are nnU-Net's when nobody chooses them.
NNUNETS: tuple[NetworkName, ...] = ("DynUNet", "ResidualDynUNet")
# Networks with exactly so many levels, all axes alike: the stride of the first.
_EVEN: dict[NetworkName, int] = {"BasicUNet": 1, "FlexibleUNet": 2}


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
    if levels is None and by_nnunets_rules(settings, network):
        return _nnunets_sizes(settings, network, seen, spacing, room)
    if settings.patch == "auto":
        wanted = patch_size(shape, spacing, room.patch_voxels)
    else:
        check_length("patch", settings.patch, dimensions)
        wanted = settings.patch
    # Levels that are given were not chosen by how wide labels are.
    width = None if levels else label_width(seen, spacing)
    levels = levels or _levels(settings, network, wanted, spacing, width)
    if settings.patch == "auto":
        rounded = fitted(wanted, shape, levels.multiple)
        wanted = covering(rounded, shape, levels.multiple, _OVERLAP)
    patch = _patch(settings, wanted, shape, levels, room)
    return Sizes(
        patch,
        _batch(settings, patch.value, room),
        Decision(levels, reason_for_levels(network, levels, spacing, width)),
        _channels(settings, network, levels),
    )


def by_nnunets_rules(settings: TrainingSettings, network: NetworkName) -> bool:
    """Whether nnU-Net's rules choose all sizes but the number of patches."""
    free = settings.patch == settings.channels == "auto"
    return network in NNUNETS and free


def _nnunets_sizes(
    settings: TrainingSettings,
    network: NetworkName,
    seen: Fingerprint,
    spacing: Sequence[float],
    room: Room,
) -> Sizes:
    """Choose sizes by nnU-Net's rules, for as much of its memory as there is room."""
    shape = typical_shape(seen, spacing)
    share = share_of_nnunets(room, len(spacing))
    voxels = float(math.prod(shape) * seen.cases)
    classes = len(seen.label_values) + 1
    found = nnunet_sizes(shape, spacing, classes, voxels, share)
    levels = with_levels(found.levels, _FEWEST_LEVELS[network])
    patch = _patch(settings, found.patch, shape, levels, room)
    told = "" if share == 1 else f", made for {share:.1%} of the memory it plans for"
    batch = Decision(found.batch, f"{_patches(found.batch)} a step, nnU-Net's rule.")
    if settings.batch != "auto":
        batch = _batch(settings, patch.value, room)
    return Sizes(
        Decision(patch.value, f"{patch.reason} By nnU-Net's rules{told}."),
        batch,
        Decision(levels, reason_for_levels(network, levels, spacing, None)),
        Decision(
            nnunet_channels(levels),
            f"{len(levels.strides)} levels of detail, with nnU-Net's channels.",
        ),
    )


def _levels(
    settings: TrainingSettings,
    network: NetworkName,
    patch: Sequence[int],
    spacing: Sequence[float],
    width: float | None,
) -> Levels:
    """Choose strides and kernels for a patch."""
    block = block_for(patch, spacing, width) if network == "FastUNet" else None
    most = _most_levels(settings, _usual_channels(network, block), network)
    if network in _EVEN:
        return even_levels(len(spacing), most, _EVEN[network])
    fewest = _FEWEST_LEVELS[network] if settings.channels == "auto" else most
    return with_levels(levels_for(patch, spacing, most, block), fewest)


def _usual_channels(
    network: NetworkName, block: Sequence[int] | None
) -> tuple[int, ...]:
    """Return the channels of each level when nobody chooses them."""
    if network == "FastUNet" and block and math.prod(block) == 1:
        return _AT_FULL_RESOLUTION
    return _CHANNELS[network]


def _most_levels(
    settings: TrainingSettings, usual: Sequence[int], network: NetworkName
) -> int:
    """Return how many levels the network may have."""
    if settings.channels == "auto":
        return len(usual)
    chosen, fewest = len(settings.channels), _FEWEST_LEVELS[network]
    if chosen < fewest or (network in _EVEN and chosen > fewest):
        exactly = "exactly" if network in _EVEN else "at least"
        raise PlanError(
            f"Channels were given for {chosen} levels, but {network} has {exactly} "
            f"{fewest}: give as many numbers, e.g. "
            f"{', '.join(map(str, usual))}."
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
    usual = _usual_channels(network, levels.strides[0])
    channels = usual[:count]
    return Decision(
        channels,
        f"{count} levels of detail with {', '.join(map(str, channels))} channels, the "
        "network's usual ones"
        + ("." if count == len(usual) else ", as far as the patch allows."),
    )
