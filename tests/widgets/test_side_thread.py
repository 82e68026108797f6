from __future__ import annotations

import gc
import threading

import pytest

from specimen_unet.widgets.side_thread import run_beside


@pytest.fixture(autouse=True)
def collector(qtbot):
    """Let the collector run, as in an application."""
    gc.enable()
    yield
    qtbot.wait(60)
    gc.enable()


class Cycle:
    """Something that only the collector frees, and that knows where it was freed."""

    def __init__(self, freed_in: list[threading.Thread]) -> None:
        self.itself = self
        self.freed_in = freed_in

    def __del__(self) -> None:
        self.freed_in.append(threading.current_thread())


def test_what_is_garbage_is_freed_in_the_viewers_thread_only(qtbot):
    freed_in: list[threading.Thread] = []

    def allocate() -> int:
        kept = [[number] for number in range(50_000)]  # many a collection's worth
        return len(kept)

    Cycle(freed_in)
    answer = run_beside(allocate)
    assert answer.result(timeout=10) == 50_000
    assert freed_in == []
    qtbot.waitUntil(gc.isenabled)
    gc.collect()
    assert freed_in == [threading.main_thread()]


def test_the_collector_waits_for_the_last_of_several(qtbot):
    go = threading.Event()
    slow, quick = run_beside(lambda: go.wait(10)), run_beside(lambda: 1)
    assert quick.result(timeout=10) == 1
    qtbot.wait(60)
    assert not gc.isenabled()
    go.set()
    qtbot.waitUntil(gc.isenabled)
    assert slow.done()


def test_a_collector_that_somebody_else_stopped_stays_so(qtbot):
    gc.disable()
    assert run_beside(lambda: 1).result(timeout=10) == 1
    qtbot.wait(60)
    assert not gc.isenabled()


def test_an_error_is_in_the_answer_and_the_collector_runs_again(qtbot):
    answer = run_beside(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        answer.result(timeout=10)
    qtbot.waitUntil(gc.isenabled)
