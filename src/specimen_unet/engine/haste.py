"""What a plan gives up when there are only minutes on a CPU.

Hundreds of steps are needed before anything is learnt, and patches that show a whole
specimen teach most. A short training therefore takes fewer patches a step, and voxels
twice as long where a patch would otherwise show only part of a specimen: measured on
phantom specimens (39 x 221 x 200 voxels), 90 steps at full resolution gave Dice 0.45
on held-out ones, and 90 steps that saw nearly all of a specimen at half of it 0.90.

Five minutes are few, too, where cases are much larger than patches: in 462 steps at
full resolution Dice on other phantoms was 0.755, and 0.891 at half of it; from 1000
steps on both are level (docs/benchmarks.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch

from specimen_unet.engine.at_spacing import label_width, typical_shape
from specimen_unet.engine.decisions import Decision, by_hand, sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import TrainingSettings

# Minutes from which nothing is given up, and until which voxels may be longer.
_LEISURE = 5.0
_HURRY = 2.5
_LEAST_HASTE = 0.1
# A patch should show a case, give or take.
_CASES_A_PATCH = 1.3
# Axes within this of the finest spacing are looked at more coarsely, others not.
_ALIKE = 2
# Steps from which voxels as the cases have them teach as much as longer ones, and how
# many of the longer ones a label should be wide.
_STEPS = 1000
_WIDE = 8
_LONGER = "up to twice as long as in the cases"


def minutes_to_hurry(settings: TrainingSettings, device: torch.device) -> float:
    """Return the minutes there are; no end of them on a GPU, or by steps."""
    is_timed = settings.ending != "steps" and device.type == "cpu"
    return settings.minutes if is_timed else math.inf


def is_hurried(minutes: float) -> bool:
    """Whether there is too little time to look as finely as usual."""
    return minutes <= _HURRY


def haste(minutes: float) -> float:
    """Return the share of the usual voxels a step should have, at most 1."""
    return max(min(minutes / _LEISURE, 1.0), _LEAST_HASTE)


def residual_units(chosen: int | Literal["auto"], minutes: float) -> Decision[int]:
    """Choose how much a UNet computes at each level: none need a third of the time."""
    if chosen != "auto":
        return by_hand(chosen, f"{chosen} residual units a level")
    if not is_hurried(minutes):
        return Decision(2, "2 residual units a level: they learn more, given time.")
    return no_residual_units(minutes)


def no_residual_units(minutes: float) -> Decision[int]:
    """Leave them out."""
    return Decision(
        0, f"No residual units: {minutes:g} min is too short for what they cost."
    )


def hurried_spacing(
    usual: Decision[tuple[float, ...]],
    shape: Sequence[int],
    patch_voxels: float,
    minutes: float,
    unit: str,
) -> Decision[tuple[float, ...]]:
    """Make voxels twice as long when minutes are few and cases are large.

    Parameters
    ----------
    usual : Decision of spacing
        What would be chosen with time enough.
    shape : sequence of int
        Of a typical case at that spacing.
    patch_voxels : float
        How many voxels a patch may have.
    minutes : float
        To train.
    unit : str
        Of the spacing.

    Returns
    -------
    Decision of spacing
        Unchanged where there is time, or a patch shows a whole case anyway.
    """
    if not is_hurried(minutes) or math.prod(shape) <= _CASES_A_PATCH * patch_voxels:
        return usual
    return Decision(
        _twice_as_long(usual.value),
        f"Voxels of {sizes(_twice_as_long(usual.value))} {unit}, {_LONGER}: "
        f"{minutes:g} min is too short to learn finer ones.",
    )


def longer_spacing(plan: Plan) -> Decision[tuple[float, ...]] | None:
    """Make voxels twice as long where too few steps fit into the time.

    Parameters
    ----------
    plan : Plan
        Of which everything is decided, with voxels as the cases have them.

    Returns
    -------
    Decision of spacing or None
        None where there is time for them, a patch shows a whole case anyway, labels
        would become thin, or somebody chose.
    """
    settings, seen = plan.settings, plan.fingerprint
    is_free = settings.spacing == settings.patch == "auto" and not settings.quality
    minutes = minutes_to_hurry(settings, torch.device(plan.device))
    is_settled = math.isinf(minutes) or is_hurried(minutes)
    if not is_free or is_settled or plan.resize_to:
        return None
    longer = _twice_as_long(plan.spacing)
    voxels = math.prod(typical_shape(seen, plan.spacing))
    is_whole = voxels <= _CASES_A_PATCH * math.prod(plan.patch)
    width = label_width(seen, longer)
    if is_whole or plan.steps >= _STEPS or width is None or width < _WIDE:
        return None
    return Decision(
        longer,
        f"Voxels of {sizes(longer)} {plan.unit}, {_LONGER}: at their size "
        f"{plan.minutes:g} min are about {plan.steps} steps, and it takes {_STEPS} to "
        "learn as much from finer ones.",
    )


def _twice_as_long(spacing: Sequence[float]) -> tuple[float, ...]:
    """Make voxels longer along the axes along which they are shortest."""
    finest = min(spacing)
    return tuple(2 * step if step < _ALIKE * finest else step for step in spacing)
