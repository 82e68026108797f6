"""When to stop, when to validate, and how fast to learn.

The learning rate rises over the first third and then falls along a cosine to almost
nothing over whatever the person gave: steps or minutes. That is worth more than a
choice of optimiser (+0.05 Dice in short trainings). Until nothing improves, it stays
high, and then falls over a short while.

What is added to a training that has ended has a cycle of its own: the optimiser knows
its gradients by now, so the rate rises quickly, to less than before, and falls again.

Everything here is a function of the state of the training. When it ends by steps,
time has no say, so that an interrupted training is the same as one that was not.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.state import Stretch, TrainingState

# A rise over a tenth of 200 steps ended at Dice 0.51 where this one reached 0.84
# (hippocampus): the optimiser must know its gradients before it may take long steps.
_WARM_UP = 0.3
_COOLEST = 1e-3
_WARM_UP_STEPS = 200
# How high the rate rises again where training is prolonged, and over which part of what
# was added. With 1, 0.5 and 0.25 half and half came to 0.814, 0.809 and 0.805 where one
# run reached 0.812 (hippocampus, one seed): docs/benchmarks.md.
_SECOND_PEAK = 0.5
_SECOND_WARM_UP = 0.1
# Validation takes at most this share of the time.
_VALIDATION_SHARE = 0.1
_MOST_VALIDATIONS = 12
# Until nothing improves: validations without a better Dice that are waited for, the
# least steps between two, and the share of steps and of time then spent on cooling.
_PATIENCE = 8
_FEWEST_STEPS_BETWEEN = 50
_COOLING_STEPS = 0.2
_COOLING_TIME = 0.2


def one_cycle(share: float) -> float:
    """Return the factor of the learning rate when this share of a training is done."""
    if share < _WARM_UP:
        return _COOLEST + (1 - _COOLEST) * share / _WARM_UP
    return cosine((share - _WARM_UP) / (1 - _WARM_UP))


def second_cycle(share: float) -> float:
    """Return the factor when this share of what was added to a training is done."""
    if share < _SECOND_WARM_UP:
        return _COOLEST + (_SECOND_PEAK - _COOLEST) * share / _SECOND_WARM_UP
    return _SECOND_PEAK * cosine((share - _SECOND_WARM_UP) / (1 - _SECOND_WARM_UP))


def cosine(share: float) -> float:
    """Return a factor that falls from 1 to almost nothing."""
    fallen = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return _COOLEST + (1 - _COOLEST) * fallen


class Schedule(ABC):
    """The course of one training.

    Parameters
    ----------
    plan : Plan
        Says how it ends.
    validation_cost : float
        Steps that could be made in the time of one validation, as far as can be told
        from sizes; 0 if nothing can be validated.
    stretch : Stretch, optional
        What was added to the training; without, the plan says how long it lasts.
    """

    def __init__(
        self, plan: Plan, validation_cost: float, stretch: Stretch | None = None
    ) -> None:
        self._cost = validation_cost
        self._cycle = second_cycle if stretch else one_cycle
        self._first_step = stretch.step if stretch else 0
        self._first_second = stretch.seconds if stretch else 0.0
        length: Plan | Stretch = stretch or plan
        self._steps = length.steps or 0
        self._budget = 60 * (length.minutes or 0.0)

    @abstractmethod
    def progress(self, state: TrainingState) -> float:
        """Return the share of the training that is done, 0 to 1."""

    @abstractmethod
    def rate_factor(self, state: TrainingState) -> float:
        """Return what the plan's learning rate is multiplied with."""

    @abstractmethod
    def is_over(self, state: TrainingState) -> bool:
        """Tell whether no step is left."""

    @abstractmethod
    def is_validation_due(self, state: TrainingState) -> bool:
        """Tell whether to validate before the next step, and not at the end only."""

    @abstractmethod
    def seconds_left(self, state: TrainingState) -> float:
        """Forecast what remains, validation included."""

    def update(self, state: TrainingState) -> None:
        """Note in the state when the learning rate begins to fall for good."""
        if state.cooling_step is None and self.is_time_to_cool(state):
            state.cooling_step = state.step
            state.cooling_at = state.seconds

    def is_time_to_cool(self, state: TrainingState) -> bool:
        """Tell whether to end within a while; where the end is known, never."""
        return False

    def validation_seconds(self, state: TrainingState) -> float:
        """Return what a validation takes: as measured, or else as its size says."""
        if self._cost == 0:
            return 0.0
        if state.validation_seconds is not None:
            return state.validation_seconds
        return self._cost * (state.step_seconds or 0.0)


