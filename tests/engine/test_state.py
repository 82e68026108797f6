from __future__ import annotations

import pytest

from specimen_unet.domain.card import Metrics
from specimen_unet.engine.state import TrainingState


def scores(dice, step=1):
    return Metrics(step=step, mean_dice=dice, mean_iou=dice, dice={}, by_observer={})


def test_the_best_scores_are_kept():
    state = TrainingState(step=10)
    assert state.note_scores(scores(0.5))
    assert not state.note_scores(scores(0.4))
    assert state.note_scores(scores(0.6))
    assert state.best == scores(0.6)
    assert state.validated_step == 10


def test_validations_without_worthwhile_gain_are_counted():
    state = TrainingState(step=10)
    for dice in (0.5, 0.4, 0.5003, 0.5006):
        state.note_scores(scores(dice))
    assert state.validations_left_behind == 3
    state.note_scores(scores(0.6))
    assert state.validations_left_behind == 0


def test_an_undefined_score_is_neither_best_nor_a_step_back():
    state = TrainingState(step=10)
    assert not state.note_scores(scores(None))
    assert state.best is None
    assert state.note_scores(scores(0.0))
    state.note_scores(scores(None))
    assert state.validations_left_behind == 0


def test_a_state_survives_json_exactly():
    state = TrainingState(step=3, seconds=0.1 + 0.2, told=["a"], best=scores(1 / 3))
    assert TrainingState.model_validate_json(state.model_dump_json()) == state


def test_a_state_of_another_version_is_refused():
    with pytest.raises(ValueError, match="extra"):
        TrainingState.model_validate({"step": 1, "mood": "good"})


def test_the_best_scores_say_out_of_how_many_they_are_the_best():
    state = TrainingState(step=10)
    assert state.kept is None
    for dice in (0.5, 0.6, None, 0.4):
        state.note_scores(scores(dice))
    assert state.kept == scores(0.6).model_copy(update={"validations": 3})


def validated(*dice, end):
    """Return the state after these scores, the last of them at the end or not."""
    state = TrainingState()
    for state.step, value in enumerate(dice, 1):
        is_end = end and state.step == len(dice)
        state.note_scores(scores(value, state.step), is_end=is_end)
    return state


@pytest.mark.parametrize("last", [0.58, 0.7])
def test_the_weights_at_the_end_are_not_chosen_by_their_score(last):
    """The highest of many scores is too high, and no better elsewhere."""
    kept = validated(0.5, 0.6, last, end=True).kept
    assert (kept.step, kept.mean_dice, kept.validations) == (3, last, 1)


def test_weights_that_are_clearly_worse_at_the_end_are_not_kept():
    kept = validated(0.5, 0.6, 0.5, end=True).kept
    assert (kept.step, kept.mean_dice, kept.validations) == (2, 0.6, 3)


def test_a_training_that_is_stopped_keeps_its_best_weights():
    kept = validated(0.5, 0.6, 0.58, end=False).kept
    assert (kept.step, kept.validations) == (2, 3)


def test_an_end_without_a_score_keeps_what_was_best():
    kept = validated(0.5, None, end=True).kept
    assert (kept.step, kept.validations) == (1, 1)


def test_who_goes_on_after_the_end_chooses_again():
    state = validated(0.5, 0.6, 0.58, end=True)
    state.step = 4
    assert not state.note_scores(scores(0.55, 4))
    assert (state.kept.step, state.kept.validations) == (3, 4)
    state.step = 5
    assert state.note_scores(scores(0.57, 5), is_end=True)
    assert (state.kept.step, state.kept.validations) == (5, 1)
