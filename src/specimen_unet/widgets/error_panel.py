"""The button that shows errors as a layer, and what its colours mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QSignalBlocker,
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from specimen_unet.domain.overlap import OTHER_LABEL
from specimen_unet.viewer.error_layer import ERRORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.layers


class ErrorPanel(QWidget):
    """Choose an observer and ask for the errors against it.

    Signals
    -------
    asked : napari.layers.Labels
        The truth against which the errors should be shown.
    """

    asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.truth_box = QComboBox()
        self.truth_box.setObjectName("errors_against")
        self.truth_box.setToolTip("The ground truth against which errors are shown.")
        self.truth_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.truth_box.setMinimumContentsLength(8)
        self.button = QPushButton("Show errors")
        self.button.setObjectName("show_errors")
        self.button.setToolTip(
            "Add a layer of what the prediction misses and what it adds. It changes "
            "as you paint."
        )
        self._legend = QLabel()
        self._truths: list[napari.layers.Layer] = []
        self.button.clicked.connect(self._ask)
        self._lay_out()

    def offer(
        self, truths: Sequence[napari.layers.Layer], *, several_labels: bool
    ) -> None:
        """Offer these ground truths, and keep the chosen one if it is among them."""
        self._legend.setText(_legend(several_labels))
        names = [layer.name for layer in truths]
        shown = [self.truth_box.itemText(i) for i in range(self.truth_box.count())]
        index = self.truth_box.currentIndex()
        chosen = self._truths[index] if 0 <= index < len(self._truths) else None
        self._truths = list(truths)
        if names == shown:
            return
        with QSignalBlocker(self.truth_box):
            self.truth_box.clear()
            self.truth_box.addItems(names)
            self.truth_box.setCurrentIndex(
                self._truths.index(chosen) if chosen in self._truths else 0
            )

    def _ask(self) -> None:
        index = self.truth_box.currentIndex()
        if 0 <= index < len(self._truths):
            self.asked.emit(self._truths[index])

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addWidget(QLabel("against"))
        row.addWidget(self.truth_box, 1)
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setWordWrap(True)
        self._legend.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._legend)


def _legend(several_labels: bool) -> str:
    """Name the colours of the error layer."""
    return " &nbsp; ".join(
        f'<span style="color:{colour}">■</span>&nbsp;{name.replace(" ", "&nbsp;")}'
        for error, (name, colour) in ERRORS.items()
        if several_labels or error != OTHER_LABEL
    )