class StepSchedule(Schedule):
    """Ends after a number of steps; nothing depends on time."""

    def __init__(
        self, plan: Plan, validation_cost: float, stretch: Stretch | None = None
    ) -> None:
        super().__init__(plan, validation_cost, stretch)
        affordable = _VALIDATION_SHARE * self._steps / max(validation_cost, 1e-9)
        count = max(1, min(int(affordable), _MOST_VALIDATIONS, self._steps))
        self._due = {
            self._first_step + round(part * self._steps / count)
            for part in range(1, count + 1)
        }

    def progress(self, state: TrainingState) -> float:
        """Return the share of steps."""
        return min((state.step - self._first_step) / self._steps, 1.0)

    def rate_factor(self, state: TrainingState) -> float:
        """Return one cycle over the steps."""
        return self._cycle((state.step - self._first_step + 0.5) / self._steps)

    def is_over(self, state: TrainingState) -> bool:
        """Tell whether all steps are done."""
        return state.step >= self._first_step + self._steps

    def is_validation_due(self, state: TrainingState) -> bool:
        """Tell whether this step is one of those fixed beforehand."""
        return state.step in self._due

    def seconds_left(self, state: TrainingState) -> float:
        """Add up steps and validations to come."""
        left = self._first_step + self._steps - state.step
        steps = left * (state.step_seconds or 0.0)
        to_come = sum(step > state.validated_step for step in self._due)
        return steps + to_come * self.validation_seconds(state)


class MinuteSchedule(Schedule):
    """Ends when the minutes are over, the last validation included."""

    def progress(self, state: TrainingState) -> float:
        """Return the share of the minutes."""
        return min(self._spent(state) / self._budget, 1.0)

    def rate_factor(self, state: TrainingState) -> float:
        """Return one cycle over the time that is left to learn in."""
        return self._cycle(self._spent(state) / self._learning_seconds(state))

    def is_over(self, state: TrainingState) -> bool:
        """Tell whether one more step would take longer than what is left."""
        half_a_step = 0.5 * (state.step_seconds or 0.0)
        is_late = self._spent(state) + half_a_step >= self._learning_seconds(state)
        return state.step > self._first_step and is_late

    def is_validation_due(self, state: TrainingState) -> bool:
        """Tell whether the last one is long ago, and the end not yet near."""
        wait = max(
            self._budget / _MOST_VALIDATIONS,
            self.validation_seconds(state) / _VALIDATION_SHARE,
        )
        remaining = self._learning_seconds(state) - self._spent(state)
        is_long_ago = state.seconds - state.validated_at >= wait
        return state.step > 1 and is_long_ago and remaining > wait / 2

    def seconds_left(self, state: TrainingState) -> float:
        """Return what is left of the minutes."""
        return max(self._budget - self._spent(state), 0.0)

    def _spent(self, state: TrainingState) -> float:
        return state.seconds - self._first_second

    def _learning_seconds(self, state: TrainingState) -> float:
        """Keep enough back for the last validation, but not most of the time."""
        reserve = min(self.validation_seconds(state), self._budget / 2)
        return self._budget - reserve


class PlateauSchedule(Schedule):
    """Ends when the validation Dice no longer improves, at the latest in time."""

    def __init__(self, plan: Plan, validation_cost: float) -> None:
        super().__init__(plan, validation_cost)
        affordable = math.ceil(validation_cost / _VALIDATION_SHARE)
        self._between = max(_FEWEST_STEPS_BETWEEN, affordable)

    def is_time_to_cool(self, state: TrainingState) -> bool:
        """Tell whether nothing improves any more, or time runs out."""
        is_stale = state.validations_left_behind >= _PATIENCE
        is_late = state.seconds >= (1 - _COOLING_TIME) * self._budget
        return state.step > 0 and (is_stale or is_late)

    def progress(self, state: TrainingState) -> float:
        """Return the share of the minutes; cooling fills up what is left."""
        done = min(state.seconds / self._budget, 1.0)
        if state.cooling_step is None:
            return done
        start = min(state.cooling_at / self._budget, 1.0)
        return max(done, start + (1 - start) * self._cooled(state))

    def rate_factor(self, state: TrainingState) -> float:
        """Return a short rise, then 1, then a cosine while cooling."""
        if state.cooling_step is None:
            return min((state.step + 1) / _WARM_UP_STEPS, 1.0)
        return cosine(self._cooled(state))

    def is_over(self, state: TrainingState) -> bool:
        """Tell whether it has cooled."""
        return state.cooling_step is not None and self._cooled(state) >= 1

    def is_validation_due(self, state: TrainingState) -> bool:
        """Tell whether enough steps were made since the last one."""
        is_cooling = state.cooling_step is not None
        return not is_cooling and state.step - state.validated_step >= self._between

    def seconds_left(self, state: TrainingState) -> float:
        """Return the most it may still take."""
        return max(self._budget - state.seconds, 0.0)

    def _cooled(self, state: TrainingState) -> float:
        """Return how far it has cooled, by steps or by time, 0 to 1."""
        start = state.cooling_step or 0
        steps = max(1.0, _COOLING_STEPS * start)
        end = self._budget - self.validation_seconds(state)
        seconds = max(end - state.cooling_at, 1e-9)
        by_steps = (state.step - start) / steps
        by_time = (state.seconds - state.cooling_at) / seconds
        return min(max(by_steps, by_time), 1.0)


_SCHEDULES: dict[str, type[Schedule]] = {
    "steps": StepSchedule,
    "minutes": MinuteSchedule,
    "no improvement": PlateauSchedule,
}


def make_schedule(
    plan: Plan, validation_cost: float, stretch: Stretch | None = None
) -> Schedule:
    """Return the schedule that the plan's ending asks for, or what was added to it."""
    if stretch is None:
        return _SCHEDULES[plan.ending](plan, validation_cost)
    kind = MinuteSchedule if stretch.steps is None else StepSchedule
    return kind(plan, validation_cost, stretch)
