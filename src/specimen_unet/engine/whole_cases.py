"""What a loss may do where every patch shows a whole case and all its labels.

Pooled over a batch, Dice is that of its large structures. Where each patch shows a
whole case, it can be what scores are: that of each case by itself. In six comparisons
on breast ultrasound that was worth 0.002 to 0.04 (docs/benchmarks.md). A patch without
the label does not count then, and what that does to findings in healthy cases was not
measured: so every case must hold every label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.engine.at_spacing import typical_shape

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

# A patch that shows so much of a typical case along each axis shows it all.
_ALL = 0.95


def with_dice_of_patches(plan: Plan) -> Plan:
    """Let the Dice of the loss be that of each patch, where each is a whole case.

    Parameters
    ----------
    plan : Plan
        Whose sizes are known.

    Returns
    -------
    Plan
        With the reason beside that of its loss.
    """
    has_all = plan.fingerprint.labels_everywhere and _shows_whole_cases(plan)
    if not (has_all and plan.loss.startswith("Dice")):
        return plan
    told = "Its Dice is that of each patch, as each shows a whole case with all labels."
    reasons = {**plan.reasons, "loss": f"{plan.reasons['loss']} {told}"}
    return plan.model_copy(update={"dice_of": "patch", "reasons": reasons})


def _shows_whole_cases(plan: Plan) -> bool:
    """Tell whether a typical patch shows all of its case; slices never are."""
    seen = plan.fingerprint
    if any(len(shape) != plan.dimensions for shape in seen.shapes):
        return False
    whole = plan.resize_to or typical_shape(seen, plan.spacing)
    sides = zip(plan.patch, whole, strict=True)
    return all(length >= _ALL * of_case for length, of_case in sides)
