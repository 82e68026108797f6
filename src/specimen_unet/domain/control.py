"""What a person asks of work under way; the work looks between two steps."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """Segment this slice of this case with the network as it is now.

    `index` is the position along the first spatial axis; 0 for a 2D image.
    """

    case: str
    index: int


class WorkLeft(Exception):  # noqa: N818 (nothing went wrong)
    """The work was left where it stands, to be resumed later."""


class Control:
    """Flags that one thread raises and the working thread reads."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._left = threading.Event()
        self._running = threading.Event()
        self._running.set()
        self._preview: PreviewRequest | None = None

    def stop(self) -> None:
        """Ask the work to end at the next step and keep what it has."""
        self._stopped.set()
        self._running.set()

    def pause(self) -> None:
        """Ask the work to wait after the next step."""
        self._running.clear()

    def go_on(self) -> None:
        """Let paused work go on."""
        self._running.set()

    def leave(self) -> None:
        """Ask the work to save where it stands and end without a result.

        To the work this is a pause that ends with WorkLeft.
        """
        self._left.set()
        self._running.set()

    def ask_preview(self, request: PreviewRequest) -> None:
        """Ask for a preview; a newer request replaces one that was not answered."""
        self._preview = request

    @property
    def is_stopped(self) -> bool:
        """Whether the work was asked to end."""
        return self._stopped.is_set()

    @property
    def is_paused(self) -> bool:
        """Whether the work was asked to wait, or to be left."""
        return self.is_left or not self._running.is_set()

    @property
    def is_left(self) -> bool:
        """Whether the work was asked to end without a result."""
        return self._left.is_set()

    def wait_while_paused(self, seconds: float | None = None) -> bool:
        """Block while paused, at most `seconds`; True once the work may go on.

        Raises
        ------
        WorkLeft
            If the work was asked to be left, before or meanwhile.
        """
        may_go_on = self._running.wait(seconds)
        if self.is_left:
            raise WorkLeft
        return may_go_on

    def take_preview(self) -> PreviewRequest | None:
        """Return the request not yet answered, once."""
        request, self._preview = self._preview, None
        return request


class StudyControl(Control):
    """Flags of a study, in which to stop is to leave.

    A fold that was ended early would be no fair part of it: it is saved, to go on.
    """

    def stop(self) -> None:
        """Ask the work to save where it stands and end, to be resumed."""
        self.leave()
