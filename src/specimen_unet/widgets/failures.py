"""What people are told of work that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import ErrorNotification, notification_manager

if TYPE_CHECKING:
    from specimen_unet.domain.events import Failed

_BUG = "bug"


class EngineError(RuntimeError):
    """Something went wrong in the engine's process that nobody could mend."""


def failure_text(failed: Failed) -> str:
    """Return what is shown in place of a result.

    A bug reaches napari's notifications besides, with the traceback of the child.
    """
    if failed.kind != _BUG:
        return failed.message
    bug = EngineError(failed.message)
    notification_manager.dispatch(ErrorNotification(bug))
    last = failed.message.strip().splitlines()[-1] if failed.message.strip() else ""
    return (
        f"This should not have happened: {last}\nPlease report it with the text of the "
        "notification, or the log.txt of the run."
    )
