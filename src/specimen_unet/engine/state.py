"""How far a training is: all that decides what it does next, besides the weights."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from specimen_unet.domain.card import Metrics

# A Dice that grows by less is no improvement worth waiting for.
_IMPROVEMENT = 0.001


class Stretch(BaseModel):
    """What was added to a training that had ended or was left, with its own schedule.

    Attributes
    ----------
    step : int
        Steps done when it began.
    seconds : float
        Time spent then.
    minutes, steps : float and int, or None
        How long it lasts, by either.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    seconds: float
    minutes: float | None = None
    steps: int | None = None


class TrainingState(BaseModel):
    """Kept in every checkpoint, so that a resumed training decides as before.

    Attributes
    ----------
    step : int
        Steps done.
    seconds : float
        Time spent, validation included and pauses left out.
    step_seconds, validation_seconds : float or None
        What one step and one validation take; None until one was timed.
    validations : int
        How many there were in which anything could be scored.
    validated_step : int
        Step after which the last validation was; 0 before the first.
    validated_at : float
        `seconds` when it ended.
    validations_left_behind : int
        Validations since the best one.
    best : Metrics or None
        Scores of the best weights so far.
    cooling_step : int or None
        Step from which the learning rate falls, once nothing improves any more.
    cooling_at : float
        `seconds` then.
    failed_steps : int
        Steps in a row whose loss was not a number.
    told : list of str
        Warnings that were given, each once.
    parent : str or None
        Model that is fine-tuned.
    stretch : Stretch or None
        What was added last; None where the plan's end holds.
    """

    model_config = ConfigDict(extra="forbid")

    step: int = 0
    seconds: float = 0.0
    step_seconds: float | None = None
    validation_seconds: float | None = None
    validations: int = 0
    validated_step: int = 0
    validated_at: float = 0.0
    validations_left_behind: int = 0
    best: Metrics | None = None
    cooling_step: int | None = None
    cooling_at: float = 0.0
    failed_steps: int = 0
    told: list[str] = Field(default_factory=list)
    parent: str | None = None
    stretch: Stretch | None = None

    @property
    def best_of_all(self) -> Metrics | None:
        """Scores of the best weights, and out of how many validations."""
        if self.best is None:
            return None
        return self.best.model_copy(update={"validations": self.validations})

    def prolonged(
        self, *, minutes: float | None = None, steps: int | None = None
    ) -> TrainingState:
        """Return the state from which a training goes on for so long from here."""
        stretch = Stretch(
            step=self.step, seconds=self.seconds, minutes=minutes, steps=steps
        )
        return self.model_copy(update={"stretch": stretch})

    def note_scores(self, metrics: Metrics) -> bool:
        """Take note of a validation that has just ended; tell whether it is the best.

        One where no label could be scored is never the best, and no step back.
        """
        self.validated_step = self.step
        self.validated_at = self.seconds
        if metrics.mean_dice is None:
            return False
        self.validations += 1
        best = self.best.mean_dice if self.best else None
        gain = math.inf if best is None else metrics.mean_dice - best
        waited = self.validations_left_behind + 1
        self.validations_left_behind = 0 if gain > _IMPROVEMENT else waited
        if gain > 0:
            self.best = metrics
        return gain > 0
