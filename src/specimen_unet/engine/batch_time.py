"""How long a step waits for its batch."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from specimen_unet.engine.patches import Patches
from specimen_unet.engine.prefetch import maker_beside, quicker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan

# Some patches are turned, others not.
_BATCHES = 4


def seconds_of_batch(
    cases: Sequence[Case], plan: Plan, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Time the making of batches where the network waits for them: on a full CPU.

    Parameters
    ----------
    cases : sequence of Case
        Those of the plan. The one of middle size among those that are learnt from is
        looked at.
    plan : Plan
        What will be trained.
    clock : callable, optional
        Tells seconds.

    Returns
    -------
    float
        Of a batch, on average, if it is made in turn with the steps, as it is on a
        quiet computer. 0 where a core is free to make it ahead, or on a GPU, which has
        it queued with what it computes; and where all cases are loaded when they are
        looked at, which may take long.
    """
    device = torch.device(plan.device)
    if maker_beside(device) is not quicker:
        return 0.0
    names = set(plan.split.training)
    learnt = [case for case in cases if case.name in names and case.labels]
    learnt = [case for case in learnt if isinstance(case.image, np.ndarray)]
    if not learnt:
        return 0.0
    learnt.sort(key=lambda case: math.prod(case.shape))
    patches = Patches(learnt[len(learnt) // 2 :][:1], plan, device)
    patches.batch(0)  # scans the labels, which happens once
    start = clock()
    for step in range(1, _BATCHES + 1):
        patches.batch(step)
    return (clock() - start) / _BATCHES
