"""Time spent on work, pauses left out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopwatch:
    """Runs from the moment it is made.

    Parameters
    ----------
    seconds : float
        Time spent before.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._since = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time spent so far."""
        return self._before + time.perf_counter() - self._since

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Leave out the time spent in this context."""
        before = self.seconds
        try:
            yield
        finally:
            self._before, self._since = before, time.perf_counter()
