"""Short work beside the viewer's thread: one question at a time, the newest next."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    QTimer,
    Signal,
)

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.widgets.side_thread import run_beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

_REST_MS = 60
_LOOK_MS = 5


class LatestTask(QObject):
    """Answer questions in a thread; one that was overtaken is never begun.

    Answers come in the order of the questions, so the last one told is the newest.
    The thread knows no Qt object: a timer looks for its answer. So an error of any
    kind is raised where the person is (superqt's workers lose a RuntimeError), and
    a widget may be destroyed while a question is open.

    Signals
    -------
    answered : what the question returned
    refused : the message of a `SpecimenUnetError`; other errors are raised

    Parameters
    ----------
    parent : QObject, optional
        Owner in Qt's sense.
    rest_ms : int
        Between an answer and the next question; what the viewer does with answers
        takes time, too. After a longer rest a question is begun at once.
    """

    answered = Signal(object)
    refused = Signal(str)

    def __init__(
        self, parent: QObject | None = None, *, rest_ms: int = _REST_MS
    ) -> None:
        super().__init__(parent)
        self._rest_ms = rest_ms
        self._rested_at = 0.0
        self._question: Callable[[], object] | None = None
        self._answer: Future[object] | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._begin)
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._fetch)

    @property
    def is_busy(self) -> bool:
        """Whether a question is waiting or being worked on."""
        return self._question is not None or self._answer is not None

    def ask(self, question: Callable[[], object]) -> None:
        """Work `question` out soon, unless a newer one comes before it began."""
        self._question = question
        if not self._pause.isActive() and self._answer is None:
            self._rest()

    def drop(self) -> None:
        """Forget every question, also the one under way: it is not answered."""
        self._question = None
        self._answer = None
        self._pause.stop()
        self._look.stop()

    def _rest(self) -> None:
        """Begin the next question once there was rest enough since the last answer."""
        left = 1000 * (self._rested_at - time.monotonic())
        self._pause.start(max(0, math.ceil(left)))

    def _begin(self) -> None:
        """Begin with the newest question."""
        question, self._question = self._question, None
        if question is None:
            return
        self._answer = run_beside(question)
        self._look.start()

    def _fetch(self) -> None:
        """Tell the answer once it has come, and go on to the next question."""
        answer = self._answer
        if answer is None or not answer.done():
            return
        self._answer = None
        self._look.stop()
        self._rested_at = time.monotonic() + self._rest_ms / 1000
        if self._question is not None:
            self._rest()
        error = answer.exception()
        if isinstance(error, SpecimenUnetError):
            self.refused.emit(str(error))
        else:
            self.answered.emit(answer.result())
