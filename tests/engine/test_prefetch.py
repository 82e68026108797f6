from __future__ import annotations

import os
import threading
import time

import dask.array
import numpy as np
import pytest
import torch

from specimen_unet.domain.case import Case
from specimen_unet.engine import prefetch
from specimen_unet.engine.prefetch import in_turn, maker_beside, prefetched


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
    """Say how many threads compute on how many cores, and whether they wait briefly."""

    def say(*, threads, cores, is_brief=True):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        monkeypatch.setattr(prefetch, "_cores", lambda: cores)
        monkeypatch.setattr(prefetch, "is_waiting_brief", lambda: is_brief)

    return say


def test_batches_are_made_ahead_where_a_core_is_free_and_else_in_turn(network_has):
    network_has(threads=2, cores=2)
    assert maker_beside(torch.device("cpu"), []) is in_turn
    network_has(threads=8, cores=16)
    assert maker_beside(torch.device("cpu"), []) is prefetched


def test_a_gpu_makes_its_own_batches_in_turn_and_a_cpu_those_of_another(network_has):
    network_has(threads=2, cores=2)
    assert maker_beside(torch.device("cuda"), []) is in_turn
    assert maker_beside(torch.device("mps"), []) is prefetched


def test_threads_that_spin_for_long_keep_the_thread_beside_them(network_has):
    """Beside another program a step took ten times as long without it."""
    network_has(threads=2, cores=2, is_brief=False)
    assert maker_beside(torch.device("cpu"), []) is prefetched


def test_cases_that_wait_for_a_drive_are_read_ahead(network_has):
    network_has(threads=2, cores=2)
    image = np.zeros((8, 8), np.uint8)
    for given, expected in (
        (image, in_turn),
        (dask.array.from_array(image), prefetched),
    ):
        assert maker_beside(torch.device("cpu"), [Case(given)]) is expected


def test_no_more_cores_are_counted_than_this_process_may_use():
    assert 1 <= prefetch._cores() <= os.cpu_count()


def test_items_in_turn_are_made_when_they_are_asked_for():
    made = []
    with in_turn(lambda number: made.append(number) or number, 5) as following:
        assert made == []
        assert [following(), following()] == [5, 6]
        assert made == [5, 6]
