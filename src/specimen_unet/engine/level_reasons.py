"""Why a network has the levels it has, in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from specimen_unet.domain.grid import AXES
from specimen_unet.engine.decisions import sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.settings import NetworkName
    from specimen_unet.engine.shape_rules import Levels


def reason_for_levels(
    network: NetworkName,
    levels: Levels,
    spacing: Sequence[float],
    width: float | None,
) -> str:
    """Say at what resolution the work is done, and which axes are reduced later."""
    later = _reason_for_strides(levels, spacing)
    if network != "FastUNet":
        return later
    block = levels.strides[0]
    across = "" if width is None else f", as labels are about {width:.2g} across"
    if math.prod(block) == 1:
        return f"Worked on voxel by voxel{across}. {later}"
    return f"Blocks of {sizes(block)} voxels are worked on as one{across}. {later}"


def _reason_for_strides(levels: Levels, spacing: Sequence[float]) -> str:
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
