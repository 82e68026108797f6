"""Going from case to case: what was painted is asked about, the next one is read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QCoreApplication,
    QEventLoop,
    QObject,
    Signal,
)

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.files.pairing import ONLY_OBSERVER
from specimen_unet.files.predictions import read_prediction
from specimen_unet.viewer.case_display import CaseDisplay
from specimen_unet.viewer.opened_case import open_case, save_edited
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.unsaved_question import UnsavedAnswer, ask_about_unsaved

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_table import CaseTable, Row
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.viewer.opened_case import OpenedCase

_WAIT_MS = 50


def ask_about_edits(parent: QWidget, case: str, observers: list[str]) -> UnsavedAnswer:
    """Ask whether labels that were changed shall be saved."""
    of = "" if observers == [ONLY_OBSERVER] else f" of {' and '.join(observers)}"
    return ask_about_unsaved(
        parent,
        "Labels were changed",
        f"The labels{of} on {case} were changed and not saved.",
        more="Saving writes them into the files they were read from, or into a new "
        "file if nobody drew on it before.",
        discard="Discard changes",
        stay=f"Stay at {case}",
    )


class CaseOpening(QObject):
    """Shows the case that a person clicked on, when nothing stands against it.

    Signals
    -------
    opened : str
        Name of the case that is shown now.
    stayed : str
        Name of the case that a person does not want to leave; "" for none.
    saved : str, CaseFiles
        Name of a case whose labels were written, and its files by now.
    refused : str
        Why something could not be read or saved; "" when all is well.
    """

    opened = Signal(str)
    stayed = Signal(str)
    saved = Signal(str, object)
    refused = Signal(str)

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._display = CaseDisplay(viewer)
        self._wanted: tuple[CaseTable, Row] | None = None
        # Apart: what is read may be overtaken by another click, what is saved not.
        self._reading, self._saving, self._predicting = (
            LatestTask(self) for _ in range(3)
        )
        self._reading.answered.connect(self._show)
        self._reading.refused.connect(self._refuse)
        self._saving.answered.connect(self._keep_as_saved)
        self._saving.refused.connect(self._refuse)
        self._predicting.answered.connect(self._show_prediction)
        self._predicting.refused.connect(self.refused)

    @property
    def name(self) -> str:
        """Name of the case that is shown; "" for none."""
        shown = self._display.shown
        return shown.name if shown is not None else ""

    @property
    def has_edits(self) -> bool:
        """Whether something was painted and is not saved."""
        return bool(self._display.edited())

    @property
    def is_busy(self) -> bool:
        """Whether a case is being read or saved."""
        tasks = (self._reading, self._saving, self._predicting)
        return any(task.is_busy for task in tasks)

    def open(self, table: CaseTable, row: Row) -> None:
        """Show a case instead of the one that is shown."""
        if self._saving.is_busy:
            self._wanted = table, row
            return
        if row.name == self.name and not self._reading.is_busy:
            return
        edited = self._edits_to_save()
        if edited is None:
            return
        self._wanted = table, row
        if edited:
            self._save(edited)
        else:
            self._read()

    def close(self) -> bool:
        """Take the case away; False if a person wants to stay with what was painted."""
        if self.settle() == "stay":
            return False
        self._reading.drop()
        self._display.clear()
        return True

    def settle(self) -> UnsavedAnswer:
        """Ask about what was painted, and save it at once if it shall be.

        Returns
        -------
        str
            "save": it is saved, or there was nothing to save. "discard": it is not to
            be kept. "stay": a person wants to stay, or it could not be saved.
        """
        while self._saving.is_busy:  # what is being written is not asked about
            QCoreApplication.processEvents(
                QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, _WAIT_MS
            )
        had_edits = self.has_edits
        edited = self._edits_to_save()
        case = self._display.case
        if edited is None:
            return "stay"
        if not edited or case is None:
            return "discard" if had_edits else "save"
        try:
            save_edited(case, edited)
        except SpecimenUnetError as error:
            self._refuse(str(error))
            return "stay"
        self._tell_saved(edited)
        return "save"

    def discard(self) -> None:
        """Show the labels again as they are in their files."""
        self._display.discard()

    def save(self) -> None:
        """Write what was painted on the case that is shown."""
        edited = self._display.edited()
        if edited and not self._saving.is_busy:
            self._save(edited)

    def update_prediction(self, row: Row) -> None:
        """Show new labels of a model on the case that is shown."""
        if row.name == self.name and row.predicted is not None:
            path, prediction = row.predicted
            self._predicting.ask(lambda: (row.name, read_prediction(path), prediction))

    def leave(self) -> None:
        """Do nothing any more."""
        for task in (self._reading, self._predicting):
            task.drop()

    def _edits_to_save(self) -> dict[str, Array] | None:
        """Ask about what was painted; None when a person wants to stay."""
        edited = self._display.edited()
        if not edited:
            return {}
        name = self._display.case.name if self._display.case is not None else ""
        answer = ask_about_edits(self._window, name, list(edited))
        if answer == "stay":
            self.stayed.emit(name)
            return None
        return edited if answer == "save" else {}

    def _save(self, edited: dict[str, Array]) -> None:
        case = self._display.case
        if case is not None:
            copies = {who: labels.copy() for who, labels in edited.items()}
            self._saving.ask(partial(_saved, case, copies))

    def _keep_as_saved(self, edited: dict[str, Array]) -> None:
        self.refused.emit("")
        self._tell_saved(edited)
        if self._wanted is not None:
            self._read()

    def _tell_saved(self, edited: dict[str, Array]) -> None:
        self._display.keep_as_saved(edited)
        case = self._display.case
        if case is not None:
            self.saved.emit(case.name, case.files)

    def _read(self) -> None:
        if self._wanted is None:
            return
        table, row = self._wanted
        self._wanted = None
        self._reading.ask(partial(open_case, table.folder, row.files, row.predicted))

    def _show(self, opened: OpenedCase) -> None:
        self._display.show(opened)
        self.refused.emit("\n".join(opened.problems))
        self.opened.emit(opened.name)

    def _show_prediction(self, answer: tuple[str, Array, Prediction]) -> None:
        name, predicted, prediction = answer
        if name == self.name:
            self._display.show_prediction(predicted, prediction)

    def _refuse(self, message: str) -> None:
        self._wanted = None
        self.refused.emit(message)
        self.stayed.emit(self.name)


def _saved(opened: OpenedCase, edited: dict[str, Array]) -> dict[str, Array]:
    save_edited(opened, edited)
    return edited
