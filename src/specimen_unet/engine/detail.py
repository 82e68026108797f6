"""Whether there is time to work voxel by voxel.

A `FastUNet` works on blocks of voxels as one, which teaches most in few minutes. Voxel
by voxel its steps take two to three times as long, and pay where there are enough of
them: with 1750 steps and 44 passes over the cases on hippocampus (Dice 0.875 instead of
0.870, twice), with 3720 and 157 on breast ultrasound; not with 1200 and 20 on phantoms
of specimens (0.898 instead of 0.910; docs/benchmarks.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from specimen_unet.engine.shape_rules import levels_for
from specimen_unet.engine.variety import passes

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.shape_rules import Levels

_MOST_LEVELS = 5
# A step voxel by voxel takes about so many times as long as one on blocks.
_SLOWER = 2
# What the slower network should have at least: steps, and passes over the cases.
_STEPS = 1600
_PASSES = 40


def finer_levels(plan: Plan) -> Levels | None:
    """Return levels that work voxel by voxel, if there may be time for them.

    Parameters
    ----------
    plan : Plan
        Whose steps are known.

    Returns
    -------
    Levels or None
        None where the plan's network has no blocks, its channels were chosen or are
        those of a model that is taught further, or too few steps fit into the time.
    """
    is_folded = plan.network == "FastUNet" and math.prod(plan.strides[0]) > 1
    is_free = plan.settings.channels == "auto"
    if not (is_folded and is_free and is_leisurely(plan, _SLOWER)):
        return None
    return levels_for(plan.patch, plan.spacing, _MOST_LEVELS)


def is_leisurely(plan: Plan, slower: float = 1) -> bool:
    """Tell whether a network learns enough, if its steps take so many times as long."""
    is_enough = plan.steps >= slower * _STEPS
    return is_enough and passes(plan) >= slower * _PASSES


def with_detail_explained(plan: Plan) -> Plan:
    """Say why a plan works voxel by voxel though its labels are wide."""
    told = f"There is time for that: each case is seen about {passes(plan):.0f} times."
    reason = f"{plan.reasons['strides']} {told}"
    return plan.model_copy(update={"reasons": {**plan.reasons, "strides": reason}})
