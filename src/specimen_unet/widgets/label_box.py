"""A combo box of labels, which may stand in several layers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QSignalBlocker,
    Signal,
)
from qtpy.QtWidgets import QComboBox, QWidget

from specimen_unet.widgets.elision import MiddleElision
from specimen_unet.widgets.layer_choice import narrow_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.viewer.measured_labels import DrawnLabel

_NONE = "not chosen"


class LabelBox(QComboBox):
    """Offers labels; what a person chose stays chosen for as long as it is offered.

    Signals
    -------
    label_changed
        By a person.
    """

    label_changed = Signal()

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setToolTip(tooltip)
        narrow_box(self)
        self.installEventFilter(MiddleElision(self))
        self._labels: list[DrawnLabel | None] = [None]
        self._by_person = False
        self.addItem(_NONE)
        self.activated.connect(self._take)

    @property
    def label(self) -> DrawnLabel | None:
        """The label that is chosen."""
        return self._labels[max(self.currentIndex(), 0)]

    def offer(self, labels: Sequence[DrawnLabel], likely: DrawnLabel | None) -> None:
        """Offer these labels; where no person has chosen one, choose the likely one."""
        kept = self.label if self._by_person and self.label in labels else None
        self._by_person = kept is not None
        texts = [_NONE, *_texts(labels)]
        self._labels = [None, *labels]
        with QSignalBlocker(self):
            if texts != [self.itemText(index) for index in range(self.count())]:
                self.clear()
                self.addItems(texts)
            self.setCurrentIndex(self._labels.index(kept or likely))

    def forget(self) -> None:
        """Let the next offer choose, whatever a person chose before."""
        self._by_person = False

    def _take(self) -> None:
        self._by_person = self.label is not None
        self.label_changed.emit()


def _texts(labels: Sequence[DrawnLabel]) -> list[str]:
    """Name labels by their layers, where there are several, as short as can be."""
    in_layer = Counter(label.layer for label in labels)
    if len(in_layer) < 2:
        return [label.name for label in labels]
    return [
        str(label.layer.name)
        if in_layer[label.layer] == 1
        else f"{label.layer.name}: {label.name}"
        for label in labels
    ]
