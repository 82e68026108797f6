"""Reads what a table of cases shows, beside the viewer: what is looked at, first."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    QTimer,
    Signal,
)

from specimen_unet.widgets.side_thread import run_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from specimen_unet.files.case_facts import ImageFacts, LabelFacts, Score
    from specimen_unet.files.case_table import CaseTable, Kind, Row

    Wish = tuple[Row, Kind]
    Answer = tuple[Row, ImageFacts | LabelFacts | Score]

_BATCH_SECONDS = 0.15
_LOOK_MS = 15


class CaseReading(QObject):
    """Works off wishes in batches of a moment; new wishes go before those that wait.

    Signals
    -------
    read : list of Row
        Of these cases more is known.
    """

    read = Signal(list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table: CaseTable | None = None
        self._seen: list[Wish] = []
        self._rest: dict[Kind, list[Row]] = {}
        self._answer: Future[list[Answer]] | None = None
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._fetch)

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to be read."""
        return self._answer is not None

    def begin(self, table: CaseTable | None) -> None:
        """Read of other cases from now on; what is under way is not told."""
        self._table = table
        self._seen, self._rest = [], {}
        self._answer = None
        self._look.stop()

    def look_at(self, wishes: Iterable[Wish]) -> None:
        """Read this first; what was looked at before and is not any more waits."""
        self._seen = [(row, kind) for row, kind in wishes if row.lacks(kind)]
        self._go_on()

    def need(self, rows: Sequence[Row], kind: Kind) -> None:
        """Read something of all these cases, after what is looked at."""
        self._rest[kind] = [row for row in rows if row.lacks(kind)]
        self._go_on()

    def left(self, kind: Kind) -> int:
        """Count the cases of which something that is needed was not read yet."""
        return sum(row.lacks(kind) for row in self._rest.get(kind, ()))

    def _go_on(self) -> None:
        """Begin the next batch, unless one is under way."""
        if self._answer is not None or self._table is None:
            return
        wishes = [(row, kind) for row, kind in self._seen if row.lacks(kind)]
        for kind, rows in self._rest.items():
            wishes += [(row, kind) for row in rows if row.lacks(kind)]
        if wishes:
            self._answer = run_beside(partial(_read_some, self._table, wishes))
            self._look.start()

    def _fetch(self) -> None:
        """Tell what has been read, and go on."""
        answer, table = self._answer, self._table
        if answer is None or table is None or not answer.done():
            return
        self._answer = None
        self._look.stop()
        found = answer.result()
        for row, facts in found:
            table.keep(row, facts)
        self._go_on()
        self.read.emit([row for row, _ in found])


def _read_some(table: CaseTable, wishes: list[Wish]) -> list[Answer]:
    """Read for a moment, one case at least."""
    until = time.perf_counter() + _BATCH_SECONDS
    found: list[Answer] = []
    for row, kind in wishes:
        found.append((row, table.read(row, kind)))
        if time.perf_counter() > until:
            break
    return found
