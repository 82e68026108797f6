"""What changes when a training sees its cases often.

Whoever sees a hundred volumes hundreds of times learns them by heart: on hippocampus
(102 volumes, patches that show all of one) the Dice of other volumes fell in the second
half of an hour. Changed twice as often they were learnt better (0.879 instead of 0.872
after 270 passes) and, after 76, as well (docs/benchmarks.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.engine.at_spacing import typical_shape

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

# Passes from which patches are changed twice as often as usual.
_OFTEN = 150
_STRONG = 2.0


def passes(plan: Plan) -> float:
    """Return how often a training sees every voxel that it learns from, on average.

    Parameters
    ----------
    plan : Plan
        Whose steps are known.
    """
    seen = plan.fingerprint
    if plan.resize_to is not None:
        a_case = float(math.prod(plan.resize_to))
    else:
        slices = [math.prod(shape[: -plan.dimensions]) for shape in seen.shapes]
        typical = typical_shape(seen, plan.spacing)
        a_case = math.prod(typical) * float(np.median(slices))
    shown = plan.steps * plan.batch * math.prod(plan.patch)
    return shown / (a_case * len(plan.split.training))


def with_variety(plan: Plan) -> Plan:
    """Let patches be changed more where nobody chose and each case is seen often."""
    count = passes(plan)
    if plan.settings.augmentation != "auto" or count < _OFTEN:
        return plan
    reason = (
        "Patches are turned, scaled, blurred and brightened at random, twice as often "
        f"as usual: each case is seen about {count:.0f} times, and would be learnt by "
        "heart."
    )
    reasons = {**plan.reasons, "augmentation": reason}
    return plan.model_copy(update={"augmentation": _STRONG, "reasons": reasons})
