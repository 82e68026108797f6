"""Which folder of cases is open, and what it holds in a line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, LineEdit, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.files.answer_words import answers_of_text, example_of_answers
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_options import CaseOptions
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.predictions import newest_predictions, places_of_predictions
from specimen_unet.widgets.button_row import button_row
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_NOTHING = (
    "Open a folder of images and labels: pairs such as 032.tif and 032_EA.tif, images/ "
    "and labels/, nnU-Net, BUSI and others. `specimen-unet demo FOLDER` makes one to "
    "try."
)


class FolderBar(Container[Widget]):
    """Opens folders beside the viewer; nothing but names is read.

    Attributes
    ----------
    asked : Signal
        A person wants this folder to be opened.
    found : Signal
        The `CaseTable` of a folder that was opened.
    """

    asked = Signal(Path)
    found = Signal(object)

    def __init__(self) -> None:
        super().__init__(labels=False, name="folder_bar")
        self.margins = (0, 0, 0, 0)
        self._path: Path | None = None
        self.choose = PushButton(
            name="open_folder", text="Open folder…", tooltip="A folder of cases"
        )
        self.again = PushButton(
            name="look_again", text="Look again", tooltip="Look for files that are new"
        )
        self.title = Note("folder_title")
        self.problem = Note("folder_problem", "problem")
        self.open_words = Note("open_words", "caution")
        self.answers = LineEdit(
            name="folder_answers",
            visible=False,
            tooltip="Used for files that do not say it themselves. Press Enter to look "
            "again: spacing=0.5 0.1 0.1 mm; stack=channels; series=…; gaps=ignore",
        )
        self._buttons = button_row(self.choose, self.again)
        self.extend([self._buttons, self.title, self.open_words, self.answers])
        self.append(self.problem)
        self._looking = LatestTask(self.native)
        self._looking.answered.connect(self._tell)
        self._looking.refused.connect(self._refuse)
        self.choose.changed.connect(self._ask_folder)
        self.again.changed.connect(self._ask_again)
        self.answers.native.returnPressed.connect(self._ask_again)
        self.show_table(None)

    def open(self, path: Path) -> None:
        """Look for the cases of a folder, with the answers that were typed for it."""
        self.problem.tell("")
        if path != self._path:
            self.answers.value = ""
        try:
            options = CaseOptions(answers=answers_of_text(self.answers.value))
        except SpecimenUnetError as error:
            self._refuse(str(error))
            return
        self.title.tell("Looking for cases…")
        self._looking.ask(partial(_table_of, path, options))

    def show_table(self, table: CaseTable | None) -> None:
        """Say what is open, with its groups and splits as they are now."""
        self._path = table.folder.listing.root if table else None
        self.again.enabled = table is not None
        self.title.tell(f"{self._path}\n{table.summary()}" if table else _NOTHING)
        self.show_questions(table)

    def show_questions(self, table: CaseTable | None) -> None:
        """Ask what the files that were read so far do not say."""
        asked = table.open_questions() if table else ""
        self.open_words.tell(asked)
        example = example_of_answers(table.asked()) if table else ""
        self.answers.native.setPlaceholderText(example)
        has_answers = bool(table and table.folder.answers)
        self.answers.visible = bool(asked) or has_answers

    def leave(self) -> None:
        """Look for nothing any more."""
        self._looking.drop()

    def _tell(self, table: CaseTable) -> None:
        self.found.emit(table)

    def _refuse(self, message: str) -> None:
        self.title.tell(str(self._path) if self._path else _NOTHING)
        self.problem.tell(message)

    def _ask_folder(self, _: Any = None) -> None:
        window: QWidget = self.native
        chosen = QFileDialog.getExistingDirectory(
            window, "Choose a folder of cases", str(self._path or "")
        )
        if chosen:
            self.asked.emit(Path(chosen))

    def _ask_again(self, _: Any = None) -> None:
        if self._path is not None:
            self.asked.emit(self._path)


def _table_of(path: Path, options: CaseOptions) -> CaseTable:
    """List a folder of cases and what models wrote there; reads no image."""
    folder = CaseFolder.open(path, options)
    return CaseTable(folder, newest_predictions(places_of_predictions(path)))
