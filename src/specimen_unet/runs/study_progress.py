"""How far a study is, from what its folds tell."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from specimen_unet.domain.events import FoldBegun, FoldDone, FoldProgress

if TYPE_CHECKING:
    from specimen_unet.domain.events import Event

# A fold that ended sooner was there before.
_AT_ONCE_SECONDS = 1.0


class StudyProgress:
    """Adds up folds that are done, under way, or waiting.

    Parameters
    ----------
    folds : int
        How many there are.

    Attributes
    ----------
    under_way : dict of int to FoldProgress
        The last that each fold told that is not done.
    done : dict of int to float
        Folds that are done, and their mean Dice on cases not seen.
    """

    def __init__(self, folds: int) -> None:
        self.folds = folds
        self.under_way: dict[int, FoldProgress] = {}
        self.done: dict[int, float] = {}
        self._begun: dict[int, float] = {}
        self._taken: list[float] = []
        self._most_at_once = 1

    def hear(self, event: Event) -> None:
        """Take note of what a fold tells."""
        if isinstance(event, FoldBegun):
            self._begun[event.fold] = time.monotonic()
            start = FoldProgress(
                event.fold, event.folds, 0.0, math.nan, "getting ready"
            )
            self.under_way[event.fold] = start
            self._most_at_once = max(self._most_at_once, len(self.under_way))
        elif isinstance(event, FoldProgress):
            self.under_way[event.fold] = event
        elif isinstance(event, FoldDone):
            self.under_way.pop(event.fold, None)
            self.done[event.fold] = event.mean_dice
            taken = time.monotonic() - self._begun.pop(event.fold, math.inf)
            if taken > _AT_ONCE_SECONDS:
                self._taken.append(taken)

    @property
    def progress(self) -> float:
        """Share of the study that is done, 0 to 1."""
        parts = sum(event.progress for event in self.under_way.values())
        return (len(self.done) + parts) / self.folds

    @property
    def seconds_left(self) -> float:
        """Forecast of what remains; NaN while nobody can know."""
        now = time.monotonic()
        lefts = [event.seconds_left for event in self.under_way.values()]
        known = [left for left in lefts if math.isfinite(left)]
        waiting = self.folds - len(self.done) - len(self.under_way)
        wholes = list(self._taken)
        for fold, event in self.under_way.items():
            if math.isfinite(event.seconds_left) and fold in self._begun:
                wholes.append(now - self._begun[fold] + event.seconds_left)
        if not wholes or (lefts and not known):
            return math.nan
        turns = math.ceil(waiting / self._most_at_once)
        return max(known, default=0.0) + turns * sum(wholes) / len(wholes)

    def in_words(self) -> str:
        """Say what is done, as ``fold 2 of 5: training``; folds are counted from 1."""
        if not self.under_way:
            return f"{len(self.done)} of {self.folds} folds done"
        folds = sorted(self.under_way)
        names = " and ".join(str(fold + 1) for fold in folds)
        word = "fold" if len(folds) == 1 else "folds"
        doing = ", ".join(dict.fromkeys(self.under_way[fold].doing for fold in folds))
        return f"{word} {names} of {self.folds}: {doing}"


def done_in_words(event: FoldDone) -> str:
    """Say that a fold is done, and what it is worth."""
    fold = f"fold {event.fold + 1} of {event.folds} done"
    if math.isnan(event.mean_dice):
        return f"{fold}: its cases hold no label to score"
    return f"{fold}: Dice {event.mean_dice:.3f} on cases not seen"
