"""The labels of a study in a table of cases: by models that have not seen them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

from specimen_unet.runs.study_predictions import unseen_predictions

if TYPE_CHECKING:
    from specimen_unet.runs.study import StudyFolder
    from specimen_unet.widgets.case_shelf import CaseShelf


class StudyLabels(QObject):
    """Puts the labels of a study into the table, once its folder of cases is open.

    Signals
    -------
    folder_wanted : Path
        This folder of cases must be open first; then call `take`.
    shown : list of Row
        These cases have other labels now.
    told : str
        What is shown.
    refused : str
        Why nothing is.
    """

    folder_wanted = Signal(Path)
    shown = Signal(list)
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, shelf: CaseShelf, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._awaited: StudyFolder | None = None

    def show(self, study: StudyFolder) -> None:
        """Show the labels of a study, whichever folder is open."""
        source = study.record.source
        if source is None:
            self.refused.emit(
                f"The study {study.name} does not say where its cases lie: it was made "
                "by a script. Its labels are in its folder predictions."
            )
            return
        self._awaited = study
        if self._is_open(source.folder):
            self.take()
        else:
            self.folder_wanted.emit(source.folder)

    def take(self) -> None:
        """Show the labels of the study that waits, if its folder is open by now."""
        study, self._awaited = self._awaited, None
        source = study.record.source if study is not None else None
        if study is None or source is None or not self._is_open(source.folder):
            return
        rows = self._shelf.show_predictions(unseen_predictions(study))
        self._shelf.view.show_column("dice")
        self.shown.emit(rows)
        self.told.emit(
            f"Dice of {len(rows)} cases: each by the model of {study.name} that has "
            "not seen it."
        )

    def _is_open(self, folder: Path) -> bool:
        table = self._shelf.table
        return table is not None and table.folder.listing.root.resolve() == folder
