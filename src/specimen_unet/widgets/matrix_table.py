"""How far every pair agrees, as a table with a row and a column for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.widgets.number_table import NumberTable
from specimen_unet.widgets.quantities import score_text

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from specimen_unet.domain.yardsticks import AgreementMatrix

MOST_NAMES = 5
"""More columns than these have no room in a dock; what is saved has them all."""


class MatrixTable(NumberTable):
    """Mean Dice of every pair; a tip says over how many cases."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("agreement", 1, parent)

    def show_matrix(self, matrix: AgreementMatrix) -> None:
        """Show a matrix, the first few names of it."""
        self.values = matrix.mean.reset_index(names="annotation")
        names = [str(name) for name in matrix.mean][:MOST_NAMES]
        self.setColumnCount(1 + len(names))
        self.setRowCount(len(names))
        self.name_column(0, "Mean Dice", "Of every pair, over cases and labels.")
        for column, name in enumerate(names, start=1):
            self.name_column(column, name, name)
        for row, name in enumerate(names):
            self.write_cell(row, 0, name, name)
            for column, other in enumerate(names, start=1):
                if name == other:
                    self.write_cell(row, column, "", "")
                    continue
                mean = float(matrix.mean.loc[name, other])  # type: ignore[arg-type]
                cases = int(matrix.cases.loc[name, other])  # type: ignore[arg-type]
                tip = f"{name} and {other}: {mean:.6f}, mean of {cases} cases"
                self.write_cell(row, column, score_text(mean), tip)
        self.fit_height()
