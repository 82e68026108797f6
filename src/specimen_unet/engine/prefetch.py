"""Batches and tiles made while the network computes, or in turn with it."""

from __future__ import annotations

import itertools
import math
import os
import queue
import statistics
import threading
import time
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Item = TypeVar("Item")

_AHEAD = 1
# Items by which one way is compared with the other, for how many the quicker one is
# then kept at least, and for how many times as long as was lost by the comparison.
_TRIED, _KEPT, _WORTH = 8, 100, 50


class Maker(Protocol):
    """One of the ways, `prefetched`, `in_turn` and `quicker`."""

    def __call__(
        self, make: Callable[[int], Item], start: int
    ) -> AbstractContextManager[Callable[[], Item]]:
        """Make items number `start`, `start` + 1, ..."""


def maker_beside(device: torch.device) -> Maker:
    """Choose how to make the batches that a network learns from.

    A GPU makes them in turn with what it computes anyway. On a CPU a thread makes them
    where a core is free for it. Where the network's threads hold every core, either way
    may be the quicker one (docs/benchmarks.md): the thread takes a core from them, and
    all wait for the slowest; but where another program computes, or cases are read from
    a drive, they wait anyway.

    Parameters
    ----------
    device : torch.device
        Of the network.
    """
    if device.type == "cuda":
        return in_turn
    is_core_free = device.type != "cpu" or torch.get_num_threads() < _cores()
    return prefetched if is_core_free else quicker


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def in_turn(make: Callable[[int], Item], start: int) -> Iterator[Callable[[], Item]]:
    """Make items number `start`, `start` + 1, ... each when it is asked for."""
    numbers = itertools.count(start)
    yield lambda: make(next(numbers))


@contextmanager
def quicker(make: Callable[[int], Item], start: int) -> Iterator[Callable[[], Item]]:
    """Make items number `start`, `start` + 1, ... in the way that is quicker.

    Both are tried, and again now and then: other programs begin and end. What is timed
    is from one item to the next, with what is done with it.
    """
    with closing(_made_quicker(make, start)) as items:
        yield lambda: next(items)


def _made_quicker(make: Callable[[int], Item], start: int) -> Generator[Item]:
    """Yield items, trying both ways before each stretch of the quicker one."""
    better: Maker = prefetched
    worse: Maker = in_turn
    number = start
    while True:
        taken = yield from _timed(better, make, number)
        number += len(taken)
        usual = statistics.median(taken)
        taken = yield from _timed(worse, make, number, 2 * usual)
        number += len(taken)
        difference = statistics.median(taken) - usual
        if difference < 0:
            better, worse = worse, better
        until = time.perf_counter() + _WORTH * len(taken) * abs(difference)
        last = number + _KEPT
        with better(make, number) as following:
            while number < last or time.perf_counter() < until:
                yield following()
                number += 1


def _timed(
    way: Maker, make: Callable[[int], Item], start: int, most: float = math.inf
) -> Generator[Item, None, list[float]]:
    """Yield items made in a way; return the seconds from each to the next.

    Fewer of them, if even the quickest takes more seconds than `most`.
    """
    taken: list[float] = []
    with way(make, start) as following:
        while len(taken) < _TRIED and (len(taken) < 2 or min(taken) <= most):
            began = time.perf_counter()
            yield following()
            taken.append(time.perf_counter() - began)
    return taken


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
