"""A training told in lines of text."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from specimen_unet.domain.events import PlanReady, StepDone, Validated, Warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.events import Event

# Steps are told about this many times in a training.
_LINES = 20


class Narrator:
    """Tells what is worth a line; of the steps, one in a while.

    Parameters
    ----------
    say : callable
        Called with each line.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._told = -1

    def tell(self, event: Event) -> None:
        """Say it in words; a warning is also a Python warning, so it is never lost."""
        if isinstance(event, PlanReady):
            self._say(str(event.plan))
        elif isinstance(event, StepDone):
            self._tell_step(event)
        elif isinstance(event, Validated):
            self._say(_validated(event))
        elif isinstance(event, Warned):
            self._say(event.message)
            warnings.warn(event.message, stacklevel=3)

    def _tell_step(self, event: StepDone) -> None:
        part = int(event.progress * _LINES)
        if part == self._told:
            return
        self._told = part
        self._say(
            f"step {event.step} ({event.progress:.0%}): loss {event.loss:.3f}, "
            f"{duration(event.seconds_left)} left"
        )


def duration(seconds: float) -> str:
    """Say how long something takes: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _validated(event: Validated) -> str:
    if math.isnan(event.mean_dice):
        return f"validation after step {event.step}: no label to score"
    best = ", the best so far" if event.is_best else ""
    return (
        f"validation after step {event.step}: Dice {event.mean_dice:.3f}, "
        f"IoU {event.mean_iou:.3f}{best}"
    )
