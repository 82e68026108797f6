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
    assert state.best_of_all is None
    for dice in (0.5, 0.6, None, 0.4):
        state.note_scores(scores(dice))
    assert state.best_of_all == scores(0.6).model_copy(update={"validations": 3})
