from __future__ import annotations

import threading
import time

import pytest
import torch

from specimen_unet.engine.prefetch import prefetched


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
