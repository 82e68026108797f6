"""How far a training is: all that decides what it does next, besides the weights."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from specimen_unet.domain.card import Metrics

# A Dice that grows by less is no improvement worth waiting for.
_IMPROVEMENT = 0.001
# The weights at the end are the model unless their Dice is lower than the best by more:
# over 41 pictures it fell by 0.033 where it stayed over 52 others (docs/benchmarks.md).
_CLEARLY_WORSE = 0.05


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
        Scores of the weights that are kept: the best so far, or those at the end.
    is_end_kept : bool
        Whether those at the end are, and so were not chosen by their scores.
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
    is_end_kept: bool = False
    cooling_step: int | None = None
    cooling_at: float = 0.0
    failed_steps: int = 0
    told: list[str] = Field(default_factory=list)
    parent: str | None = None
    stretch: Stretch | None = None

    @property
    def kept(self) -> Metrics | None:
        """Scores of the weights that are kept, and out of how many they were chosen."""
        if self.best is None:
            return None
        is_end = self.is_end_kept and self.best.step == self.validated_step
        chosen_from = 1 if is_end else self.validations
        return self.best.model_copy(update={"validations": chosen_from})

    def prolonged(
        self, *, minutes: float | None = None, steps: int | None = None
    ) -> TrainingState:
        """Return the state from which a training goes on for so long from here."""
        stretch = Stretch(
            step=self.step, seconds=self.seconds, minutes=minutes, steps=steps
        )
        return self.model_copy(update={"stretch": stretch})

    def note_scores(self, metrics: Metrics, *, is_end: bool = False) -> bool:
        """Take note of a validation; tell whether its weights are to be kept.

        Those that did best are kept until the training ends. Then those at the end
        are, as in nnU-Net, whose learning rate has fallen: they do as well elsewhere,
        and their score is not the highest of several, which flatters. Only where they
        did clearly worse, the best ones stay.

        One where no label could be scored is never kept, and no step back.

        Parameters
        ----------
        metrics : Metrics
            Of the validation that has just ended.
        is_end : bool, optional
            Whether no step is left.
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
        is_kept = gain > (-_CLEARLY_WORSE if is_end else 0)
        if is_kept:
            self.best = metrics
        if is_kept or is_end:
            self.is_end_kept = is_kept and is_end
        return is_kept
