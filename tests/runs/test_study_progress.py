"""How far a study is, whatever its folds are at."""

from __future__ import annotations

import math

import pytest

from specimen_unet.domain.events import FoldBegun, FoldDone, FoldProgress
from specimen_unet.runs import study_progress
from specimen_unet.runs.study_progress import StudyProgress, done_in_words


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test sets, in seconds."""
    now = [0.0]
    monkeypatch.setattr(study_progress.time, "monotonic", lambda: now[0])
    return now


def test_folds_one_after_another(clock):
    told = StudyProgress(4)
    assert math.isnan(told.seconds_left)
    assert told.in_words() == "0 of 4 folds done"
    told.hear(FoldBegun(0, 4))
    assert told.in_words() == "fold 1 of 4: getting ready"
    assert math.isnan(told.seconds_left)
    clock[0] = 40
    told.hear(FoldProgress(0, 4, 0.4, 60.0, "training"))
    # 60 s of this one, and three of 100 s.
    assert told.seconds_left == pytest.approx(360)
    assert told.progress == pytest.approx(0.1)
    clock[0] = 110
    told.hear(FoldDone(0, 4, 0.8))
    told.hear(FoldBegun(1, 4))
    told.hear(FoldProgress(1, 4, 0.0, 110.0, "training"))
    assert told.seconds_left == pytest.approx(110 + 2 * 110)
    assert told.done == {0: 0.8}
    for fold in (1, 2, 3):
        told.hear(FoldBegun(fold, 4))
        clock[0] += 100
        told.hear(FoldDone(fold, 4, 0.9))
    assert told.progress == 1
    assert told.seconds_left == 0
    assert told.in_words() == "4 of 4 folds done"


def test_folds_side_by_side_take_turns(clock):
    told = StudyProgress(5)
    for fold in (0, 1):
        told.hear(FoldBegun(fold, 5))
        told.hear(FoldProgress(fold, 5, 0.5, 100.0, "training"))
    assert told.in_words() == "folds 1 and 2 of 5: training"
    assert told.progress == pytest.approx(0.2)
    # Three are left for two at a time: two turns more.
    assert told.seconds_left == pytest.approx(100 + 2 * 100)


def test_folds_that_were_done_before_do_not_shorten_the_forecast(clock):
    told = StudyProgress(3)
    for fold in (0, 1):
        told.hear(FoldBegun(fold, 3))
        told.hear(FoldDone(fold, 3, 0.8))
    told.hear(FoldBegun(2, 3))
    told.hear(FoldProgress(2, 3, 0.1, 90.0, "training"))
    assert told.seconds_left == pytest.approx(90)


def test_while_a_fold_cannot_tell_nobody_can(clock):
    told = StudyProgress(2)
    told.hear(FoldBegun(0, 2))
    clock[0] = 50
    told.hear(FoldDone(0, 2, 0.8))
    told.hear(FoldBegun(1, 2))
    assert math.isnan(told.seconds_left)


def test_a_fold_without_a_score_says_so():
    assert done_in_words(FoldDone(1, 5, 0.8312)) == (
        "fold 2 of 5 done: Dice 0.831 on cases not seen"
    )
    assert "no label to score" in done_in_words(FoldDone(1, 5, math.nan))
