"""Batches and tiles made while the network computes, or in turn with it."""

from __future__ import annotations

import itertools
import os
import queue
import threading
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import torch

from specimen_unet.engine.openmp import is_waiting_brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from specimen_unet.domain.case import Case

Item = TypeVar("Item")

_AHEAD = 1


class Maker(Protocol):
    """One of the two ways, `prefetched` and `in_turn`."""

    def __call__(
        self, make: Callable[[int], Item], start: int
    ) -> AbstractContextManager[Callable[[], Item]]:
        """Make items number `start`, `start` + 1, ..."""


def maker_beside(device: torch.device, cases: Iterable[Case]) -> Maker:
    """Choose how to make the batches that a network learns from.

    A GPU makes them in turn with what it computes anyway. On a CPU a thread that makes
    them takes a core from the network's threads, unless one is free. As all of those
    wait for the slowest, a step then takes longer by more than it takes to make a batch
    in turn: 0.130 s instead of 0.115 in two threads on two cores (docs/benchmarks.md).
    Cases that are loaded when they are looked at may wait for a drive, so that a thread
    pays.

    Parameters
    ----------
    device : torch.device
        Of the network.
    cases : iterable of Case
        What batches are made of.
    """
    if device.type == "cuda":
        return in_turn
    is_core_free = device.type != "cpu" or torch.get_num_threads() < _cores()
    is_lazy = not all(isinstance(case.image, np.ndarray) for case in cases)
    # Threads that spin for long do so for less long where they are more than cores.
    is_ahead = is_core_free or is_lazy or not is_waiting_brief()
    return prefetched if is_ahead else in_turn


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
