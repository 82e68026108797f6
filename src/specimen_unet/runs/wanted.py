"""A sign that somebody waits for work which others do on other machines.

All they share is a folder. Who waits touches a file in it every few seconds; who works
looks at it. When it is gone, or no longer touched, the work is saved and left: so does
nothing compute for hours what nobody waits for.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from specimen_unet.domain.control import StudyControl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOUCH_SECONDS = 2.0
PATIENCE_SECONDS = 300.0
"""A network drive may show the time of a file a minute late; a laptop may sleep."""

APPEARING_SECONDS = 60.0
_LOOK_SECONDS = 1.0


@contextmanager
def wanting(sign: Path) -> Iterator[None]:
    """Keep a sign up for as long as the block lasts."""
    ended = threading.Event()
    sign.touch()

    def keep() -> None:
        while not ended.wait(TOUCH_SECONDS):
            sign.touch()

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sign.unlink(missing_ok=True)


@contextmanager
def control_by(
    sign: Path, patience: float = PATIENCE_SECONDS
) -> Iterator[StudyControl]:
    """Give a control that leaves when the sign is taken down, or is left to itself.

    Clocks of two machines may differ: only whether the time of the file changes counts.
    """
    control = StudyControl()
    ended = threading.Event()

    def look() -> None:
        seen, since = _time_of(sign), time.monotonic()
        while not ended.wait(_LOOK_SECONDS):
            now = _time_of(sign)
            if now != seen:
                seen, since = now, time.monotonic()
            if now is None or time.monotonic() - since > patience:
                control.leave()
                return

    if _time_of(sign) is None:
        control.leave()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield control
    finally:
        ended.set()
        thread.join()


def wait_for(sign: Path, seconds: float = APPEARING_SECONDS) -> None:
    """Wait until a sign is seen: a network drive may show a new file late."""
    end = time.monotonic() + seconds
    while _time_of(sign) is None and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)


def _time_of(sign: Path) -> float | None:
    try:
        return os.stat(sign).st_mtime
    except FileNotFoundError:
        return None
