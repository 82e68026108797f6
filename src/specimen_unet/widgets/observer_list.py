"""A list of labels layers with a tick each: who is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QSignalBlocker,
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.layers

_ROWS = 5


class ObserverList(QListWidget):
    """Layers to tick. Ticks belong to the layers: they survive renaming and moving.

    Signals
    -------
    ticks_changed
        A person ticked or unticked a layer.
    """

    ticks_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ground_truth")
        self.setToolTip(
            "Tick the ground truth to compare with. With several, the observers are "
            "compared with each other too."
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._layers: list[napari.layers.Labels] = []
        self._ticks: WeakKeyDictionary[napari.layers.Labels, bool] = WeakKeyDictionary()
        self.setSpacing(1)
        self._turned: QListWidgetItem | None = None
        self.itemChanged.connect(self._keep_tick)
        self.itemPressed.connect(self._begin_click)
        self.itemClicked.connect(self._end_click)

    @property
    def layers(self) -> list[napari.layers.Labels]:
        """The layers that are offered."""
        return list(self._layers)

    @property
    def ticked(self) -> list[napari.layers.Labels]:
        """The layers that are ticked, in the order of the list."""
        return [layer for layer in self._layers if self._ticks.get(layer, False)]

    def offer(
        self,
        layers: Sequence[napari.layers.Labels],
        likely: Sequence[napari.layers.Labels],
        *,
        anew: bool = False,
    ) -> None:
        """Offer these layers; of those never seen before, tick the `likely` ones.

        With `anew`, whatever was ticked before is forgotten.
        """
        if anew:
            self._ticks.clear()
        for layer in layers:
            if layer not in self._ticks and any(layer is other for other in likely):
                self._ticks[layer] = True
        self._layers = list(layers)
        with QSignalBlocker(self):
            self.clear()
            for layer in layers:
                self.addItem(_item(layer, self._ticks.get(layer, False)))
        rows = (max(self.sizeHintForRow(0), 16) + 2) * min(max(len(layers), 1), _ROWS)
        self.setFixedHeight(rows + 2 * self.frameWidth() + 4)

    def _keep_tick(self, item: QListWidgetItem) -> None:
        self._turned = item
        self._ticks[self._layers[self.row(item)]] = _is_ticked(item)
        self.ticks_changed.emit()

    def _begin_click(self, item: QListWidgetItem) -> None:
        """Notice a click on a name; on a box, Qt turns it and tells no press."""
        self._turned = None

    def _end_click(self, item: QListWidgetItem) -> None:
        """Take a click on the name for a click on the box."""
        if self._turned is not item:
            item.setCheckState(_state(not _is_ticked(item)))


def _item(layer: napari.layers.Labels, ticked: bool) -> QListWidgetItem:
    """Make the line of a layer."""
    item = QListWidgetItem(layer.name)
    item.setToolTip(layer.name)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(_state(ticked))
    return item


def _state(ticked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked


def _is_ticked(item: QListWidgetItem) -> bool:
    return item.checkState() == Qt.CheckState.Checked
