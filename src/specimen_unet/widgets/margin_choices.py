"""Between what the margin is measured, and from when on it is close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QSignalBlocker,
    Signal,
)
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QWidget

from specimen_unet.viewer.specimen_guess import guess_specimen_and_tumour
from specimen_unet.widgets.label_box import LabelBox
from specimen_unet.widgets.margin_words import THRESHOLD, default_threshold
from specimen_unet.widgets.quantities import unit_name

if TYPE_CHECKING:
    from specimen_unet.domain.grid import Grid
    from specimen_unet.viewer.measured_labels import DrawnLabel, LayerSizes


class MarginChoices(QWidget):
    """Specimen, tumour and threshold; prefilled from the labels that are open.

    Signals
    -------
    label_changed
        A person chose another specimen or tumour.
    threshold_changed : float
        In the unit of the grid.
    """

    label_changed = Signal()
    threshold_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.specimen = LabelBox(
            "specimen", "The label of all tissue. Whether the tumour is left out of it "
            "makes no difference.",
        )  # fmt: skip
        self.tumour = LabelBox("tumour", "The label to which distances are measured.")
        self.threshold = QDoubleSpinBox()
        self.threshold.setObjectName("threshold")
        self.threshold.setToolTip("Surface with less margin than this counts as close.")
        self.threshold.setRange(0.01, 1e6)
        self.threshold.setSingleStep(0.5)
        self.threshold.setValue(THRESHOLD)
        self.threshold.setKeyboardTracking(False)
        self._layer: Any = None
        self._unit = ""
        for box in (self.specimen, self.tumour):
            box.label_changed.connect(self.label_changed)
        self.threshold.valueChanged.connect(self.threshold_changed)
        self._lay_out()

    @property
    def chosen(self) -> tuple[DrawnLabel | None, DrawnLabel | None]:
        """Specimen and tumour."""
        return self.specimen.label, self.tumour.label

    def offer(self, sizes: LayerSizes, layer: Any) -> None:
        """Offer the labels of a layer and of those that lie on it."""
        if layer is not self._layer:  # choices were made for another observer, say
            self._layer = layer
            self.specimen.forget()
            self.tumour.forget()
        specimen, tumour = guess_specimen_and_tumour(sizes.labels, layer)
        self.specimen.offer(sizes.labels, specimen)
        self.tumour.offer(sizes.labels, tumour)
        self._take_unit(sizes.grid)

    def _take_unit(self, grid: Grid) -> None:
        """Tell the threshold in the unit of the layer."""
        if grid.unit == self._unit:
            return
        self._unit = grid.unit
        with QSignalBlocker(self.threshold):
            self.threshold.setSuffix(f" {unit_name(grid.unit, 1)}")
            self.threshold.setValue(default_threshold(grid.unit))

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, control in (
            ("Specimen", self.specimen),
            ("Tumour", self.tumour),
            ("Close below", self.threshold),
        ):
            text = QLabel(label)
            text.setToolTip(control.toolTip())
            form.addRow(text, control)
