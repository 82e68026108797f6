from __future__ import annotations

import math

import pytest

from specimen_unet.domain.events import PlanReady, StepDone, Validated, Warned
from specimen_unet.engine.narration import Narrator, duration


@pytest.fixture
def lines():
    return []


@pytest.fixture
def narrator(lines):
    return Narrator(lines.append)


def step_done(step, of):
    return StepDone(step, 0.5, 1e-3, step / of, 1.0, of - step)


def validated(dice):
    return Validated(4, dice, dice, {1: dice}, {1: dice}, {"EA": dice}, 0.3, True)


def test_of_many_steps_about_twenty_are_told(narrator, lines):
    for step in range(1, 1001):
        narrator.tell(step_done(step, 1000))
    assert 19 <= len(lines) <= 22
    assert lines[0].startswith("step 1 ")
    assert lines[-1].startswith("step 1000 (100%): loss 0.500")


def test_plan_and_scores_are_told_in_words(narrator, lines, make_plan):
    plan = make_plan(2)
    narrator.tell(PlanReady(plan))
    narrator.tell(validated(0.912))
    narrator.tell(validated(math.nan))
    assert lines[0] == str(plan)
    assert "Dice 0.912" in lines[1]
    assert "best so far" in lines[1]
    assert "no label to score" in lines[2]


def test_a_warning_is_a_python_warning_too(narrator, lines):
    with pytest.warns(UserWarning, match="look here"):
        narrator.tell(Warned("look here"))
    assert lines == ["look here"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (600, "10 min"), (12_000, "3 h 20 min")],
)
def test_durations_are_told_as_people_do(seconds, words):
    assert duration(seconds) == words
