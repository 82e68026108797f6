"""Groups and splits that are made: near-duplicates found, groups dealt to parts."""

from __future__ import annotations

from functools import partial
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    QTimer,
    Signal,
)

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.files.near_duplicates import find_near_duplicates
from specimen_unet.files.split_making import made_splits
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.unsaved_question import UnsavedAnswer, ask_about_unsaved

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from specimen_unet.files.case_table import CaseTable
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.files.near_duplicates import Duplicates
    from specimen_unet.files.split_making import SplitSettings
    from specimen_unet.widgets.case_shelf import CaseShelf

_LOOK_MS = 200


class MarkMaking(QObject):
    """Marks the cases of a shelf.

    Signals
    -------
    made
        Cases have other groups or splits.
    told : str
        What is going on, or what was found.
    refused : str
        Why splits cannot be made.
    """

    made = Signal()
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, shelf: CaseShelf, parent: QObject) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._wanted: SplitSettings | None = None
        self._search: _Search | None = None
        self._task = LatestTask(self)
        self._task.answered.connect(self._take_duplicates)
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._tell_progress)
        shelf.known.connect(self._go_on)

    @property
    def is_busy(self) -> bool:
        """Whether near-duplicates are being looked for."""
        return self._task.is_busy

    def find_duplicates(self, _: Any = None) -> None:
        """Compare all images; a second call stops it."""
        table = self._shelf.table
        if table is None:
            return
        if self._search is not None:
            self.stop()
            self.told.emit("Stopped looking for near-duplicates; no group was changed.")
            return
        self._search = _Search(table, table.chosen(table.rows))
        self._task.ask(self._search.run)
        self._look.start()
        self._tell_progress()

    def make_splits(self, settings: SplitSettings) -> None:
        """Mark all cases, once all labels are known."""
        self._wanted = settings
        if self._shelf.need("labels"):
            self._go_on("labels")

    def save(self) -> str:
        """Write groups and splits; return why they cannot be written, or ""."""
        table = self._shelf.table
        try:
            if table is not None:
                self.told.emit(f"Written: {table.save_marks()}")
        except SpecimenUnetError as error:
            return str(error)
        return ""

    def ask_about_marks(self, parent: QWidget) -> UnsavedAnswer:
        """Ask whether groups and splits that were changed shall be saved."""
        table = self._shelf.table
        if table is None or not table.is_marked:
            return "discard"
        return ask_about_unsaved(
            parent,
            "Groups and splits were changed",
            "The groups and splits of these cases were changed and not saved.",
            discard="Discard",
            stay="Stay here",
        )

    def stop(self) -> None:
        """Look for nothing any more."""
        self._wanted = None
        if self._search is not None:
            self._search.stopped.set()
        self._search = None
        self._task.drop()
        self._look.stop()

    def _take_duplicates(self, found: Duplicates) -> None:
        """Join the groups of cases that show nearly the same."""
        search, self._search = self._search, None
        self._look.stop()
        table = self._shelf.table
        if search is None or table is None or table is not search.table:
            return
        for row in table.rows:
            # A group given by hand meanwhile stays.
            if row.group == search.before[row.name]:
                table.mark([row], group=found.groups[row.name])
        self.made.emit()
        self.told.emit(_found(found))

    def _tell_progress(self) -> None:
        if self._search is not None:
            done, count = self._search.done, len(self._search.table.rows)
            self.told.emit(f"Comparing images: {done} of {count}. Press again to stop.")

    def _go_on(self, kind: str) -> None:
        """Deal the cases, now that their labels are known."""
        settings, table = self._wanted, self._shelf.table
        if kind != "labels" or settings is None or table is None:
            return
        self._wanted = None
        try:
            marks = made_splits(table.rows, settings)
        except SpecimenUnetError as error:
            self.refused.emit(str(error))
            return
        for row in table.rows:
            table.mark([row], split=marks[row.name])
        self.made.emit()
        self.told.emit("Splits are made, not yet saved.")


class _Search:
    """A search for near-duplicates; runs beside the viewer, and counts."""

    def __init__(self, table: CaseTable, chosen: ChosenCases) -> None:
        self.table = table
        self.before = {row.name: row.group for row in table.rows}
        self.stopped = Flag()
        self.done = 0
        self.run = partial(
            find_near_duplicates, chosen.folder, chosen.files, self._is_wanted
        )

    def _is_wanted(self) -> bool:
        self.done += 1
        return not self.stopped.is_set()


def _found(found: Duplicates) -> str:
    """Say what was found."""
    alike = {name for pair in found.pairs for name in pair}
    groups = len({found.groups[name] for name in alike})
    text = (
        f"{len(alike)} cases show nearly the same as another one; they are in {groups} "
        "groups now, not yet saved. Sort by group and look at them."
        if alike
        else "No two images show nearly the same."
    )
    if found.failed:
        text += f" {len(found.failed)} images could not be read."
    return text
