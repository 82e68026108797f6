"""Controls below one another, with their labels in a column beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Container, Widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

# How wide a list of choices is at least, counted in letters X as Qt does: as the choice
# that it opens with, where that is not the long name of a layer.
_WIDTH_OF_LETTERS = 0.65
_FEWEST_LETTERS = 8
_MOST_LETTERS = 13


class FieldGrid(Container[Widget]):
    """Labels and controls in two columns, as wide as the font makes them.

    magicgui measures labels before napari has set its font, and clips them.

    Parameters
    ----------
    name : str
        Stable name.
    controls : sequence of Widget
        From top to bottom; a control's `label` is what stands beside it.
    """

    def __init__(self, name: str, controls: Sequence[Widget]) -> None:
        super().__init__(labels=False, name=name)
        self.margins = (0, 0, 0, 0)
        self._controls = tuple(controls)  # Qt owns their windows, nobody else them
        grid = QWidget()
        rows = QFormLayout(grid)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(8)
        rows.setVerticalSpacing(5)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for control in controls:
            _narrow(control.native)
            rows.addRow(_label(control), control.native)
        self._rows = rows
        self.native.layout().addWidget(grid)

    def show_row(self, control: Widget, is_shown: bool) -> None:
        """Show or hide a control with its label."""
        self._rows.setRowVisible(control.native, is_shown)


def _narrow(native: QWidget) -> None:
    """Keep long names of layers and models from making a row wider than the dock."""
    if isinstance(native, QComboBox):
        native.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        usual = round(_WIDTH_OF_LETTERS * len(native.currentText()))
        native.setMinimumContentsLength(min(max(_FEWEST_LETTERS, usual), _MOST_LETTERS))


def _label(control: Widget) -> QLabel:
    """Make the label of a control; a check box bears its own."""
    label = QLabel("" if isinstance(control, CheckBox) else control.label)
    label.setToolTip(control.tooltip)
    label.setBuddy(control.native)
    return label
