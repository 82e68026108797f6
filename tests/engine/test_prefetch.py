from __future__ import annotations

import os
import threading
import time

import pytest
import torch

from specimen_unet.engine import prefetch
from specimen_unet.engine.prefetch import (
    in_turn,
    maker_beside,
    prefetched,
    quicker,
)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "patches"]


def test_items_come_in_order_from_the_first_number():
    with prefetched(lambda number: number * 10, 3) as following:
        assert [following() for _ in range(4)] == [30, 40, 50, 60]


def test_items_are_made_by_one_thread_and_the_network_keeps_all():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with prefetched(lambda _: torch.get_num_threads(), 0) as following:
            assert [following(), torch.get_num_threads()] == [1, 2]
            later = []
            thread = threading.Thread(
                target=lambda: later.append(torch.get_num_threads())
            )
            thread.start()
            thread.join()
            assert later == [2]
    finally:
        torch.set_num_threads(before)


def test_the_thread_ends_with_the_block():
    with prefetched(lambda number: number, 0) as following:
        following()
        assert len(threads()) == 1
    assert not threads()


def test_the_thread_ends_when_the_block_fails():
    with pytest.raises(ValueError, match="learning"), prefetched(str, 0):
        raise ValueError("learning failed")
    assert not threads()


def test_at_most_two_items_are_made_ahead():
    made = []
    with prefetched(made.append, 0) as following:
        following()
        time.sleep(0.1)
        assert len(made) <= 3


@pytest.mark.parametrize("kind", [RuntimeError, StopIteration, KeyError])
def test_an_error_reaches_the_caller_as_itself(kind):
    error = kind("while making 1")

    def make(number):
        if number == 1:
            raise error
        return number

    with prefetched(make, 0) as following:
        assert following() == 0
        with pytest.raises(kind) as raised:
            following()
    assert raised.value is error
    assert not threads()


@pytest.fixture
def network_has(monkeypatch):
    """Say how many threads compute on how many cores."""

    def say(*, threads, cores):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        monkeypatch.setattr(prefetch, "_cores", lambda: cores)

    return say


def test_batches_are_made_ahead_where_a_core_is_free_and_else_as_is_quicker(
    network_has,
):
    network_has(threads=2, cores=2)
    assert maker_beside(torch.device("cpu")) is quicker
    network_has(threads=8, cores=16)
    assert maker_beside(torch.device("cpu")) is prefetched


def test_a_gpu_makes_its_own_batches_in_turn_and_a_cpu_those_of_another(network_has):
    network_has(threads=2, cores=2)
    assert maker_beside(torch.device("cuda")) is in_turn
    assert maker_beside(torch.device("mps")) is prefetched


def makers_of(seconds_in_thread, seconds_in_turn, items=50):
    """Take items that take so long in either way; return which a thread made."""
    ahead = []

    def make(number):
        in_thread = threading.current_thread() is not threading.main_thread()
        time.sleep(seconds_in_thread if in_thread else seconds_in_turn)
        return number, in_thread

    with quicker(make, 7) as following:
        for number in range(7, 7 + items):
            time.sleep(0.01)
            found, in_thread = following()
            assert found == number
            ahead.append(in_thread)
    assert not threads()
    return ahead


def test_both_ways_are_tried_and_the_quicker_one_kept_with_no_item_left_out():
    waits_anyway = makers_of(0.005, 0.005)
    assert not any(waits_anyway[8:16])
    assert all(waits_anyway[:8] + waits_anyway[16:])
    disturbs = makers_of(0.04, 0.005)
    assert all(disturbs[:8])
    assert not any(disturbs[8:])


def test_a_way_that_is_far_slower_is_given_up_after_two_items():
    ahead = makers_of(0.005, 0.1)
    assert ahead.index(False) == 8
    assert ahead.count(False) == 2


def test_the_other_way_is_tried_again(monkeypatch):
    monkeypatch.setattr(prefetch, "_KEPT", 10)
    monkeypatch.setattr(prefetch, "_WORTH", 0)
    ahead = makers_of(0.005, 0.005)
    tried = [False] * 8
    assert ahead[8:16] == tried
    assert ahead[34:42] == tried
    assert all(ahead[:8] + ahead[16:34] + ahead[42:])


@pytest.mark.parametrize("number", [2, 10, 20])
def test_an_error_reaches_the_caller_whichever_way_is_taken(number):
    def make(at):
        if at == number:
            raise KeyError(at)
        return at

    with quicker(make, 0) as following:
        assert [following() for _ in range(number)] == list(range(number))
        with pytest.raises(KeyError):
            following()
    assert not threads()


def test_no_more_cores_are_counted_than_this_process_may_use():
    assert 1 <= prefetch._cores() <= os.cpu_count()


def test_items_in_turn_are_made_when_they_are_asked_for():
    made = []
    with in_turn(lambda number: made.append(number) or number, 5) as following:
        assert made == []
        assert [following(), following()] == [5, 6]
        assert made == [5, 6]
