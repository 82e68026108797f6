"""A thread beside the viewer's, in which Python collects no garbage.

Python's collector runs in whatever thread allocates next. Beside the viewer's it
would destroy the widgets of closed docks and old plots there, and Qt allows that in
the viewer's thread only: PySide6 crashes of it, now and then.
"""

from __future__ import annotations

import gc
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

NAME = "specimen-unet"
_LOOK_MS = 15

# The collector is one for all threads, and so is what keeps it waiting.
_running: set[threading.Thread] = set()


def run_beside(work: Callable[[], T]) -> Future[T]:
    """Run something short in a thread of its own; call this in the viewer's thread.

    Parameters
    ----------
    work : callable
        Touches no Qt object.

    Returns
    -------
    Future
        Of what `work` returns or raises.
    """
    answer: Future[T] = Future()
    thread = threading.Thread(target=_work, args=(work, answer), name=NAME)
    resumes = bool(_running) or gc.isenabled()
    gc.disable()
    thread.start()
    if resumes:
        _running.add(thread)
        QTimer.singleShot(_LOOK_MS, partial(_resume_after, thread))
    return answer


def _work(work: Callable[[], T], answer: Future[T]) -> None:
    """Answer with what the work returns or raises, whatever that is."""
    try:
        answer.set_result(work())
    except BaseException as error:  # noqa: BLE001  # raised again by who asks
        answer.set_exception(error)


def _resume_after(thread: threading.Thread) -> None:
    """Let the collector run again, in the viewer's thread, once no thread is left.

    The answer is there a little before the thread has ended.
    """
    if thread.is_alive():
        QTimer.singleShot(_LOOK_MS, partial(_resume_after, thread))
        return
    _running.discard(thread)
    if not _running:
        gc.enable()
