"""How many steps a plan has, and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.engine.decisions import BY_HAND

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

# Share of the minutes that steps take; the rest is for validation, reading and others.
_SHARE_OF_TIME = 0.85


def with_time(draft: Plan, seconds: float) -> Plan:
    """Turn minutes into steps, or steps into minutes.

    Parameters
    ----------
    draft : Plan
        Of which everything else is decided.
    seconds : float
        That a step takes.
    """
    a_step = seconds / _SHARE_OF_TIME
    steps, minutes = draft.steps, draft.minutes
    if draft.ending == "steps":
        minutes = steps * a_step / 60
        reason = f"{steps} steps, {BY_HAND}: about {minutes:.3g} min"
    else:
        steps = max(int(minutes * 60 / a_step), 1)
        until = "at most " if draft.ending == "no improvement" else ""
        reason = f"About {steps} steps in {until}{minutes:g} min"
    reason += f", {seconds:.2g} s each; the rest is for validation and reading."
    changes = {
        "steps": steps,
        "minutes": minutes,
        "forecast": draft.forecast.model_copy(
            update={"seconds_per_step": seconds, "steps": steps}
        ),
        "reasons": {**draft.reasons, "steps": reason},
    }
    return draft.model_copy(update=changes)
