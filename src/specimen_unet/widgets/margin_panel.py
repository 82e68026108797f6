"""The margin between specimen and tumour: choices, result, and ways to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Qt,
    Signal,
)
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from specimen_unet.viewer.margin_layer import CLOSER, COLOURS, NOT_CLOSER
from specimen_unet.widgets.margin_choices import MarginChoices
from specimen_unet.widgets.margin_words import margin_sentences
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.quantities import unit_name

if TYPE_CHECKING:
    from specimen_unet.viewer.measured_labels import MeasuredMargin


class MarginPanel(QWidget):
    """What the margin is, where it is narrowest, and what to beware of.

    Signals
    -------
    place_asked
        Somebody wants to see the narrowest place.
    layers_asked
        Somebody wants to see the margins as layers.
    """

    place_asked = Signal()
    layers_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choices = MarginChoices()
        self.problem = Note("margin_problem", "problem")
        self.result = Note("margin")
        self.remarks = Note("margin_remarks", "caution")
        self.go_button = _button(
            "go_to_margin",
            "Go to the narrowest",
            "Show the narrowest place in the middle of the view.",
        )
        self.show_button = _button(
            "show_margins",
            "Show the margins",
            "Add layers that colour the surface by its margin: outlines in slices, a "
            "surface in 3D. They change as you paint.",
        )
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._measured: MeasuredMargin | None = None
        self.go_button.clicked.connect(self.place_asked)
        self.show_button.clicked.connect(self.layers_asked)
        self.choices.threshold_changed.connect(self._tell)
        self._lay_out()
        self.show_problem("")

    @property
    def measured(self) -> MeasuredMargin | None:
        """The margin that is shown."""
        return self._measured

    def show_margin(self, measured: MeasuredMargin) -> None:
        """Show a margin that was measured."""
        self._measured = measured
        self.problem.tell("")
        self.remarks.tell("\n".join(measured.remarks))
        self._tell()
        self._enable(True)

    def show_problem(self, message: str) -> None:
        """Say why there is no margin."""
        self._measured = None
        self.problem.tell(message)
        self.result.tell("")
        self.remarks.tell("")
        self._enable(False)

    def _tell(self) -> None:
        """Write the result in sentences."""
        if self._measured is None:
            return
        found, threshold = self._measured.margin, self.choices.threshold.value()
        self.result.tell(margin_sentences(found, threshold))
        unit = unit_name(found.grid.unit, 1)
        self._legend.setText(
            f"{_patch(CLOSER)}&nbsp;closer than {threshold:g} {unit} &nbsp; "
            f"{_patch(NOT_CLOSER)}&nbsp;{threshold:g} {unit} or more"
        )

    def _enable(self, has_margin: bool) -> None:
        for part in (self.go_button, self.show_button, self._legend):
            part.setVisible(has_margin)

    def _lay_out(self) -> None:
        title = QLabel("Margin around the tumour")
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        buttons = QHBoxLayout()
        buttons.addWidget(self.go_button)
        buttons.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 0)
        column.addWidget(title)
        column.addWidget(self.choices)
        for note in (self.problem, self.result, self.remarks):
            column.addWidget(note.native)
        column.addLayout(buttons)
        column.addWidget(self._legend)


def _button(name: str, text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tooltip)
    return button


def _patch(value: int) -> str:
    return f'<span style="color:{COLOURS[value]}">■</span>'
