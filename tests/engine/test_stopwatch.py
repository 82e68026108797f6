from __future__ import annotations

import time

import pytest

from specimen_unet.engine.stopwatch import Stopwatch


def test_time_goes_on_from_where_it_was():
    watch = Stopwatch(100.0)
    time.sleep(0.02)
    assert 100.02 <= watch.seconds < 105


def test_pauses_do_not_count():
    watch = Stopwatch()
    with watch.halted():
        time.sleep(0.3)
    assert watch.seconds < 0.2


def test_it_runs_again_after_a_pause_that_failed():
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.halted():
        raise KeyError
    before = watch.seconds
    time.sleep(0.02)
    assert watch.seconds >= before + 0.02
