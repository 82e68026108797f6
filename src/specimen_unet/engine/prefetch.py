"""Batches made ahead of time, in one thread, while the network learns."""

from __future__ import annotations

import itertools
import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")

_AHEAD = 1


@contextmanager
def in_turn(make: Callable[[int], Item], start: int) -> Iterator[Callable[[], Item]]:
    """Make items number `start`, `start` + 1, ... each when it is asked for.

    For what a GPU makes: it works on by itself anyway.
    """
    numbers = itertools.count(start)
    yield lambda: make(next(numbers))


@contextmanager
def prefetched(make: Callable[[int], Item], start: int) -> Iterator[Callable[[], Item]]:
    """Make items number `start`, `start` + 1, ... in a thread, one or two ahead.

    Parameters
    ----------
    make : callable
        Makes the item of a number.
    start : int
        The first number.

    Yields
    ------
    callable
        Returns the next item, waiting for it if need be. What `make` raised is
        raised there, as it was. The thread ends with the block.
    """
    made: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(_AHEAD)
    is_begun, is_over = threading.Event(), threading.Event()
    threads = torch.get_num_threads()

    def work() -> None:
        # Else OpenMP has a team of as many threads for this one, which takes the cores
        # from the network's.
        torch.set_num_threads(1)
        is_begun.set()
        number = start
        while not is_over.is_set():
            try:
                made.put((make(number), None))
            except BaseException as error:  # noqa: BLE001 (raised in the caller)
                made.put((None, error))
                return
            number += 1

    def following() -> Item:
        item, error = made.get()
        if error is not None:
            raise error
        return item  # type: ignore[return-value]  # an item where there is no error

    thread = threading.Thread(target=work, name="patches", daemon=True)
    thread.start()
    is_begun.wait()
    # Each thread has its own number, but MKL and those to come took the last one said.
    torch.set_num_threads(threads)
    try:
        yield following
    finally:
        is_over.set()
        _join(thread, made)


def _join(thread: threading.Thread, made: queue.Queue[Item]) -> None:
    """Wait for the thread, emptying the queue that it may be waiting to fill."""
    while thread.is_alive():
        try:
            made.get(timeout=0.01)
        except queue.Empty:
            continue
    thread.join()
