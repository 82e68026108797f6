"""Ways to take a table elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from specimen_unet.files.replacing import replaced
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.widgets.number_table import NumberTable


class TableExport(QWidget):
    """Buttons that copy a table and save it, and a line that says so.

    Parameters
    ----------
    table : NumberTable
        The table.
    what : str
        What it holds, in the plural: "scores". Also the name of the file.
    """

    def __init__(
        self, table: NumberTable, what: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._table, self._what = table, what
        self.copy_button = QPushButton("Copy table")
        self.copy_button.setObjectName("copy_table")
        self.copy_button.setToolTip(f"Copy all {what}, to paste into a spreadsheet.")
        self.save_button = QPushButton("Save CSV…")
        self.save_button.setObjectName("save_csv")
        self.save_button.setToolTip(f"Save all {what} as a table of numbers.")
        self.note = Note("table_note")
        self.copy_button.clicked.connect(self._copy)
        self.save_button.clicked.connect(self._save)
        self._lay_out()

    def _copy(self) -> None:
        self._table.copy()
        self.note.tell("Copied: paste it into a spreadsheet.")

    def _save(self) -> None:
        """Ask where to, and write the table there."""
        chosen, _ = QFileDialog.getSaveFileName(
            self, f"Save the {self._what}", f"{self._what}.csv", "Table (*.csv)"
        )
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(".csv")
        try:
            with replaced(path) as temporary:
                temporary.write_text(self._table.text(separator=","), encoding="utf-8")
        except OSError as error:
            self.note.tell(f"{path} cannot be written: {error.strerror}.")
        else:
            self.note.tell(f"Saved: {path}")

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.note.native)
