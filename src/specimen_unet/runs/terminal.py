"""What a terminal shows and takes while there is long work: progress and Ctrl-C."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tqdm import tqdm

from specimen_unet.domain.events import StepDone, TileDone, Validated, Warned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from specimen_unet.domain.control import Control
    from specimen_unet.domain.events import Event

Item = TypeVar("Item")

_FORMAT = "{desc} {percentage:3.0f}%|{bar:25}|{postfix}"


class WholeBar:
    """A bar on standard error that follows a share of 1; none in a log file.

    Parameters
    ----------
    what : str
        What is being done, e.g. "Training".
    """

    def __init__(self, what: str) -> None:
        self._bar = tqdm(
            total=1.0, desc=what, bar_format=_FORMAT, leave=False, disable=None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def move(self, progress: float, words: str, seconds_left: float) -> None:
        """Show what is done, and how long it will take."""
        if self._bar.disable:
            return
        self._bar.set_postfix_str(f"{words}, {duration(seconds_left)} left", False)
        self._bar.update(min(progress, 1.0) - self._bar.n)


class ProgressBar(WholeBar):
    """A bar on standard error that follows the events of one piece of work.

    Where standard error is not a terminal (a log file), there is no bar but a line
    for every validation.

    Parameters
    ----------
    what : str
        What is being done, e.g. "Training".
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._dice = ""

    def show(self, event: Event) -> None:
        """Move on by an event."""
        if isinstance(event, StepDone):
            words = f"step {event.step}, loss {event.loss:.3f}{self._dice}"
            self.move(event.progress, words, event.seconds_left)
        elif isinstance(event, TileDone):
            words = f"tile {event.tile} of {event.of}"
            self.move(event.tile / event.of, words, event.seconds_left)
        elif isinstance(event, Validated):
            self._dice = f", Dice {event.mean_dice:.3f}"
            if self._bar.disable:
                self._say(f"step {event.step}{self._dice}, loss {event.loss:.3f}")
        elif isinstance(event, Warned):
            self._say(f"warning: {event.message}")

    def _say(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)


def shown(results: Iterable[Item], what: str, of: int) -> Iterator[Item]:
    """Show a bar while results come, where there is a terminal."""
    bar: Iterator[Item] = iter(tqdm(results, what, of, leave=False, disable=None))
    return bar


@contextmanager
def stopping(control: Control) -> Iterator[None]:
    """Let Ctrl-C stop the work and keep what it has; a second one leaves at once.

    The end signal of a system that shuts down leaves it where it can be resumed.
    """

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        control.stop()
        text = "Stopping, what was learnt is kept. Ctrl-C again: leave at once."
        tqdm.write(text, file=sys.stderr)

    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, stop),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: control.leave()),
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def duration(seconds: float) -> str:
    """Write seconds as people read them, ``1:05:09`` or ``3:20``."""
    if seconds != seconds or seconds == float("inf"):  # NaN
        return "?"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}"
