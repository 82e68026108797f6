"""A file of events that only grows, and survives its writer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from specimen_unet.domain.events import StepDone
from specimen_unet.files.appending import append_line
from specimen_unet.runs.protocol import event_from_line, event_to_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from specimen_unet.domain.events import Event

# Of the end of a file: a validation between two steps takes some hundred bytes.
_TAIL = 16_384


def append_event(path: Path, event: Event) -> None:
    """Append an event to a file of JSON lines."""
    append_line(path, event_to_line(event, path.parent))


def read_events(path: Path) -> Iterator[Event]:
    """Read the events of a file that may be missing; torn lines are left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            event = _event_or_none(line)
            if event is not None:
                yield event


def last_step(path: Path) -> StepDone | None:
    """Return the last step that a file tells of, from its end; None where none is."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    events = (_event_or_none(line) for line in reversed(lines))
    return next((event for event in events if isinstance(event, StepDone)), None)


def _event_or_none(line: str) -> Event | None:
    try:
        return event_from_line(line)
    except ValueError:
        return None
