from __future__ import annotations

import pytest

from specimen_unet.engine.schedule import make_schedule, one_cycle
from specimen_unet.engine.state import TrainingState


@pytest.fixture
def schedule_for(make_plan):
    def make(ending, cost=5.0, **changes):
        return make_schedule(make_plan(2, ending=ending, **changes), cost)

    return make


def simulated(schedule, state, *, step_seconds, validation_seconds, improves):
    """Play a training; return (step, seconds) of every validation."""
    validations = []
    while True:
        schedule.update(state)
        over = schedule.is_over(state)
        if state.validated_step < state.step and (
            over or schedule.is_validation_due(state)
        ):
            state.seconds += validation_seconds
            state.validation_seconds = validation_seconds
            state.validated_step, state.validated_at = state.step, state.seconds
            better = improves(len(validations))
            state.validations_left_behind = (
                0 if better else state.validations_left_behind + 1
            )
            validations.append((state.step, state.seconds))
            continue
        if over:
            return validations
        state.step += 1
        state.step_seconds = step_seconds
        state.seconds += step_seconds


def test_the_rate_rises_and_falls_to_almost_nothing():
    factors = [one_cycle(share / 100) for share in range(101)]
    assert factors[0] < 0.01
    assert factors[30] == max(factors) == 1
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert 0 < factors[100] < 0.01


@pytest.mark.parametrize("steps", [1, 2, 13, 1000])
def test_a_training_by_steps_validates_at_its_end_and_not_too_often(
    steps, schedule_for
):
    schedule, state = schedule_for("steps", steps=steps), TrainingState()
    validations = simulated(
        schedule, state, step_seconds=1, validation_seconds=5, improves=bool
    )
    assert validations[-1][0] == state.step == steps
    assert 5 * (len(validations) - 1) <= 0.1 * steps
    assert schedule.progress(state) == 1


def test_a_training_by_steps_does_not_look_at_the_clock(schedule_for):
    schedule = schedule_for("steps", steps=50)
    states = [
        TrainingState(step=30, seconds=seconds, step_seconds=seconds)
        for seconds in (1.0, 1e6)
    ]
    for question in ("progress", "rate_factor", "is_over", "is_validation_due"):
        answers = {getattr(schedule, question)(state) for state in states}
        assert len(answers) == 1


@pytest.mark.parametrize("validation_seconds", [0.1, 2.0, 20.0, 50.0])
@pytest.mark.parametrize("step_seconds", [0.05, 1.0])
def test_a_training_by_minutes_ends_in_time_validation_included(
    validation_seconds, step_seconds, schedule_for
):
    """Even where sizes promised that a validation takes five steps."""
    schedule, state = schedule_for("minutes", minutes=2), TrainingState()
    validations = simulated(
        schedule,
        state,
        step_seconds=step_seconds,
        validation_seconds=validation_seconds,
        improves=bool,
    )
    assert validations[-1][0] == state.step
    if validation_seconds < 50:
        assert 114 <= state.seconds <= 126
    before_the_last = len(validations) - 1
    assert before_the_last * validation_seconds <= max(0.1 * 120, validation_seconds)
    assert schedule.rate_factor(state) < 0.02


def test_nothing_is_held_back_where_nothing_can_be_validated(schedule_for):
    schedule = schedule_for("minutes", cost=0, minutes=1)
    assert not schedule.is_over(TrainingState(step=9, seconds=59, step_seconds=1))
    assert schedule.is_over(TrainingState(step=9, seconds=59.6, step_seconds=1))


def test_at_least_one_step_is_made(schedule_for):
    schedule = schedule_for("minutes", minutes=0.05)
    assert not schedule.is_over(TrainingState(seconds=1e6))


def test_training_goes_on_while_it_improves_and_then_cools(schedule_for):
    schedule, state = schedule_for("no improvement", minutes=60), TrainingState()
    simulated(
        schedule,
        state,
        step_seconds=0.1,
        validation_seconds=0.5,
        improves=lambda count: count < 6,
    )
    assert state.cooling_step == 14 * 50
    assert state.step == 14 * 50 + 0.2 * 14 * 50
    assert schedule.rate_factor(state) < 0.02
    assert schedule.progress(state) == 1


def test_training_until_nothing_improves_keeps_the_rate_meanwhile(schedule_for):
    schedule = schedule_for("no improvement", minutes=60)
    assert schedule.rate_factor(TrainingState(step=0)) < 0.1
    assert schedule.rate_factor(TrainingState(step=900)) == 1


def test_the_minutes_are_the_most_it_may_take(schedule_for):
    schedule, state = schedule_for("no improvement", minutes=2), TrainingState()
    simulated(
        schedule,
        state,
        step_seconds=0.1,
        validation_seconds=1,
        improves=lambda count: True,
    )
    assert 110 <= state.seconds <= 126
    assert state.cooling_at == pytest.approx(96, abs=2)


@pytest.mark.parametrize("ending", ["steps", "minutes", "no improvement"])
def test_the_forecast_runs_out(ending, schedule_for):
    schedule, state = schedule_for(ending, steps=100, minutes=1), TrainingState()
    simulated(
        schedule, state, step_seconds=0.5, validation_seconds=1, improves=lambda _: True
    )
    assert 0 <= schedule.seconds_left(state) < 3


@pytest.mark.parametrize(
    ("ending", "length"),
    [("steps", {"steps": 40}), ("minutes", {"minutes": 0.5})],
)
def test_what_is_added_has_a_whole_cycle_of_its_own(ending, length, make_plan):
    """Whatever had been planned; and the last step of it is validated."""
    plan = make_plan(2, ending="no improvement", steps=100, minutes=1)
    ended = TrainingState(step=100, seconds=60.0, step_seconds=0.5, validated_at=60.0)
    state = ended.prolonged(**length)
    schedule = make_schedule(plan, 1.0, state.stretch)
    assert schedule.progress(state) == 0
    assert not schedule.is_over(state)
    factors = []
    while not schedule.is_over(state):
        factors.append(schedule.rate_factor(state))
        state.step += 1
        state.seconds += 0.5
    assert factors[0] < 0.1
    assert 0.3 < max(factors) < 1
    assert factors[-1] < 0.02
    assert schedule.progress(state) > 0.98
    if ending == "steps":
        assert state.step == 140
        assert schedule.is_validation_due(state)
    else:
        assert state.seconds == pytest.approx(90, abs=2)


def test_validation_stays_below_a_tenth_of_the_time_however_slow(schedule_for):
    for validation_seconds in (0.1, 1.0, 5.0, 10.0):
        schedule, state = schedule_for("minutes", minutes=5), TrainingState()
        validations = simulated(
            schedule,
            state,
            step_seconds=0.2,
            validation_seconds=validation_seconds,
            improves=bool,
        )
        assert len(validations) * validation_seconds <= 0.1 * 300 + validation_seconds
        assert 285 <= state.seconds <= 315
