"""The table of scores: who against whom, a row a label."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QTableWidgetItem, QWidget

from specimen_unet.widgets.number_table import NumberTable
from specimen_unet.widgets.quantities import (
    UNDEFINED,
    score_text,
    size_text,
    size_unit,
)

if TYPE_CHECKING:
    import pandas as pd

_SCORES = {
    "dice": ("Dice", "2 × what both have / (what one has + what the other has)."),
    "iou": ("IoU", "What both have / what either has."),
    "precision": ("Prec.", "Precision: share of the first that the second has too."),
    "recall": ("Recall", "Share of the second that the first has too."),
}
_SIZES = ["predicted_size", "true_size"]
_WHY_UNDEFINED = {
    "dice": "Undefined: neither of the two has this label.",
    "iou": "Undefined: neither of the two has this label.",
    "precision": "Undefined: the first has no voxel of this label.",
    "recall": "Undefined: the second has no voxel of this label.",
}
MOST_LABELS = 40
"""Labels of a pair that are shown; with more, they are cells or the like."""

_COLUMNS = ("name", *_SCORES, "sizes")


class ScoreTable(NumberTable):
    """Scores of every pair of annotations under a line that names the pair."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("scores", len(_COLUMNS), parent)
        self._pairs: list[tuple[int, tuple[str, str]]] = []
        self._size_unit = ""

    def show_scores(self, table: pd.DataFrame, *, unit: str, dimensions: int) -> None:
        """Show `table`; cells are changed in place, so nothing flickers or scrolls.

        Parameters
        ----------
        table : DataFrame
            One row a pair (`first`, `second`) and label (`label`, `name`, `dice`,
            `iou`, `precision`, `recall`, `predicted_size`, `true_size`); pairs one
            after the other. Of each pair the first `MOST_LABELS` are shown.
        unit : str
            Unit of length of the sizes; "pixel" where they count voxels.
        dimensions : int
            2 where the sizes are areas, 3 where they are volumes.
        """
        self.values = table
        table = table.groupby(["first", "second"], sort=False).head(MOST_LABELS)
        largest = table[_SIZES].to_numpy(dtype=float).max(initial=0.0)
        factor, self._size_unit = size_unit(unit, dimensions, largest)
        self._name_columns("Areas" if dimensions == 2 else "Volumes")
        self._lay_out_rows(table)
        row = 0
        for _, pair in table.groupby(["first", "second"], sort=False):
            for row, scores in enumerate(pair.to_dict("records"), start=row + 1):  # noqa: B020
                self._show_row(row, scores, factor)
            row += 1
        self.fit_height()

    def _name_columns(self, sizes: str) -> None:
        """Name every column, sizes with their unit."""
        names = [("Label", "The label, by its name."), *_SCORES.values()]
        names += [
            (f"{sizes}\n{self._size_unit}", f"{sizes} of the first / the second.")
        ]
        for column, (name, tip) in enumerate(names):
            self.name_column(column, name, tip)

    def _lay_out_rows(self, table: pd.DataFrame) -> None:
        """Make a line for every pair, when other pairs or labels are shown."""
        counts = Counter(zip(table["first"], table["second"], strict=True))
        pairs = [(count, pair) for pair, count in counts.items()]
        if pairs == self._pairs:
            return
        self._pairs = pairs
        self.clearSpans()
        self.setRowCount(0)
        self.setRowCount(len(pairs) + sum(count for count, _ in pairs))
        row = 0
        for count, (first, second) in pairs:
            # Who is judged is chosen above; its name is long, and cut off here.
            is_judged = first == pairs[0][1][0]
            title = f"{'Prediction' if is_judged else first} against {second}"
            self._show_title(row, title, f"{first} against {second}")
            row += 1 + count

    def _show_title(self, row: int, title: str, tip: str) -> None:
        """Name a pair across the whole width."""
        item = QTableWidgetItem(title)
        item.setToolTip(tip)
        font = item.font()
        font.setBold(True)
        item.setFont(font)
        self.setItem(row, 0, item)
        self.setSpan(row, 0, 1, len(_COLUMNS))

    def _show_row(self, row: int, scores: dict[Any, Any], factor: float) -> None:
        """Show one label of one pair."""
        self.write_cell(row, 0, _short_name(scores), f"Label {scores['label']}")
        for column, name in enumerate(_SCORES, start=1):
            text = score_text(scores[name])
            tip = _WHY_UNDEFINED[name] if text == UNDEFINED else f"{scores[name]:.6f}"
            self.write_cell(row, column, text, tip)
        first, second = (size_text(scores[name] / factor) for name in _SIZES)
        self.write_cell(
            row,
            len(_COLUMNS) - 1,
            f"{first} / {second}",
            f"{scores['first']}: {first} {self._size_unit}\n"
            f"{scores['second']}: {second} {self._size_unit}\n"
            f"{_difference(scores)}",
        )


def _short_name(scores: dict[Any, Any]) -> str:
    """Name a label; of one that nobody named the number will do, below "Label"."""
    name, label = str(scores["name"]), str(scores["label"])
    return label if name == f"label {label}" else name


def _difference(scores: dict[Any, Any]) -> str:
    """Say how much larger or smaller the first is."""
    percent = float(scores.get("size_difference_percent", math.nan))
    if math.isnan(percent):
        return "Difference: undefined, as the second has nothing of it."
    return f"Difference: {percent:+.1f} % of the second"
